"""The dial policy: how much was dialled outside, and whether a number would be dialled now."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from agi_router.routing.errors import Failure
from agi_router.routing.volume_limits import Measure
from ari_app.access.scopes import Access, Scope
from ari_app.web.access import require
from ari_app.web.problems import problems
from ari_app.web.services import Router

resource = APIRouter(prefix="/policy", tags=["dial policy"])

Asking = Annotated[Access, require(Scope.POLICY_READ)]


class Counter(BaseModel):
    """One measure of those whose calls are counted together."""

    scope: Literal["limits", "route_limits", "key_limits"] = Field(
        description="which limits of `policy` hold: those of all calls, of a route, of an API key"
    )
    name: str = Field(description="the route's or the key's; empty for all calls")
    measure: Measure
    value: float = Field(ge=0)
    limit: int | None = Field(description="null: none")
    state: Literal["free", "near", "reached"]
    number: str | None = Field(description="the one that was called most, where one number's calls are counted")
    room_at: datetime | None = Field(description="when a limit that is reached lets the next call through")


class Counters(BaseModel):
    """How much was dialled outside, and what the limits are."""

    counters: list[Counter]


class Verdict(Counters):
    """Whether a number would be dialled at this moment."""

    number: str = Field(description="in E.164, where it is one", examples=["+14155550177"])
    allowed: bool
    error: Failure | None = Field(description="why not")


@resource.get("", operation_id="getPolicy", responses=problems(401, 403))
async def get_policy(router: Router, _: Asking) -> Counters:
    """The counters of the dial policy, as `agi-router policy --json` prints them."""
    return Counters.model_validate(router.rules.as_json({}))


@resource.get("/{number}", operation_id="judgeNumber", responses=problems(401, 403, 404, 422))
async def judge_number(
    router: Router,
    _: Asking,
    number: Annotated[str, Path(min_length=1, max_length=64, examples=["+14155550177"])],
    route: Annotated[str, Query(max_length=64, description="for a caller of this route")] = "",
    key: Annotated[str, Query(max_length=64, description="for a program with the API key of this name")] = "",
) -> Verdict:
    """Whether this number would be dialled now. Nothing is dialled and nothing counted."""
    return Verdict.model_validate(router.rules.as_json({"number": number, "route": route, "key": key}))
