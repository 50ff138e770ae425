"""How the phone book's copies are brought up to date: begun on demand, and looked after."""

from typing import Annotated, Any, Final, Self

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, Field

from agi_router.routing.errors import Failure
from ari_app.access.scopes import Access, Scope
from ari_app.domain.phone_book import SyncRun, SyncState
from ari_app.live.contact_json import sync_as_json
from ari_app.web.access import require
from ari_app.web.call_filter import STORABLE
from ari_app.web.failures import problem_of
from ari_app.web.links import sync_path
from ari_app.web.problems import problems
from ari_app.web.services import Router
from ari_app.wire.calls import Moment

resource = APIRouter(prefix="/crm", tags=["contacts"])

Reading = Annotated[Access, require(Scope.CONTACTS_READ)]
Writing = Annotated[Access, require(Scope.CONTACTS_WRITE)]
CrmName = Annotated[str, Path(min_length=1, max_length=64, pattern=STORABLE, examples=["hubspot"])]

_BEGUN: Final[dict[int | str, dict[str, Any]]] = {
    202: {
        "description": "A run goes on.",
        "headers": {"Location": {"description": "Where to see how far it has come.", "schema": {"type": "string"}}},
    }
}


class Trouble(BaseModel):
    """Why a run broke off."""

    code: str = Field(examples=["crm_failed"])
    message: str
    remedy: str


class Sync(BaseModel):
    """The run that goes on, or the last one there was."""

    connector: str = Field(examples=["hubspot"])
    state: SyncState | None = Field(description="null: there was none yet")
    run: int = Field(ge=0, description="counts the runs")
    started_at: Moment | None
    ended_at: Moment | None
    whole_at: Moment | None = Field(description="when the last run ended that broke off nowhere: the age of the copy")
    full: bool | None = Field(description="whether all contacts are asked for, or only those that have changed")
    full_at: Moment | None = Field(description="when the last such run ended that has read all contacts")
    hook: str = Field(description="the list that is read, or was when the run broke off", examples=["Contacts"])
    page: int = Field(ge=0, description="of that list, from 1 on")
    seen: int = Field(ge=0, description="contacts that the CRM told")
    changed: int = Field(ge=0, description="of them those that were new, or other than in the copy")
    unusable: int = Field(ge=0, description="records without an id")
    deleted: int = Field(ge=0, description="contacts that the CRM has no more; only a whole run deletes")
    trouble: Trouble | None = Field(description="why it broke off")

    @classmethod
    def of(cls, connector: str, run: SyncRun | None) -> Self:
        """The run as it is shown."""
        return cls.model_validate(sync_as_json(connector, run))


@resource.post(
    "/{crm}/sync",
    operation_id="syncContacts",
    status_code=202,
    responses=_BEGUN | problems(400, 401, 403, 404, 409, 422),
)
async def sync_contacts(
    router: Router,
    crm: CrmName,
    _: Writing,
    response: Response,
    full: Annotated[
        bool, Query(description="all of them, also where the CRM can be asked for what has changed alone")
    ] = False,
) -> Sync:
    """Have the contacts and organizations of a CRM read into the phone book. A run that goes on already is joined."""
    begun = await router.contacts.sync(crm, full=full)
    if isinstance(begun, Failure):
        raise problem_of(begun)
    response.headers["location"] = sync_path(crm)
    return Sync.of(crm, begun)


@resource.get("/{crm}/sync", operation_id="getContactSync", responses=problems(401, 403, 404, 422))
async def get_contact_sync(router: Router, crm: CrmName, _: Reading) -> Sync:
    """How far the run has come, or what came of the last one."""
    run = router.contacts.last_run(crm)
    if isinstance(run, Failure):
        raise problem_of(run)
    return Sync.of(crm, run)
