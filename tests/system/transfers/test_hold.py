"""The Hold key of phones, during a call that the router has bridged."""

import pytest

from ari_app.domain import events as e
from sandbox.tone import MUSIC_ON_HOLD_HZ
from tests.system.rig import Rig
from tests.system.transfers.talks import ADAS_HZ, BOBS_HZ, CALLERS_HZ, last, talking

# One Asterisk and one router serve the calls of the whole file, one after the other.
pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_caller_on_hold_hears_music_and_then_the_agent_again(rig: Rig) -> None:
    async with rig.user("ada", ADAS_HZ) as ada:
        talk = await talking(rig, ada)
        await talk.ada.hold()
        assert await talk.caller.hears(MUSIC_ON_HOLD_HZ, 0.3)
        await talk.ada.resume()
        assert await talk.caller.hears(ADAS_HZ, 0.3)
        assert await talk.ada.hears(CALLERS_HZ, 0.3)
        await talk.caller.hang_up()
        _, story = await last(rig)
    assert [(type(event), event.party) for event in story if isinstance(event, e.Held | e.Resumed)] == [
        (e.Held, "leg-1"),
        (e.Resumed, "leg-1"),
    ]


async def test_an_agent_on_hold_by_the_caller_hears_music(rig: Rig) -> None:
    async with rig.user("ada", ADAS_HZ) as ada, rig.user("bob", BOBS_HZ) as bob:
        talk = await talking(rig, ada, bob)
        await talk.caller.hold("inactive")
        assert await talk.ada.hears(MUSIC_ON_HOLD_HZ, 0.3)
        await talk.caller.resume()
        assert await talk.ada.hears(BOBS_HZ, 0.3)
        await talk.ada.hang_up()
        _, story = await last(rig)
    assert [event.party for event in story if isinstance(event, e.Held)] == ["caller"]
