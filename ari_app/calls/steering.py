"""Two speak, and somebody asks for something: it is carried out here, in the order of the talk's events.

A request that comes as one of the two hangs up finds nobody any more; the end of the call answers it.
"""

from dataclasses import dataclass
from typing import assert_never

from agi_router.routing.click_to_dial import First
from agi_router.routing.errors import Failure
from ari_app.calls.call import Call
from ari_app.calls.clock import now
from ari_app.calls.consent import on_demand
from ari_app.calls.consulting import consult
from ari_app.calls.leg import Leg, endpoint_of
from ari_app.calls.ports import NotFoundError, TelephonyError, TransferRequested
from ari_app.calls.steering_request import (
    NOT_CONSULTING,
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
    SteeringRequested,
    Transfer,
    Unmute,
    refusal,
)
from ari_app.calls.transfer import Failed, Onward, transfer
from ari_app.domain import events as e
from ari_app.domain.record import CALLER

_InPlace = HangUp | Hold | Resume | Mute | Unmute | SendDigits | CompleteTransfer | CancelTransfer | Record
"""What leaves the two who speak as they are."""


@dataclass(frozen=True, slots=True)
class Sides:
    """The channel of the party who acts, and that of the one with whom he speaks."""

    actor: str
    other: str


async def steer(call: Call, leg: Leg, request: SteeringRequested) -> Leg | Onward:
    """Do what is asked in a talk of the caller and this leg, and answer; the leg with which he speaks then.

    Raises CallerGoneError and TelephonyError as a transfer does.
    """
    if request.answered.done() or request.action == HangUp():  # the call has seen to it
        return leg
    sides = sides_of(call, leg, request.action.party)
    if isinstance(sides, Failure):
        request.answer(sides)
        return leg
    if isinstance(request.action, Transfer):
        return await _transfer(call, leg, request, request.action.target, sides)
    if isinstance(request.action, Consult):
        return await _consult(call, leg, request, request.action.target, sides)
    if request.action == Record(RecordingChange.START, request.action.party):
        call.request(_record(call, request))  # the talk goes on while both hear that they are recorded
        return leg
    try:
        request.answer(await _carry_out(call, request.action, sides))
    except NotFoundError as error:  # of one who has hung up; that event is on its way, and the end of the call answers
        call.log.info("a request to a call missed it", action=str(request.action), error=str(error))
    except TelephonyError as error:
        request.answer(refusal(error))
    return leg


async def _record(call: Call, request: SteeringRequested) -> None:
    try:
        request.answer(await on_demand(call, "command"))
    except TelephonyError as error:
        request.answer(refusal(error))


async def _transfer(call: Call, leg: Leg, request: SteeringRequested, target: str, sides: Sides) -> Leg | Onward:
    def answer(failed: Failed | None) -> None:
        request.answer(None if failed is None else failed.as_failure())

    await release(call)
    return await transfer(call, leg, TransferRequested(sides.actor, target, by_command=True), answer)


async def _consult(call: Call, leg: Leg, request: SteeringRequested, target: str, sides: Sides) -> Leg | Onward:
    went = await consult(call, leg, TransferRequested(sides.actor, target, by_command=True), request)
    if isinstance(went, Failed):
        request.answer(went.as_failure())
        return leg
    return went


async def _carry_out(call: Call, action: _InPlace, sides: Sides) -> Failure | None:
    telephony, holding = call.telephony, call.holding
    match action:
        case HangUp():
            call.end_by_request()
            try:
                await telephony.hang_up(sides.actor, "normal")
            except TelephonyError:
                call.cut_short = None
                raise
            _tell(call, "hang_up", sides.actor)
        case Hold():
            await holding.hold(sides.actor, sides.other, on=True)
            _tell(call, "hold", sides.actor)
        case Resume():
            await holding.hold(sides.actor, sides.other, on=False)
            _tell(call, "resume", sides.actor)
        case Mute():
            await holding.mute(sides.actor, sides.other, on=True)
            _tell(call, "mute", sides.actor)
        case Unmute():
            await holding.mute(sides.actor, sides.other, on=False)
            _tell(call, "unmute", sides.actor)
        case SendDigits(digits):
            await telephony.send_digits(sides.other, digits)
            _tell(call, "dtmf", sides.actor, f"{len(digits)}")  # the digits may be a secret
        case CompleteTransfer() | CancelTransfer():
            return NOT_CONSULTING
        case Record(change):
            return await call.recording.change(change)
        case _:
            assert_never(action)
    return None


async def release(call: Call) -> None:
    """End what keeps the two from hearing each other: one of them is about to speak with somebody else."""
    try:
        await call.holding.release()
    except TelephonyError as error:  # of one who has hung up, which is told by an event
        call.log.info("a hold could not be ended", error=str(error))


def sides_of(call: Call, leg: Leg, party: str) -> Sides | Failure:
    """Who acts, and with whom he speaks. By default it is the agent's side who acts."""
    caller = call.caller.channel_id
    shown = {call.party(caller): caller, leg.role: leg.channel_id}
    roles = {CALLER: caller, **shown}
    actor = roles.get(party) if party else agents_channel(call, leg)
    if actor is None:
        return Failure(
            "unknown_party",
            f"{party} does not speak in this call",
            f"those who do are {' and '.join(shown)}; agi-router live shows them",
        )
    return Sides(actor, leg.channel_id if actor == caller else caller)


def agents_channel(call: Call, leg: Leg) -> str:
    """The channel of the agent's side: whose phone is a user's.

    Of two users it is the one who was called; of a call that was asked for, the one for whom it was placed.
    """
    caller = call.caller
    for_caller = call.first is First.AGENT or not _is_users(call, leg.channel_id, leg.name)
    return caller.channel_id if for_caller and _is_users(call, caller.channel_id, caller.name) else leg.channel_id


def _is_users(call: Call, channel_id: str, name: str) -> bool:
    """Whether a user speaks by this channel: a device of his, which may be a number outside."""
    if (leg := call.legs.get(channel_id)) is not None and leg.user:
        return True
    return call.decider is not None and call.decider.is_phone(endpoint_of(name).removeprefix("PJSIP/"))


def _tell(call: Call, action: str, channel_id: str, value: str = "") -> None:
    call.tell(e.Steered(at=now(), action=action, party=call.party(channel_id), value=value))
