"""Caller and callee speak: answer the caller, bridge the two, and wait for the end of either, or for another callee."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from agi_router.routing.step import Step
from ari_app.calls.bridging import guard_again, let_speak, lift_guard
from ari_app.calls.call import LAST_EVENTS_S, Call, CallerGoneError
from ari_app.calls.clock import now
from ari_app.calls.consent import begin, go_on_in_talk, record_from_now_on
from ari_app.calls.handover import hand_over
from ari_app.calls.inbox import PartyWanted
from ari_app.calls.leg import Leg, endpoint_of
from ari_app.calls.leg_variables import TRANSFERS
from ari_app.calls.ports import (
    ChannelEntered,
    ChannelHeld,
    ChannelResumed,
    RecordingOver,
    TelephonyError,
    TransferRequested,
    UnreachableError,
)
from ari_app.calls.screen_pop import CALLER_NAME
from ari_app.calls.steering import release, steer
from ari_app.calls.steering_request import SteeringRequested
from ari_app.calls.talk_limit import limited
from ari_app.calls.transfer import Onward, replaced, transfer
from ari_app.domain import events as e
from ari_app.domain.causes import NORMAL_CLEARING, UNKNOWN


async def converse(call: Call, leg: Leg) -> Sequence[Step] | None:
    """Bridge the caller with the leg that answered, until one of them hangs up; then the other one ends too.

    Returns what is to be tried next for a caller with whom nobody speaks after a transfer, None when the call is over.
    Raises CallerGoneError when it was the caller.
    """
    try:
        await _connect(call, leg)
    except UnreachableError:
        raise
    except TelephonyError as error:
        call.log.info("caller and callee could not be bridged", leg=leg.role, error=str(error))
        await _end_unbridged(call, leg)
        return None
    return await talk(call, leg)


async def talk(call: Call, leg: Leg, since: datetime | None = None) -> Sequence[Step] | None:
    """Wait for the end of the one or the other, and do what their phones' keys ask for meanwhile.

    `since` is when they began to speak, None for this moment: a talk may have a limit. Raises CallerGoneError; ends the
    caller when it was the leg. Returns as `converse` does.
    """
    call.talking = True
    call.answered.set()  # not with CallAnswered: until they are bridged nobody speaks, and nothing can be steered
    try:
        async with limited(call, since or now()):
            while leg.alive:
                went = await _next(call, leg)
                if not isinstance(went, Leg):
                    return went
                leg = went
    except CallerGoneError:
        # When the leg hangs up, its guard ends the caller's channel too, and that can be told first.
        if call.first_to_hang_up != leg.channel_id:
            raise
    await call.telephony.hang_up(call.caller.channel_id, "normal")
    call.tell_end("callee", leg.cause or NORMAL_CLEARING)
    return None


async def _next(call: Call, leg: Leg) -> Leg | Sequence[Step] | None:
    """The leg with which the caller speaks after one more event; else what `talk` returns."""
    match await call.next_event():
        case ChannelHeld():  # perhaps to transfer, and phones hang up as soon as that is accepted
            call.request(lift_guard(call))
        case ChannelResumed():
            call.request(guard_again(call, leg))
        case RecordingOver():
            call.request(go_on_in_talk(call))
        case TransferRequested() as request:
            await release(call)
            went = await transfer(call, leg, request)
            return went.steps if isinstance(went, Onward) else went
        case SteeringRequested() as asked:
            steered = await steer(call, leg, asked)
            return steered.steps if isinstance(steered, Onward) else steered
        case ChannelEntered(replaces=str()) as newcomer:
            await release(call)
            return await replaced(call, leg, newcomer)
        case PartyWanted() as wanted:
            await release(call)
            if await hand_over(call, leg, wanted):
                return None
        case _:
            pass
    return leg


async def _connect(call: Call, leg: Leg) -> None:
    await asyncio.gather(call.reception.answer(), *_keep_name(call, leg), *_take_transfers_of_caller(call))
    call.tell(e.CallAnswered(at=now(), leg=leg.role))
    by = await record_from_now_on(call, leg)
    await let_speak(call, leg)
    if by and leg.alive:
        await begin(call, by)


def _take_transfers_of_caller(call: Call) -> list[asyncio.Task[None]]:
    """The Transfer key of a colleague who called asks us, like that of every phone; a carrier has none."""
    endpoint = endpoint_of(call.caller.name).removeprefix("PJSIP/")
    if call.decider is None or not call.carries_out_transfers or not call.decider.is_phone(endpoint):
        return []
    channel = call.caller.channel_id
    return [call.request(call.telephony.set_variable(channel, *pair)) for pair in TRANSFERS.items()]


def _keep_name(call: Call, leg: Leg) -> list[asyncio.Task[None]]:
    """In the bridge a phone is shown its peer's name anew: let that be the one it rang with. No carrier sees it."""
    if not leg.shown_name or call.screen_pop.replaces_caller:
        return []
    return [call.request(call.telephony.set_variable(call.caller.channel_id, CALLER_NAME, leg.shown_name))]


async def _end_unbridged(call: Call, leg: Leg) -> None:
    """One of the two hung up in the instant of the answer, and the event that tells which is on its way."""
    try:
        async with asyncio.timeout(LAST_EVENTS_S):
            await talk(call, leg)
    except TimeoutError:
        await asyncio.gather(
            call.telephony.hang_up(call.caller.channel_id, "failure"), call.telephony.hang_up(leg.channel_id, "failure")
        )
        call.tell(e.CallEnded(at=now(), by="router", cause=UNKNOWN, reason="could not be bridged"))
