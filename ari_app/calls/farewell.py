"""Whoever is left alone in a call, and has no dialplan to go back to, hears why: sounds, or a tone. Then it ends."""

import asyncio
from typing import Final

from ari_app.calls.announcing import announce
from ari_app.calls.call import Call, CallerGoneError
from ari_app.calls.clock import now
from ari_app.calls.ids import playback_id
from ari_app.calls.ports import TelephonyError
from ari_app.domain import events as e
from ari_app.domain.causes import NO_ANSWER, Q850_OF_OUTCOME

TONE_S: Final = 4.0
"""Long enough to be understood by somebody who lifts the handset to his ear."""

BUSY: Final = frozenset({"busy", "declined"})


async def say_why(call: Call) -> None:
    """Tell the caller by what his last step ended, and end the call."""
    outcome = call.last_outcome
    sounds = call.announcements.get(outcome, ())
    try:
        if not sounds or await announce(call, sounds, answer=False) is not None:
            await _play_tone(call, "busy" if outcome in BUSY else "congestion")
    except CallerGoneError:
        pass  # he has heard enough
    else:
        await call.telephony.hang_up(call.caller.channel_id, "normal")
    call.tell(e.CallEnded(at=now(), by="router", cause=Q850_OF_OUTCOME.get(outcome, NO_ANSWER), reason=outcome))


async def _play_tone(call: Call, tone: str) -> None:
    await call.reception.end()
    playback = playback_id(call.call_id)
    try:
        await call.telephony.play_tone(call.caller.channel_id, playback, tone)
        await call.hear_until(asyncio.create_task(asyncio.sleep(TONE_S)))
        await call.telephony.stop_playing(playback)
    except TelephonyError as error:
        call.log.info("nobody could be told why the call ends", error=str(error))
