"""Erasing what is on record of a number, for its owner who asks for it."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from ari_app.access.scopes import Access, Scope
from ari_app.web.access import require
from ari_app.web.problems import problems
from ari_app.web.services import Router

resource = APIRouter(prefix="/history/erasures", tags=["history"])

Asking = Annotated[Access, require(Scope.HISTORY_ERASE)]


class WantedErasure(BaseModel):
    """Whose data is to go."""

    model_config = ConfigDict(extra="forbid")

    number: str = Field(
        min_length=1,
        max_length=64,
        pattern=r"^[^\x00]*\d[^\x00]*$",
        description="in any form; without a plus it is read as in the region of the dial policy",
        examples=["+14155550177"],
    )


class Erasure(BaseModel):
    """What was deleted."""

    number: str = Field(description="as it was asked for")
    calls: int = Field(ge=0, description="calls with this number")
    parts: int = Field(ge=0, description="parts of them, by user, queue or team")
    events: int = Field(ge=0, description="events of them")
    answers: int = Field(ge=0, description="last good answers, of all numbers: whose they are cannot be told")
    outgoing: int = Field(ge=0, description="counts of the dial policy that no longer tell to which number")
    messages: int = Field(ge=0, description="text messages from or to this number")
    notices: int = Field(ge=0, description="notices with this number that webhooks have carried, or were to carry")
    contacts: int = Field(ge=0, description="contacts of the phone book with this number; CRMs are not changed")
    recordings: int = Field(ge=0, description="recordings of deleted calls, whose files are gone")
    in_progress: int = Field(ge=0, description="calls that go on or have just ended, and were left: ask again later")


@resource.post("", operation_id="eraseNumber", responses=problems(400, 401, 403, 422))
async def erase_number(router: Router, _: Asking, wanted: WantedErasure) -> Erasure:
    """Delete every call with this number, in whatever form it was written. It cannot be undone."""
    return Erasure(number=wanted.number, **asdict(await router.erasing.erase(wanted.number.strip())))
