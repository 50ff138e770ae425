"""Click to dial over HTTP: a call is placed, once, and whoever asks may wait for what becomes of it."""

import asyncio
from contextlib import suppress
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from agi_router.decide.planning import MOST_PARAMETERS
from agi_router.routing.carried import LONGEST_VALUE
from agi_router.routing.click_to_dial import CallRequest
from agi_router.routing.errors import Failure
from ari_app.access.scopes import Access, Scope
from ari_app.calls.supervisor import Rejected
from ari_app.domain.record import CallRecord, fold
from ari_app.live.once import Outcome, Placed
from ari_app.live.placing import CallForm
from ari_app.live.steering import CallState, state_of
from ari_app.web.access import require
from ari_app.web.failures import problem_of
from ari_app.web.idempotency import REPLAYED, IdempotencyKey
from ari_app.web.links import call_path, live_call_path
from ari_app.web.problems import problems
from ari_app.web.services import Router, Services
from ari_app.wire.calls import Call

LONGEST_WAIT_S: Final = 120.0
"""Proxies on the way give up sooner or later; nginx after a minute of silence, unless told otherwise."""

Wait = Literal["answered", "ended"]


class CallBody(CallForm):
    """A call to be placed: `user` is to speak with `number`."""

    # As a whole, beside the fields' own: whoever tries it on the page of docs has no campaign of that name.
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"user": "ada@example.com", "number": "+12025550123", "name": "Grace Hopper"}]}
    )

    parameters: dict[
        Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")], Annotated[str, Field(max_length=LONGEST_VALUE)]
    ] = Field(
        default_factory=dict,
        max_length=MOST_PARAMETERS,
        description="Channel variables of both sides: lead becomes AGI_ROUTER_PARAM_lead.",
        examples=[{"lead": "77"}],
    )


class Links(BaseModel):
    """Where it goes on."""

    record: str = Field(examples=["/api/v1/calls/20261121T114416-b09fa47b187a"])
    trace: str = Field(examples=["/api/v1/calls/20261121T114416-b09fa47b187a/trace"])
    live: str = Field(examples=["/api/v1/live/20261121T114416-b09fa47b187a"])


class PlacedCall(BaseModel):
    """A call that was placed."""

    call_id: str = Field(examples=["20261121T114416-b09fa47b187a"])
    state: CallState | Literal["ended"] = Field(examples=["setup"])
    links: Links
    call: Call | None = Field(default=None, description="Its record so far, for who has waited.")


_PLACED: Final[dict[str, Any]] = {
    "Location": {"description": "The call's record.", "schema": {"type": "string"}},
    **REPLAYED,
}

resource = APIRouter(prefix="/calls", tags=["calls"])


@resource.post(
    "",
    operation_id="placeCall",
    status_code=202,
    responses={
        200: {"model": PlacedCall, "description": "What was waited for has come.", "headers": _PLACED},
        202: {"description": "The first phones are being rung.", "headers": _PLACED},
        **problems(400, 401, 403, 404, 409, 422, 429, 503),
    },
)
async def place_call(
    *,
    form: CallBody,
    router: Router,
    access: Annotated[Access, require(Scope.CALLS_PLACE)],
    response: Response,
    key: IdempotencyKey,
    wait: Annotated[
        Wait | None, Query(description="Answer when both speak or it is over (answered), or when it is over (ended).")
    ] = None,
    wait_s: Annotated[float, Query(gt=0, le=LONGEST_WAIT_S, description="For at most so many seconds.")] = 30,
) -> PlacedCall:
    """Place a call: the agent's phones ring, and when one is picked up, the customer's.

    It goes on whether or not somebody waits for the answer. 200: what was waited for has come. 404: it names what
    there is not. 409: the agent is not ready. 403 and 429: the dial policy and its limits. 503: nothing has happened,
    ask again. A refused request that is
    on record has its `call_id` in the problem.
    """
    request = form.request(access.key)
    placed = await (router.once.place(request, access.key_id, key) if key else _place(router, request))
    replayed = {"idempotency-replayed": "true"} if placed.is_replay else {}
    match placed.result:
        case Failure() as why:
            raise problem_of(why)
        case Rejected(call_id, why):
            problem = problem_of(why, call_id)
            problem.headers |= replayed
            raise problem
        case call_id:
            response.headers.update({"location": call_path(call_id), **replayed})
    if wait is None:
        return _answer(call_id, "setup")
    record = await waited(router, call_id, wait, wait_s)
    if record.ended_at is not None or (wait == "answered" and record.answered_at is not None):
        response.status_code = 200
    return _answer(call_id, _state(router, record), record)


async def _place(router: Services, request: CallRequest) -> Placed:
    return Outcome(await router.supervisor.place(request))


async def waited(router: Services, call_id: str, wait: Wait, wait_s: float) -> CallRecord:
    """The record of this call when what was waited for has come, or the time is over."""
    until = router.supervisor.until_answered if wait == "answered" else router.supervisor.until_over
    with suppress(TimeoutError):
        async with asyncio.timeout(wait_s):
            await until(call_id)
    return fold(call_id, await router.feed.happened(call_id))


def _state(router: Services, record: CallRecord) -> CallState | Literal["ended"]:
    if record.ended_at is not None:
        return "ended"
    if (call := router.supervisor.live.get(record.call_id)) is not None:
        return state_of(call)
    return "setup" if record.answered_at is None else "talking"  # of a router that stops


def _answer(call_id: str, state: CallState | Literal["ended"], record: CallRecord | None = None) -> PlacedCall:
    path = call_path(call_id)
    return PlacedCall(
        call_id=call_id,
        state=state,
        links=Links(record=path, trace=f"{path}/trace", live=live_call_path(call_id)),
        call=None if record is None else Call.model_validate(record),
    )
