"""The caller leaves us: back to the dialplan lines after `Stasis()`, which are told why."""

from typing import Final

from ari_app.calls.call import Call, now
from ari_app.calls.ports import NotFoundError
from ari_app.domain import events as e

RESULT_VARIABLE: Final = "AGI_ROUTER_RESULT"
"""Tells the dialplan lines after `Stasis()` why the caller comes back."""


async def back_to_dialplan(call: Call, reason: str) -> None:
    """Let the dialplan lines after `Stasis()` go on with the caller. Raises CallerGoneError."""
    try:
        await give_back(call, reason)
    except NotFoundError as error:
        await call.missed_caller(error)
        raise


async def give_back(call: Call, reason: str) -> None:
    """Send the caller to the dialplan and tell it why. Raises NotFoundError when he hung up a moment ago."""
    await call.reception.end()
    await call.telephony.set_variable(call.caller.channel_id, RESULT_VARIABLE, reason)
    await call.telephony.send_to_dialplan(call.caller.channel_id)
    call.tell(e.SentToDialplan(at=now(), reason=reason))
