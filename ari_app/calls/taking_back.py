"""Legs that are not wanted any more."""

from agi_router.routing.click_to_dial import First
from ari_app.calls.call import Call
from ari_app.calls.leg import Leg
from ari_app.domain.causes import LegOutcome


def take_back(call: Call, leg: Leg, ending: LegOutcome) -> None:
    """Hang up a leg that is not wanted any more; `ending` is what the record and the phone are told."""
    leg.ending = ending
    call.request(_hang_up(call, leg, ending))


async def _hang_up(call: Call, leg: Leg, ending: LegOutcome) -> None:
    await leg.exists.wait()  # a hangup that overtakes the creation would miss it
    match ending:
        case LegOutcome.ANSWERED_ELSEWHERE | LegOutcome.GUESSED_WRONG:  # neither is a missed call
            reason = "answered_elsewhere"
        case _ if not call.caller.is_there and call.first is First.AGENT:  # nor is one that nobody has made
            reason = "answered_elsewhere"
        case LegOutcome.NO_ANSWER:
            reason = "no_answer"
        case _:
            reason = "normal"
    await call.telephony.hang_up(leg.channel_id, reason)
