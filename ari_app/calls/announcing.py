"""An announcement: the caller hears sounds, one after the other, and his call goes on."""

import asyncio
from typing import Final

from agi_router.routing.errors import Failure
from ari_app.calls.call import Call
from ari_app.calls.ids import sound_ids
from ari_app.calls.ports import RefusedError, TelephonyError

MISSED_AFTER_S: Final = 10.0
"""How often it is asked whether a sound still plays: its end is not told again after a lost connection."""


async def announce(call: Call, sounds: tuple[str, ...], *, answer: bool) -> Failure | None:
    """Play the sounds to their end; what could not be played. Raises CallerGoneError.

    One request for each sound: of a list in one request Asterisk does not tell which was not there.
    """
    channel = call.caller.channel_id
    await call.hear_until(asyncio.create_task(call.reception.attend(answer=answer)))
    for playback, sound in zip(sound_ids(call.call_id, call.step, len(sounds)), sounds, strict=True):
        try:
            await call.hear_until(asyncio.create_task(call.telephony.play(channel, playback, [sound])))
        except RefusedError:
            return unplayable(sound)
        if not await _played(call, playback):
            return unplayable(sound)
    return None


async def silence(call: Call, sounds: int) -> None:
    """End what an announcement still plays of before a restart: until then Asterisk does nothing else for him."""
    for playback in sound_ids(call.call_id, call.step, sounds):
        await call.telephony.stop_playing(playback)


async def _played(call: Call, playback: str) -> bool:
    while playback not in call.playbacks.ended or call.caller_hangs_up:  # then it fails, and his end follows
        try:
            async with asyncio.timeout(MISSED_AFTER_S):
                await call.next_event()
        except TimeoutError:
            if await _missed_end(call, playback):
                return True
    return not call.playbacks.ended[playback].failed


async def _missed_end(call: Call, playback: str) -> bool:
    try:
        return not await call.telephony.is_playing(playback)
    except TelephonyError:
        return False  # while Asterisk cannot be asked, nothing is known; the next time will tell


def unplayable(sound: str) -> Failure:
    """Why this sound was not heard."""
    return Failure(
        "sound_unplayable",
        f"Asterisk cannot play the sound {sound}",
        "put the file into Asterisk's folder of sounds, for the channel's language or without one, in a format whose "
        'module is loaded (asterisk -rx "core show file formats")',
    )
