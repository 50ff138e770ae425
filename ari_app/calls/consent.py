"""Who is to be recorded, by whose word, and that those concerned hear so before.

    always      picked up -> the announcement, to both or to the customer -> they speak, and are recorded
    on demand   they speak -> the announcement in their bridge, which both hear -> they are recorded

Phones ring as ever: nobody is answered for the announcement before somebody has picked up. What can't be played leaves
the call unrecorded, with the reason on record.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from agi_router.routing.click_to_dial import First
from agi_router.routing.errors import Failure
from agi_router.routing.recorded import AnnouncedTo, RecordingMode
from ari_app.calls.announcing import unplayable
from ari_app.calls.bridging import part
from ari_app.calls.call import Call
from ari_app.calls.clock import now
from ari_app.calls.ids import consent_id
from ari_app.calls.leg import Leg
from ari_app.calls.ports import NotFoundError, RefusedError, TelephonyError
from ari_app.domain import events as e

SETTLED_S: Final = 1.0
MISSED_AFTER_S: Final = 5.0
"""How often it is asked whether a sound still plays: its end is not told again after a lost connection."""

OFF: Final = Failure(
    "recording_off",
    "recordings are off for this call",
    "set recording: on_demand, or always, for its route, for click_to_dial or in defaults",
)


def wanted_by(call: Call) -> str:
    """Who wants this talk to be recorded from its beginning, as RecordingStarted tells it; "" when nobody does."""
    mode = call.treatment.recording.mode
    if call.record:
        return "" if mode is RecordingMode.OFF else "answer" if call.first is None else "request"
    return "route" if mode is RecordingMode.ALWAYS and call.record is None else ""


async def record_from_now_on(call: Call, leg: Leg) -> str:
    """Before the two are bridged: by whose word their talk is recorded, when those concerned have heard so; else "".

    A call is announced once, and what was ended by request does not begin again. Raises CallerGoneError.
    """
    if call.recording.cut_off:
        return call.recording.cut_off
    by = wanted_by(call)
    if call.record and not by:
        call.tell(e.RecordingFailed(at=now(), code=OFF.code, detail=OFF.message, remedy=OFF.remedy))
    if not by or call.recording.has_begun:
        return ""
    if not call.treatment.recording.announcement or call.recording.is_announced:
        return by
    await part(call, leg)
    announcing = asyncio.create_task(announce(call, _listeners(call, leg)))
    try:
        while leg.alive and not announcing.done():
            await call.next_event_until(announcing)
        if not leg.alive:
            return ""
        why = announcing.result()
    finally:
        announcing.cancel()
        await asyncio.gather(announcing, return_exceptions=True)
    if why is not None:
        _tell_failed(call, why)
        return ""
    _tell_announced(call, call.treatment.recording.announce_to)
    return by


async def begin(call: Call, by: str) -> None:
    """Record the two who have just been bridged. What fails is on record, and they speak all the same."""
    try:
        why = await call.recording.start(by)
    except TelephonyError as error:
        call.log.warning("it is not known whether a recording has begun", error=str(error))
        return
    if why is not None:
        _tell_failed(call, why)


async def go_on(call: Call) -> None:
    """Record on into another file, when Asterisk has ended the one before while one of the two was away."""
    if call.recording.cut_off:
        await begin(call, call.recording.cut_off)


async def go_on_in_talk(call: Call) -> None:
    """The same, of two who speak when Asterisk tells so: or was it the end of their talk, of which it tells next?"""
    with suppress(TimeoutError):
        async with asyncio.timeout(SETTLED_S):
            await call.ended.wait()
    if call.talking and not (call.transferring or call.is_over):
        await go_on(call)


async def begin_again(call: Call) -> None:
    """What a router that died had not come to, of a talk that goes on."""
    by = wanted_by(call)
    if not by or call.recording.has_begun:
        return
    try:
        why = await on_demand(call, by)
    except TelephonyError as error:
        call.log.warning("it is not known whether a recording has begun", error=str(error))
        return
    if why is not None:
        _tell_failed(call, why)


async def on_demand(call: Call, by: str) -> Failure | None:
    """Record a talk that goes on, after both have heard so; why it can't be. Raises a TelephonyError."""
    rule = call.treatment.recording
    if rule.mode is RecordingMode.OFF:
        return OFF
    if call.recording.name or call.recording.is_beginning:
        return await call.recording.start(by)
    if rule.announcement and not call.recording.is_announced:
        if call.holding.held_by or call.on_hold:
            return Failure(
                "on_hold", "one of the two holds the call, and would not hear that it is recorded", "resume it first"
            )
        call.recording.is_beginning = True
        try:
            why = await announce(call, [call.bridge_id])
        finally:
            call.recording.is_beginning = False
        if why is not None:
            return why
        _tell_announced(call, AnnouncedTo.BOTH)
    return await call.recording.start(by)


async def announce(call: Call, targets: Sequence[str]) -> Failure | None:
    """Play the announcement to its end on these channels, or in the call's bridge; what could not be played.

    Somebody must read the call's events meanwhile. One request for each sound, as for any announcement.
    """
    sounds = call.treatment.recording.announcement
    for number, sound in enumerate(sounds, start=1):
        ids = {target: consent_id(call.call_id, number, at) for at, target in enumerate(targets, start=1)}
        playing = (_play(call, target, playback, sound) for target, playback in ids.items())
        if not all(await asyncio.gather(*playing)):
            return unplayable(sound)
    return None


async def _play(call: Call, target: str, playback: str, sound: str) -> bool:
    """Whether it was heard. Who has hung up hears nothing, and his end is told by an event."""
    telephony = call.telephony
    call.playbacks.forget(playback)
    try:
        if target == call.bridge_id:
            await telephony.play_to_bridge(target, playback, sound)
        else:
            await telephony.play(target, playback, [sound])
    except NotFoundError:
        return True
    except RefusedError:
        return False
    while playback not in call.playbacks.ended:
        try:
            async with asyncio.timeout(MISSED_AFTER_S):
                await call.playbacks.next_end()
        except TimeoutError:
            if not await telephony.is_playing(playback):
                return True
    return not call.playbacks.ended[playback].failed


def _listeners(call: Call, leg: Leg) -> list[str]:
    caller = call.caller.channel_id
    if call.treatment.recording.announce_to is AnnouncedTo.BOTH:
        return [caller, leg.channel_id]
    return [leg.channel_id if call.first is First.AGENT else caller]


def _tell_announced(call: Call, to: AnnouncedTo) -> None:
    call.recording.is_announced = True
    sounds = ",".join(call.treatment.recording.announcement)
    call.tell(e.RecordingAnnounced(at=now(), sounds=sounds, to=to.value))


def _tell_failed(call: Call, why: Failure) -> None:
    call.tell(e.RecordingFailed(at=now(), code=why.code, detail=why.message, remedy=why.remedy))
