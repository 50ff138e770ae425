"""A contact's name that comes when phones ring already, or somebody speaks: Asterisk tells them, if they can be told.

By SIP UPDATE, or by a re-INVITE once it has answered, if the endpoint has `send_pai` or `send_rpid` (RFC 3325, 4916).
"""

import asyncio
from collections.abc import Mapping
from functools import partial

from ari_app.calls.call import Call
from ari_app.calls.leg import Leg
from ari_app.calls.leg_variables import is_hidden_from, own_number
from ari_app.calls.ports import TelephonyError
from ari_app.calls.screen_pop import CALLER_NAME, SENT_NAME, SHOWN_NAME
from ari_app.domain.record import CallRecord


def find_contact(call: Call, number: str) -> None:
    """Have all CRMs asked whose number it is, and whom they know named on phones. Nothing waits for it."""
    if call.contacts is not None:
        call.contacts.begin(call.call_id, number, partial(name_contact, call))


def name_on_record(call: Call, record: CallRecord) -> str:
    """What CRMs called him before the router lost sight of the call; "" while they had not told."""
    return "" if call.contacts is None else call.contacts.name_on(record)


async def name_contact(call: Call, name: str) -> None:
    """A CRM has told what whoever is outside is called: phones that are rung from now on show it, and those that ring.

    Returns when the latter were told, or can't be.
    """
    if call.is_over:
        return
    before = call.screen_pop.name
    call.showing.name_contact(name)
    news = call.screen_pop.name
    told = [_tell(call, leg, news) for leg in _phones(call)] if news != before else []
    caller = call.legs.get(call.caller.channel_id)
    if caller is not None and call.showing.caller_sees is not None:
        told.append(_tell(call, caller, call.showing.caller_sees(name)))
    await asyncio.gather(*told)


def _phones(call: Call) -> list[Leg]:
    """The legs that are told names, but for who stands in the caller's place."""
    others = (leg for leg in call.legs.alive if leg.channel_id != call.caller.channel_id)
    return [leg for leg in others if not is_hidden_from(leg) and own_number(call, leg) is None]


async def _tell(call: Call, leg: Leg, shown: Mapping[str, str]) -> None:
    """Tell a phone that rings. If it does not yet, the INVITE is waited for: it may have the name already."""
    name, called = shown.get(SHOWN_NAME, ""), call.showing.contact_name
    await leg.settled.wait()
    if not leg.alive or leg.ending is not None or leg.shown_name == name or call.showing.contact_name != called:
        return
    try:
        if call.consultation is not None and leg is call.consultation.agent:
            leg.shown_name = name  # he speaks with somebody else, whom he sees; back in the bridge, he is shown it
        else:
            await show_name(call, leg, shown)
        if call.talking and not call.screen_pop.replaces_caller:  # bridged anew, it is shown the caller's own
            await call.telephony.set_variable(call.caller.channel_id, CALLER_NAME, name)
    except TelephonyError as error:
        call.log.info("a phone could not be told a name", leg=leg.role, error=str(error))


async def show_name(call: Call, leg: Leg, shown: Mapping[str, str]) -> None:
    """Show these on a leg that was dialled with others. Raises TelephonyError.

    The name goes last and without `i`: Asterisk then sends it to a phone that takes such news.
    """
    name, set_variable = shown.get(SHOWN_NAME, ""), call.telephony.set_variable
    leg.shown_name = name or leg.shown_name  # its phone may be picked up in this instant
    others = {variable: value for variable, value in shown.items() if variable != SHOWN_NAME}
    await asyncio.gather(*(set_variable(leg.channel_id, *new) for new in others.items()))
    if name:
        await set_variable(leg.channel_id, SENT_NAME, name)
