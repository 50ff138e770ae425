"""A message that a caller leaves is an event of his call, by both doors, with its sound; a greeting heard is none."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from ari_app.domain import events as e
from ari_app.domain.record import Disposition
from sandbox.phone.outgoing import OutgoingCall
from sandbox.tone import one_second
from tests.patience import PATIENCE_S
from tests.recorded import seconds_with
from tests.system.doors import Door, running_by
from tests.system.rig import Rig
from tests.system.test_voicemail import UNAVAILABLE_HZ, mailbox, with_routes

# One Asterisk and one router serve the calls of each door, one after the other.
pytestmark = pytest.mark.asyncio(loop_scope="module")

CALLERS_HZ = 500
SHORTEST_S = 3
"""A message that is shorter is none: so long a caller may take to hang up who says nothing."""


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=Door, ids=lambda door: door.name)
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    async with running_by(request.param, with_routes) as rig:
        mailbox(rig).mkdir(parents=True)
        (mailbox(rig) / "unavail.ulaw").write_bytes(one_second(UNAVAILABLE_HZ))
        config = rig.asterisk.config_dir / "voicemail.conf"
        config.write_text(config.read_text().replace("[general]", f"[general]\nminsecs = {SHORTEST_S}"))
        await rig.asterisk.cli("voicemail reload")
        yield rig


async def calls_the_mailbox(rig: Rig) -> OutgoingCall:
    caller = await rig.call_by("voicemail", "101")
    await caller.answered()
    assert await caller.hears(UNAVAILABLE_HZ, 0.3)
    return caller


async def until_it_records(rig: Rig) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not list(mailbox(rig).glob("tmp/*.wav")):
            await asyncio.sleep(0.02)


async def test_only_a_message_is_an_event_and_its_file_holds_what_was_said(rig: Rig) -> None:
    in_the_greeting = await calls_the_mailbox(rig)
    await in_the_greeting.hang_up()
    await rig.idle()
    at_the_beep = await calls_the_mailbox(rig)
    await until_it_records(rig)
    await at_the_beep.hang_up()
    await rig.idle()
    caller = await calls_the_mailbox(rig)
    clock = asyncio.get_running_loop()
    began = clock.time()
    await until_it_records(rig)
    await asyncio.sleep(SHORTEST_S + 1)  # what he says
    await caller.hang_up()
    longest_s = clock.time() - began
    await rig.router.until_told(e.VoicemailLeft)
    await rig.idle()
    # By now all is told of those before him.
    *silent, record = await rig.router.records()
    assert [each.disposition for each in (*silent, record)] == [Disposition.TO_VOICEMAIL] * 3
    for each in silent:
        assert not isinstance((await rig.router.trace(each.call_id))[-1], e.VoicemailLeft)
    left = (await rig.router.trace(record.call_id))[-1]
    assert isinstance(left, e.VoicemailLeft)
    assert (left.mailbox, left.recording, left.reason) == ("101@default", f"{record.call_id}-voicemail", "")
    assert left.seconds is not None
    assert SHORTEST_S < left.seconds < longest_s + 0.1
    assert left.message_id
    file = rig.router.config_path.with_name("recordings") / left.place
    assert file.stat().st_size == left.size
    assert seconds_with(file, CALLERS_HZ) > 1
    assert file.read_bytes() in [kept.read_bytes() for kept in mailbox(rig).glob("INBOX/*.wav")]
