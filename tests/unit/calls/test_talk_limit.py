"""The limit of a talk, by a clock that the test puts forward."""

from agi_router.routing.treatment import Treatment
from ari_app.calls.ports import ChannelLeft
from tests.clock import StandingClock
from tests.fakes.switch import CALLER, Exchange


async def test_the_tone_before_the_end_is_not_stopped_before_asterisk_can_have_played_it() -> None:
    exchange = Exchange("ada")
    exchange.rings.treated = Treatment(talk_s=600, warn_s=60)
    async with exchange:
        exchange.arrive()
        await exchange.until("dial")
        clock = StandingClock()
        exchange.pick_up(exchange.switch.dialled[0])
        await exchange.until("add_to_bridge")
        await clock.passes(0)  # lets the talk begin
        await clock.passes(500)
        assert "beep" not in exchange.switch.requests
        await clock.passes(41)
        assert exchange.switch.requests[-1] == "beep"
        await clock.passes(2)
        assert exchange.switch.requests[-1] == "beep"
        await clock.passes(2)
        assert exchange.switch.requests[-1] == "stop_playing"
        exchange.switch.deliver(ChannelLeft(CALLER))
        await clock.passes(1)
