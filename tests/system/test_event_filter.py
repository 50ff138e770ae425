"""Each event that Asterisk makes, sends and the router reads costs both of them; so none is sent that nobody hears."""

import asyncio
import re

from ari_app.asterisk.events import TRANSLATIONS
from tests.patience import PATIENCE_S
from tests.system.rig import Rig, running

OTHERS = {"DeviceStateChanged", "RESTRequest", "RESTResponse"}
"""What is no event of a call's story."""


async def test_of_an_answered_call_asterisk_sends_no_event_that_no_story_listens_to() -> None:
    async with running() as rig, rig.user("ada") as ada:
        await rig.idle()  # nothing that begins with the connection is under way: the filter is set
        await rig.asterisk.cli("ari set debug all on")
        call = await rig.call()
        await (await ada.next_call()).answer()
        await call.answered()
        await call.hang_up()
        await rig.idle()
        async with asyncio.timeout(PATIENCE_S):
            while (sent := told(rig)).count("ChannelDestroyed") < 2:
                await asyncio.sleep(0.02)  # Asterisk has a thread that writes its log, later
    assert "StasisStart" in sent
    assert set(sent) - OTHERS <= TRANSLATIONS.keys()


def told(rig: Rig) -> list[str]:
    """The types of the events that Asterisk has sent, as far as its log tells."""
    return re.findall(r'^  "type": "(\w+)"', rig.asterisk.log_path.read_text(), re.MULTILINE)
