"""A mailbox as a destination, on a real Asterisk with its app_voicemail."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from ari_app.domain.record import Disposition
from sandbox.router import Config
from sandbox.tone import one_second
from tests.patience import PATIENCE_S
from tests.system.rig import Rig, route, running

# One Asterisk and one router serve the calls of the whole file, one after the other.
pytestmark = pytest.mark.asyncio(loop_scope="module")

UNAVAILABLE_HZ, BUSY_HZ = 697, 1477


def with_routes(config: Config) -> None:
    config["routes"] |= {
        "voicemail": route(config, {"type": "voicemail"}, {"endpoint": "carol"}),
        "chain": route(config, {"type": "user"}, {"endpoint": "carol", "timeout_s": 5}, {"voicemail": "101"}),
    }


def mailbox(rig: Rig) -> Path:
    return rig.asterisk.spool_dir / "voicemail" / "default" / "101"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig() -> AsyncIterator[Rig]:
    async with running(with_routes) as rig:
        mailbox(rig).mkdir(parents=True)
        for name, tone_hz in {"unavail": UNAVAILABLE_HZ, "busy": BUSY_HZ}.items():
            (mailbox(rig) / f"{name}.ulaw").write_bytes(one_second(tone_hz))
        yield rig


@pytest.mark.parametrize("value", ["101", "101@default"])
async def test_a_caller_hears_the_greeting_and_leaves_a_message(rig: Rig, value: str) -> None:
    caller = await rig.call_by("voicemail", value)
    await caller.answered()
    assert await caller.hears(UNAVAILABLE_HZ, 0.3)
    async with asyncio.timeout(PATIENCE_S):
        while not list(mailbox(rig).glob("tmp/*.wav")):  # it records from the beep on
            await asyncio.sleep(0.1)
    await asyncio.sleep(1)  # what he says
    await caller.hang_up()
    await rig.idle()
    record = await rig.newest()
    assert (record.disposition, record.destination_type) == (Disposition.TO_VOICEMAIL, "voicemail")
    assert record.destination == "101@default"


@pytest.mark.parametrize(("status", "tone_hz"), [(486, BUSY_HZ), (480, UNAVAILABLE_HZ)])
async def test_the_greeting_tells_why_nobody_answered(rig: Rig, status: int, tone_hz: int) -> None:
    async with rig.user("carol") as carol:
        caller = await rig.call_by("chain", "nobody")
        await (await carol.next_call()).reject(status)
        assert await caller.hears(tone_hz, 0.3)
        await caller.hang_up()
        await rig.idle()
    assert (await rig.newest()).disposition == Disposition.TO_VOICEMAIL


@pytest.mark.parametrize(
    ("value", "code"),
    [("999", "mailbox_missing"), ("101@sales", "mailbox_missing"), ("101&102", "value_not_mailbox")],
)
async def test_a_mailbox_that_is_not_there_leads_to_the_next_step(rig: Rig, value: str, code: str) -> None:
    async with rig.user("carol") as carol:
        caller = await rig.call_by("voicemail", value)
        await (await carol.next_call()).answer()
        assert await caller.hears(1000, 0.2)
        await caller.hang_up()
        await rig.idle()
    record = await rig.newest()
    assert (record.error_code, record.answered_by) == (code, "PJSIP/carol")


async def test_an_asterisk_without_voicemail_leads_to_the_next_step(rig: Rig) -> None:
    await rig.asterisk.cli("module unload app_voicemail.so")
    async with rig.user("carol") as carol:
        caller = await rig.call_by("voicemail", "101")
        ringing = await carol.next_call()
        await caller.cancel()
        await ringing.cancelled()
        await rig.idle()
    await rig.asterisk.cli("module load app_voicemail.so")
    assert (await rig.newest()).error_code == "voicemail_unavailable"
