"""Live calls: which there are, and what may be done to one."""

import asyncio
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from agi_router.routing.errors import Failure
from agi_router.routing.printable import one_line
from ari_app.access.scopes import Access, Scope
from ari_app.calls.steering_request import (
    MOST_DIGITS,
    Action,
    CancelTransfer,
    CompleteTransfer,
    Consult,
    HangUp,
    Hold,
    Mute,
    Record,
    RecordingChange,
    Resume,
    SendDigits,
    Transfer,
    Unmute,
)
from ari_app.domain.record import Direction
from ari_app.live.steering import LONGEST_ANSWER_S, CallState, call_as_json
from ari_app.web.access import require
from ari_app.web.failures import problem_of
from ari_app.web.problems import problems
from ari_app.web.services import Router, Services

UNKNOWN: Final = Failure("unknown_call", "no live call has this id", "GET /api/v1/live lists those there are")
_NO_ANSWER: Final = Failure(
    "call_lost", f"it was not done within {LONGEST_ANSWER_S:.0f} s", "GET the call tells how it stands; ask again then"
)


class Party(BaseModel):
    """Who takes part in a call, or is rung."""

    party: str = Field(description="What requests call him: caller, or a leg.", examples=["leg-1"])
    endpoint: str = Field(examples=["PJSIP/ada"])
    user: str = Field(description="A user's id, or empty.", examples=["456"])
    state: str = Field(description="How his channel stands.", examples=["up"])
    holds: bool
    muted: bool


class LiveCall(BaseModel):
    """A call that goes on right now."""

    call_id: str = Field(examples=["20261121T114416-b09fa47b187a"])
    began_at: AwareDatetime
    direction: Direction
    state: CallState = Field(description="setup: nobody speaks yet; queue: the caller waits in one.")
    caller_number: str = Field(examples=["+14155550177"])
    caller_name: str
    called_number: str = Field(examples=["+14155550100"])
    route: str = Field(examples=["sales"])
    parties: list[Party]
    recording: str = Field(description="The name of the recording that runs, or empty.")
    recording_paused: bool


class LiveCalls(BaseModel):
    """The calls that go on."""

    items: list[LiveCall]
    total: int


class Acting(BaseModel):
    """Who acts, as if he had pressed the key on his own phone."""

    model_config = ConfigDict(extra="forbid")

    party: str = Field(
        default="",
        max_length=16,
        description="caller or a leg, as the call's parties are named; empty: the agent's side.",
        examples=["leg-1"],
    )


class Pressing(Acting):
    """Keys that one party presses, and the other one's end receives."""

    digits: str = Field(min_length=1, max_length=MOST_DIGITS, pattern=r"^[0-9*#A-Da-d]+$", examples=["1#"])


class Onward(Acting):
    """To whom the call is to go."""

    target: str = Field(
        min_length=1,
        max_length=128,
        pattern=r"\S",
        description="As dialled at the phone of whoever acts: an extension, an internal number, an endpoint, or a"
        " number outside that the dial policy allows.",
        examples=["102"],
    )


class Recording(Acting):
    """What is to become of the recording."""

    change: RecordingChange


NO_ONE: Final = Acting()

CallId = Annotated[str, Path(max_length=64, description="The whole id.", examples=["20261121T114416-b09fa47b187a"])]
Reader = Annotated[Access, require(Scope.CALLS_READ)]
Steerer = Annotated[Access, require(Scope.CALLS_STEER)]

resource = APIRouter(prefix="/live", tags=["live calls"])

_DONE: Final[dict[str, Any]] = {
    "status_code": 204,
    "response_class": Response,
    "responses": {204: {"description": "It is done."}, **problems(400, 401, 403, 404, 409, 422, 429, 502, 503, 504)},
}


@resource.get("", operation_id="listLiveCalls", responses=problems(401, 403))
async def list_live_calls(router: Router, _: Reader) -> LiveCalls:
    """The calls that go on right now, the oldest first."""
    calls = router.supervisor.live
    items = [LiveCall.model_validate(call_as_json(calls[call_id])) for call_id in sorted(calls)]
    return LiveCalls(items=items, total=len(items))


@resource.get("/{call_id}", operation_id="getLiveCall", responses=problems(401, 403, 404, 422))
async def get_live_call(call_id: CallId, router: Router, _: Reader) -> LiveCall:
    """One of them."""
    if (call := router.supervisor.live.get(call_id)) is None:
        raise problem_of(UNKNOWN)
    return LiveCall.model_validate(call_as_json(call))


@resource.post("/{call_id}/hangup", operation_id="hangUpCall", **_DONE)
async def hang_up(call_id: CallId, router: Router, _: Steerer, asked: Acting = NO_ONE) -> None:
    """End the call, also one that nobody has answered; with a party, by that one's hanging up."""
    await _steer(router, call_id, HangUp(asked.party))


@resource.post("/{call_id}/hold", operation_id="holdCall", **_DONE)
async def hold(call_id: CallId, router: Router, _: Steerer, asked: Acting = NO_ONE) -> None:
    """The other one hears music, and neither hears the other."""
    await _steer(router, call_id, Hold(asked.party))


@resource.post("/{call_id}/resume", operation_id="resumeCall", **_DONE)
async def resume(call_id: CallId, router: Router, _: Steerer, asked: Acting = NO_ONE) -> None:
    """They speak again, unless the other one holds as well."""
    await _steer(router, call_id, Resume(asked.party))


@resource.post("/{call_id}/mute", operation_id="muteParty", **_DONE)
async def mute(call_id: CallId, router: Router, _: Steerer, asked: Acting = NO_ONE) -> None:
    """What the party says is not heard."""
    await _steer(router, call_id, Mute(asked.party))


@resource.post("/{call_id}/unmute", operation_id="unmuteParty", **_DONE)
async def unmute(call_id: CallId, router: Router, _: Steerer, asked: Acting = NO_ONE) -> None:
    """It is heard again."""
    await _steer(router, call_id, Unmute(asked.party))


@resource.post("/{call_id}/dtmf", operation_id="sendDigits", **_DONE)
async def send_digits(call_id: CallId, router: Router, _: Steerer, asked: Pressing) -> None:
    """The other end receives these keys."""
    await _steer(router, call_id, SendDigits(asked.digits.upper(), asked.party))


@resource.post("/{call_id}/transfer", operation_id="transferCall", **_DONE)
async def transfer(call_id: CallId, router: Router, _: Steerer, asked: Onward) -> None:
    """Connect whom the party speaks with with the target (blind). Answered when the target has picked up."""
    await _steer(router, call_id, Transfer(one_line(asked.target), asked.party))


@resource.post("/{call_id}/consult", operation_id="consultBeforeTransfer", **_DONE)
async def consult(call_id: CallId, router: Router, _: Steerer, asked: Onward) -> None:
    """The party speaks with the target first, while the other one hears music. Answered when it has picked up."""
    await _steer(router, call_id, Consult(one_line(asked.target), asked.party))


@resource.post("/{call_id}/complete", operation_id="completeTransfer", **_DONE)
async def complete(call_id: CallId, router: Router, _: Steerer, asked: Acting = NO_ONE) -> None:
    """Who was consulted takes the talk over."""
    await _steer(router, call_id, CompleteTransfer(asked.party))


@resource.post("/{call_id}/cancel", operation_id="cancelTransfer", **_DONE)
async def cancel(call_id: CallId, router: Router, _: Steerer, asked: Acting = NO_ONE) -> None:
    """Whoever consults speaks with the other one again."""
    await _steer(router, call_id, CancelTransfer(asked.party))


@resource.post("/{call_id}/record", operation_id="recordCall", **_DONE)
async def record(call_id: CallId, router: Router, _: Steerer, asked: Recording) -> None:
    """Record both sides into one file, or stop; or leave out what is said between pause and resume."""
    await _steer(router, call_id, Record(asked.change, asked.party))


async def _steer(router: Services, call_id: str, action: Action) -> None:
    if call_id not in router.supervisor.live:  # the supervisor would take a part of an id as well
        raise problem_of(UNKNOWN)
    try:
        async with asyncio.timeout(LONGEST_ANSWER_S):
            failure = await router.supervisor.steer(call_id, action)
    except TimeoutError:
        failure = _NO_ANSWER
    if failure is not None:
        raise problem_of(failure)
