"""Whose number it was, chosen by somebody: the contact of a call in one CRM."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from agi_router.routing.errors import Failure
from ari_app.access.scopes import Access, Scope
from ari_app.live.contact_choice import ChoiceForm
from ari_app.web.access import require
from ari_app.web.call_filter import STORABLE
from ari_app.web.calls import CallId
from ari_app.web.failures import problem_of
from ari_app.web.problems import problems
from ari_app.web.services import Router
from ari_app.wire.calls import Contact

resource = APIRouter(prefix="/calls", tags=["calls"])

ConnectorName = Annotated[str, Path(min_length=1, max_length=64, pattern=STORABLE, examples=["hubspot"])]


class ChosenContact(BaseModel):
    """The contact with whom the call was."""

    model_config = ConfigDict(extra="forbid")

    contact_id: str = Field(
        min_length=1, max_length=255, pattern=STORABLE, description="the CRM's id of the contact", examples=["512"]
    )


@resource.put(
    "/{call_id}/contacts/{connector}",
    operation_id="chooseContact",
    responses=problems(400, 401, 403, 404, 422, 503),
)
async def choose_contact(
    router: Router,
    call_id: CallId,
    connector: ConnectorName,
    chosen: ChosenContact,
    access: Annotated[Access, require(Scope.CONTACTS_WRITE)],
) -> Contact:
    """Say whose number it was: of several who share it, or instead of whom the CRM had told; also after the call.

    The CRM's activity of the call is assigned to this contact. Whether the CRM has it is not looked up. Once more the
    same changes nothing. 404: there is no such call, or no such connector.
    """
    wanted = ChoiceForm(call_id=call_id, connector=connector, contact_id=chosen.contact_id)
    told = await router.contact_choice.choose(wanted, by=f"the key {access.key}")
    if isinstance(told, Failure):
        raise problem_of(told)
    return Contact.model_validate(told)
