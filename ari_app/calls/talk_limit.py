"""The limit of a talk: a tone some time before its end, and then the end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

from ari_app.calls.call import Call, CutShort
from ari_app.calls.clock import now
from ari_app.calls.ids import playback_id
from ari_app.calls.ports import TelephonyError

BEEP_S: Final = 3.0
"""When the tone is over, also where Asterisk begins it late: stopped before it has begun, it would not be heard."""
RETRY_S: Final = 1.0


@asynccontextmanager
async def limited(call: Call, since: datetime) -> AsyncIterator[None]:
    """Within this context the talk that began then ends at its limit, if it has one: the caller is hung up."""
    if not call.treatment.talk_s:
        yield
        return
    ending = asyncio.create_task(_end_at_limit(call, since))
    try:
        yield
    finally:
        ending.cancel()
        await asyncio.gather(ending, return_exceptions=True)


async def _end_at_limit(call: Call, since: datetime) -> None:
    limit_s, warn_s = call.treatment.talk_s, call.treatment.warn_s
    left_s = limit_s - (now() - since).total_seconds()
    if warn_s and left_s > warn_s:
        await asyncio.sleep(left_s - warn_s)
        await _warn(call, min(BEEP_S, warn_s / 2))
        left_s = limit_s - (now() - since).total_seconds()
    await asyncio.sleep(max(0.0, left_s))
    call.cut_short = CutShort("router", f"the talk reached its limit of {limit_s:g} s")
    while True:
        try:
            return await call.telephony.hang_up(call.caller.channel_id, "normal")
        except TelephonyError as error:
            call.log.info("a talk could not be ended at its limit; it is tried again", error=str(error))
            await asyncio.sleep(RETRY_S)


async def _warn(call: Call, over_after_s: float) -> None:
    try:
        await call.telephony.beep(call.bridge_id, playback_id(call.call_id))
        await asyncio.sleep(over_after_s)
        await call.telephony.stop_playing(playback_id(call.call_id))
    except TelephonyError as error:
        call.log.info("the warning tone could not be played", error=str(error))
