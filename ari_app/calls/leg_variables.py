"""What is set on a leg before its INVITE: its guard, what its phone shows, and who its Transfer key asks."""

from typing import Final

from agi_router.routing.caller_id import shown_number
from ari_app.calls.bridging import GUARDED_CALLER, LEG_GUARD
from ari_app.calls.call import Call
from ari_app.calls.leg import Leg
from ari_app.calls.screen_pop import SHOWN, SHOWN_NAME

TRANSFERS: Final = {"PJSIP_TRANSFER_HANDLING()": "ari-only"}
"""On a phone's channel: its Transfer key asks us, and not Asterisk, which would go past the dial policy."""


AUTO_ANSWER: Final = {
    "PJSIP_HEADER(add,Call-Info)": "<sip:agi-router>;answer-after=0",
    "PJSIP_HEADER(add,Alert-Info)": "<http://agi-router>;info=alert-autoanswer;delay=0",
    "PJSIP_HEADER(add,Answer-Mode)": "Auto",
}
"""How phones are asked to pick up by themselves: Snom, Grandstream and baresip; Yealink and Polycom; RFC 5373."""


def leg_variables(call: Call, leg: Leg) -> dict[str, str]:
    """What is set on a leg before its INVITE: the guard, the screen pop, and the number shown if not the caller's."""
    pop = call.screen_pop
    told = {} if is_hidden_from(leg) else pop.phone
    guard = LEG_GUARD | {GUARDED_CALLER: call.caller.name}
    transfers = TRANSFERS if leg.way is None and call.carries_out_transfers else {}
    own = own_number(call, leg)
    if own is not None:
        told = {name: value for name, value in told.items() if not name.startswith(SHOWN)}
    by_itself = AUTO_ANSWER if leg.auto_answer else {}
    return {**pop.variables, **told, **guard, **transfers, **by_itself, **_shown(own)}


def is_hidden_from(leg: Leg) -> bool:
    """Whether name and headers are nothing for this leg: a carrier is not told what the customer's API says."""
    return leg.way is not None and not leg.way.trusted


def own_number(call: Call, leg: Leg) -> str | None:
    """The number of ours that is shown instead of the caller's; "" for none at all, None for the caller's own."""
    return shown_number(leg.way.caller_id, call.called_number) if leg.way else None


def _shown(number: str | None) -> dict[str, str]:
    """The variables that show a number of our own. Without any, a leg shows nobody."""
    if not number:
        return {}
    return {
        "CONNECTEDLINE(num,i)": number,
        SHOWN_NAME: "",
        "CONNECTEDLINE(num-pres,i)": "allowed",
        "CONNECTEDLINE(name-pres,i)": "allowed",
    }
