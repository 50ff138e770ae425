"""The CRMs that are connected: how each one's login stands, what its document can do, and the fields of its form."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field

from agi_router.routing.errors import Failure
from ari_app.access.scopes import Access, Scope
from ari_app.crm.document import PropertyType
from ari_app.crm.standing import LoginState, Result
from ari_app.crm.told import connector_as_json
from ari_app.domain.crm import HookName, OnceBy
from ari_app.web.access import require
from ari_app.web.paging import Listed, PageWanted
from ari_app.web.problems import problems
from ari_app.web.services import Router
from ari_app.wire.calls import Moment

resource = APIRouter(prefix="/crm", tags=["CRM"])

Asking = Annotated[Access, require(Scope.CRM_READ)]


class TokenShown(BaseModel):
    """How the access token of OAuth 2.0 stands; the token itself is told to nobody."""

    endpoint: str = Field(description="who issues it")
    grant: str = Field(examples=["refresh_token"])
    obtained_at: Moment | None
    valid_until: Moment | None = Field(description="null: without a token, and where its end is not told")
    is_usable: bool
    failure: Failure | None = Field(description="why there is no newer one")
    next_try_at: Moment | None


class AbilitiesShown(BaseModel):
    """What the document can do."""

    hooks: list[HookName]
    once_by: OnceBy = Field(description="how one call makes one activity, whatever breaks off")
    visible_after_s: float = Field(description="so long a new activity may not be found yet")
    number_forms: list[str] = Field(description="in which a number is looked for", examples=[["e164", "national"]])


class PropertyShown(BaseModel):
    """A field of the form by which the CRM is connected."""

    name: str = Field(examples=["Access token"])
    label: str
    type: PropertyType
    required: bool
    default: str
    hint: str
    options: list[str]
    is_set: bool
    is_configured: bool = Field(description="its value stands in the configuration, which goes before a login")
    value: str | None = Field(description="null: it has none, or it is a secret")


class ConnectorShown(BaseModel):
    """A CRM of the configuration."""

    name: str = Field(description="in the configuration", examples=["hubspot"])
    title: str = Field(description="what people call the CRM", examples=["HubSpot"])
    document: str = Field(description="the id of its document", examples=["hubspot"])
    state: LoginState = Field(description="whether the CRM lets the router in")
    since: Moment
    remedy: str = Field(
        description="what to do; empty: nothing", examples=["log in again: agi-router crm login hubspot"]
    )
    doubt: str = Field(description="why callers may be unknown by a mistake of the document; empty: nothing tells so")
    missing: list[str] = Field(description="required properties without a value")
    failure: Failure | None = Field(description="why the last request that failed did; others may have come since")
    failed_at: Moment | None
    answered_at: Moment | None = Field(description="when the CRM last did what it was asked")
    token: TokenShown | None
    abilities: AbilitiesShown
    properties: list[PropertyShown]
    requests: dict[HookName, dict[Result, int]] = Field(description="since the start, by what came of them")


@resource.get("", operation_id="listCrms", responses=problems(401, 403, 422))
async def list_crms(router: Router, page: PageWanted, _: Asking) -> Listed[ConnectorShown]:
    """The CRMs in the order of the configuration, as `agi-router crm status --json` prints them."""
    part = page.of(router.crm.values())
    shown = [ConnectorShown.model_validate(connector_as_json(connector)) for connector in part.items]
    return Listed(items=shown, total=part.total, next=part.next)
