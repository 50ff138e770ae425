"""The caller leaves us: to a place in the dialplan, or back to the lines after `Stasis()`, which are told why."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from agi_router.routing.dialplan_place import DialplanPlace
from agi_router.routing.errors import Failure
from ari_app.calls.call import Call
from ari_app.calls.clock import now
from ari_app.calls.ports import NotFoundError, RefusedError, TelephonyError
from ari_app.domain import events as e
from ari_app.domain.causes import UNKNOWN

RESULT_VARIABLE: Final = "AGI_ROUTER_RESULT"
"""Tells the dialplan lines after `Stasis()` why the caller comes back."""


async def back_to_dialplan(call: Call, reason: str) -> None:
    """Let the dialplan lines after `Stasis()` go on with the caller. Raises CallerGoneError."""
    async with _missing_no_hangup(call):
        await give_back(call, reason)


async def give_back(call: Call, reason: str) -> None:
    """Send the caller to the dialplan and tell it why; one who did not come from it is hung up.

    Raises NotFoundError when he hung up a moment ago.
    """
    if not call.has_dialplan:
        if call.caller.is_there:
            await call.telephony.hang_up(call.caller.channel_id, "failure")
        call.tell(e.CallEnded(at=now(), by="router", cause=UNKNOWN, reason=reason))
        return
    try:
        await call.reception.end()
        await call.telephony.set_variable(call.caller.channel_id, RESULT_VARIABLE, reason)
    except RefusedError as error:  # better there with a sound too many, or without the reason, than with nobody
        call.log.warning("the dialplan is not told why a caller comes back", error=str(error))
    await call.telephony.send_to_dialplan(call.caller.channel_id)
    call.tell(e.SentToDialplan(at=now(), reason=reason))


async def go_to(call: Call, place: DialplanPlace, mailbox: str = "") -> Failure | None:
    """Let the caller go on at this place, for good; why that can't be, and he is still here. Raises CallerGoneError.

    `mailbox` is the one that it leads to, for the record. Asterisk takes every place there, and hangs up where nothing
    stands. So it is asked before.
    """
    missing = await call.hear_until(asyncio.create_task(missing_place(call, place)))
    if missing is None:
        async with _missing_no_hangup(call):
            await call.reception.end()
            await call.telephony.send_to_dialplan(call.caller.channel_id, place)
        call.caller_left()
        reason = "voicemail" if mailbox else "the dialplan is the destination"
        call.tell(e.SentToDialplan(at=now(), reason=reason, where=str(place), mailbox=mailbox))
    return missing


@asynccontextmanager
async def _missing_no_hangup(call: Call) -> AsyncIterator[None]:
    """Raises CallerGoneError for a NotFoundError that only means this. No event is read meanwhile: leaving is one."""
    try:
        yield
    except NotFoundError as error:
        await call.missed_caller(error)
        raise


async def lend_to(call: Call, place: DialplanPlace) -> None:
    """Let the caller go on at this place, which brings him back. Raises CallerGoneError. Subscribe to him before."""
    call.away = call.inbox.caller_away = True
    try:
        async with _missing_no_hangup(call):
            await call.telephony.send_to_dialplan(call.caller.channel_id, place)
    except TelephonyError:
        call.away = call.inbox.caller_away = False  # he is here, and nobody else brings him back
        raise


async def missing_place(call: Call, place: DialplanPlace) -> Failure | None:
    """Why nobody can be sent to this place; None when it is there."""
    told = await call.telephony.read_variable(call.caller.channel_id, f"DIALPLAN_EXISTS({place})")
    return failure_of_place(place, told)


def failure_of_place(place: DialplanPlace, told: str | None) -> Failure | None:
    """The same, by what Asterisk's DIALPLAN_EXISTS() told of it."""
    match told:
        case "1":
            return None
        case "0":
            return Failure(
                "dialplan_missing",
                f"the dialplan has no {place}",
                f'write it into extensions.conf; asterisk -rx "dialplan show {place.exten}@{place.context}" shows '
                "whether it is there",
            )
        case _:
            return Failure(
                "dialplan_unknown",
                f"Asterisk does not tell whether the dialplan has {place}",
                'asterisk -rx "module load func_dialplan.so", and see that modules.conf loads it at each start',
            )
