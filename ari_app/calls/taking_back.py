"""Legs that are not wanted any more, and what their phones are told of the reason: whether a call was missed."""

from typing import Final

from agi_router.routing.click_to_dial import First
from ari_app.calls.call import Call
from ari_app.calls.leg import Leg
from ari_app.domain.causes import LegOutcome

NOT_MISSED: Final = "answered_elsewhere"
"""ARI's word for a hangup after which a phone shows no missed call."""


def take_back(call: Call, leg: Leg, ending: LegOutcome) -> None:
    """Hang up a leg that is not wanted any more; `ending` is what the record and the phone are told."""
    leg.ending = ending
    call.request(_hang_up(call, leg, ending))


async def _hang_up(call: Call, leg: Leg, ending: LegOutcome) -> None:
    await leg.exists.wait()  # a hangup that overtakes the creation would miss it
    await call.telephony.hang_up(leg.channel_id, hangup_reason(call, ending))


def hangup_reason(call: Call, ending: LegOutcome) -> str:
    """ARI's word for the hangup of a leg that ends in this way."""
    match ending:
        case LegOutcome.ANSWERED_ELSEWHERE | LegOutcome.GUESSED_WRONG:
            return NOT_MISSED
        case _ if not call.caller.is_there and call.first is First.AGENT:
            return NOT_MISSED  # nobody has called him
        case LegOutcome.NO_ANSWER:
            return "no_answer"
        case _:
            return "normal"
