"""Each event that Asterisk makes, sends and the router reads costs both of them; so none is sent that nobody hears."""

import re

from ari_app.asterisk.events import TRANSLATIONS
from tests.system.rig import running

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
        sent = set(re.findall(r'^  "type": "(\w+)"', rig.asterisk.log_path.read_text(), re.MULTILINE))
    assert {"StasisStart", "ChannelDestroyed"} <= sent
    assert sent - OTHERS <= TRANSLATIONS.keys()
