"""The users of CRMs: who of the directory each of them is."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from agi_router.directory.crm_users import MatchedBy
from agi_router.routing.errors import Failure
from ari_app.access.scopes import Access, Scope
from ari_app.web.access import require
from ari_app.web.paging import Listed, PageWanted
from ari_app.web.problems import ProblemError, problems
from ari_app.web.services import Router

resource = APIRouter(prefix="/crm", tags=["CRM"])

Asking = Annotated[Access, require(Scope.DIRECTORY_READ)]
Name = Annotated[str, Path(min_length=1, max_length=64, description="the connector's", examples=["hubspot"])]


class CrmUserShown(BaseModel):
    """A user of a CRM; "" is what the CRM does not tell."""

    crm_id: str = Field(examples=["77"])
    name: str = Field(examples=["Ada"])
    email: str
    extension: str
    phone: str
    user: str | None = Field(description="the id of our user that it is; null: of none", examples=["456"])
    matched_by: MatchedBy | None = Field(description="by what that was found", examples=["email"])
    problem: Failure | None = Field(description="why it is nobody, and what to do")


class UnknownThere(BaseModel):
    """A user of ours whom the CRM does not know."""

    user: str = Field(description="his id", examples=["457"])
    name: str


class UnlistedId(BaseModel):
    """The configuration names an id that the CRM does not list."""

    user: str = Field(description="the id of our user", examples=["458"])
    crm_id: str = Field(examples=["99"])


class CrmUsersListed(Listed[CrmUserShown]):
    """A page of a CRM's users."""

    read_at: datetime | None = Field(description="when the CRM listed them; null: never")
    failure: dict[str, str] | None = Field(description="why the last reading came to nothing, and when (`at`)")
    unknown_there: list[UnknownThere] = Field(description="our users whom the CRM does not know")
    unlisted: list[UnlistedId] = Field(description="ids of the configuration that the CRM does not list")


@resource.get("/{name}/users", operation_id="listCrmUsers", responses=problems(401, 403, 404, 422))
async def list_crm_users(router: Router, name: Name, page: PageWanted, _: Asking) -> CrmUsersListed:
    """The users of a connected CRM, in its order, each with who he is of ours and by what, or what to do."""
    try:
        told = router.crm_users.of(name)
    except KeyError:
        names = ", ".join(router.crm_users.names) or "none"
        raise ProblemError(404, "crm_unknown", f"there is no CRM {name}", f"Connected are: {names}.") from None
    part = page.of([CrmUserShown.model_validate(user) for user in told["users"]])
    return CrmUsersListed(
        items=list(part.items),
        total=part.total,
        next=part.next,
        read_at=told["read_at"],
        failure=told["failure"],
        unknown_there=told["unknown_there"],
        unlisted=told["unlisted"],
    )
