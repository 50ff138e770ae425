"""Receivers that were written for VoIPline and Ringotel, told by real calls on a real Asterisk."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from ari_app.domain.call_digits import in_digits
from ari_app.domain.events import RecordingStarted
from sandbox import Layout
from sandbox.router import Config
from sandbox.tone import one_second
from tests.patience import PATIENCE_S
from tests.system.click_to_dial.clicking import CUSTOMER, CUSTOMER_HZ, provider
from tests.system.faces.vendors import QUEUES, TALK_S, served, with_faces
from tests.system.rig import ADA, CALLER, DID, Rig, route, running
from tests.system.test_voicemail import UNAVAILABLE_HZ, mailbox
from tests.system.told.receiver import Receiver, reachable, subscribed

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOKEN = "the token that the receiver checks"
RECORDED_S = TALK_S + 0.5
"""What is heard may have been on its way before it was recorded."""


def with_receivers(config: Config) -> None:
    with_faces(config)
    reachable(config)
    config["click_to_dial"] = {"recording": "always"}
    config["routes"]["voicemail"] = route(config, {"type": "voicemail"})
    config["routes"]["recorded"] = {**route(config, {"type": "user"}), "recording": "always"}


def with_queues(etc: Path, _: Layout) -> None:
    (etc / "queues.conf").write_text(QUEUES)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig() -> AsyncIterator[Rig]:
    async with running(with_receivers, configure=with_queues, ami=True) as rig:
        await rig.router.until(lambda status: status["ami_connected"] and status["queue_members"] == 1)
        yield rig


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def voipline(rig: Rig) -> AsyncIterator[dict[str, Receiver]]:
    """As VoIPline's one receiver: a subscription for each of its templates."""
    async with AsyncExitStack() as stack:
        receivers = {}
        for template in ("voipline", "voipline-queues", "voipline-ring-groups"):
            words = ("--template", template, "--header", f"X-Pbx-Token={TOKEN}")
            receivers[template] = await stack.enter_async_context(subscribed(rig, *words, name=template))
        yield receivers


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ringotel(rig: Rig) -> AsyncIterator[Receiver]:
    words = ("--template", "ringotel", "--header", "X-Api-Token=secret", "--header", "X-Domain=example.ringotel.co")
    async with subscribed(rig, *words, name="ringotel") as receiver:
        yield receiver


async def talk(rig: Rig, kind: str, whom: str, *, recorded: bool = False) -> None:
    """A customer is led to this user, team or queue; Ada's phone rings, she answers, and they talk."""
    async with rig.user("ada") as ada:
        caller = await rig.call_by(kind, whom)
        call = await ada.next_call()
        await call.ring()
        await call.answer()
        if recorded:
            await rig.router.until_told(RecordingStarted)
        assert await caller.hears(1000, RECORDED_S if recorded else TALK_S)
        await served(rig)
        await caller.hang_up()
        await over(rig)


async def give_up(rig: Rig, kind: str, whom: str) -> None:
    """A customer hears it ring, or the music of the queue, and gives up."""
    async with rig.user("ada") as ada:
        caller = await rig.call_by(kind, whom)
        call = await ada.next_call()
        await call.ring()
        await asyncio.sleep(TALK_S)  # how long it rang is what is told
        if kind == "queue":  # which has answered him, with music
            await caller.hang_up()
        else:
            await caller.cancel()
        await call.cancelled()
        await over(rig)


async def over(rig: Rig) -> None:
    await rig.router.until(lambda status: status["live_calls"] == 0)


async def of_newest(rig: Rig, receiver: Receiver, kind: str) -> Any:
    """The body of this type about the last call."""
    newest = in_digits((await rig.newest()).call_id)
    return await receiver.until(lambda body: body["type"] == kind and body["unique_call_id"] == newest)


async def activity(rig: Rig, receiver: Receiver, method: str) -> Any:
    newest = (await rig.newest()).call_id
    body = await receiver.until(lambda body: body["method"] == method and body["params"]["call_id"] == newest)
    assert body["api_token"] == "secret"
    return body["params"]


async def test_a_user_is_rung_and_answers_and_is_done(
    rig: Rig, voipline: dict[str, Receiver], ringotel: Receiver
) -> None:
    await talk(rig, "user", ADA)
    users = voipline["voipline"]
    rung = await of_newest(rig, users, "user_inbound")
    assert (rung["caller_id"], rung["dest_number"]) == (CALLER, DID)
    assert (rung["user_name"], rung["user_number"]) == ("Ada", "101")
    answered = await of_newest(rig, users, "user_inbound_answered")
    completed = await of_newest(rig, users, "user_inbound_completed")
    assert rung.items() <= completed.items() | {"type": "user_inbound"}.items()
    assert answered["connected_at"] == completed["connected_at"]
    assert completed["conversation_duration"] >= 1
    assert completed["call_duration"] >= completed["conversation_duration"]
    assert {heard.headers["X-Pbx-Token"] for heard in users.heard} == {TOKEN}
    start = await activity(rig, ringotel, "StartCallActivity")
    stop = await activity(rig, ringotel, "StopCallActivity")
    assert start.items() <= stop.items()
    assert (start["extension"], start["activity_type"], start["caller_number"]) == ("101", "inbound", CALLER)
    assert stop["call_end"] - stop["call_start"] >= 1000
    assert stop["call_cause"] == "answered"


async def test_a_user_who_misses_a_call_is_done_without_having_been_connected(
    rig: Rig, voipline: dict[str, Receiver], ringotel: Receiver
) -> None:
    await give_up(rig, "user", ADA)
    completed = await of_newest(rig, voipline["voipline"], "user_inbound_completed")
    assert (completed["connected_at"], completed["conversation_duration"]) == (None, 0)
    assert completed["call_duration"] >= 1
    stop = await activity(rig, ringotel, "StopCallActivity")
    assert stop["call_cause"] == "abandoned"


@pytest.mark.parametrize(
    ("kind", "whom", "template", "type_", "name"),
    [
        ("queue", "support", "voipline-queues", "queue_call", {"queue_name": "support-queue"}),
        ("team", "7", "voipline-ring-groups", "ring_group_call", {"ring_group_name": "Sales"}),
    ],
)
async def test_queues_and_ring_groups_are_summed_up(
    rig: Rig, voipline: dict[str, Receiver], *, kind: str, whom: str, template: str, type_: str, name: dict[str, str]
) -> None:
    await talk(rig, kind, whom)
    summary = await of_newest(rig, voipline[template], type_)
    assert name.items() <= summary.items()
    assert (summary["status"], summary["user_name"]) == ("answered", "Ada")
    assert summary["conversation_duration"] >= 1
    user = await of_newest(rig, voipline["voipline"], "user_inbound_completed")
    assert name.items() <= user.items()
    await give_up(rig, kind, whom)
    summary = await of_newest(rig, voipline[template], type_)
    assert (summary["status"], summary["user_name"], summary["connected_at"]) == ("abandoned", None, None)


async def test_a_user_places_a_call(rig: Rig, voipline: dict[str, Receiver], ringotel: Receiver) -> None:
    async with rig.user("ada") as ada, provider(rig) as customer:
        await rig.place(ADA, CUSTOMER)
        at_ada = await ada.next_call()
        await at_ada.answer()
        at_customer = await customer.next_call()
        await at_customer.answer()
        await rig.router.until_told(RecordingStarted)
        assert await at_ada.hears(CUSTOMER_HZ, RECORDED_S)
        await at_customer.hang_up()
        await at_ada.ended()
        await over(rig)
    users = voipline["voipline"]
    asked = await of_newest(rig, users, "user_outbound")
    assert (asked["dest_number"], asked["user_number"]) == (CUSTOMER, "101")
    await of_newest(rig, users, "user_outbound_answered")
    completed = await of_newest(rig, users, "user_outbound_completed")
    assert completed["conversation_duration"] >= 1
    start = await activity(rig, ringotel, "StartCallActivity")
    stop = await activity(rig, ringotel, "StopCallActivity")
    assert start.items() <= stop.items()
    assert (start["activity_type"], start["called_number"]) == ("outbound", CUSTOMER)
    recording = await of_newest(rig, users, "recording_outbound")
    assert await sound_of(recording["call_recording_link"]) > TALK_S * 16_000


async def test_a_recording_comes_with_a_link_that_opens_it(rig: Rig, voipline: dict[str, Receiver]) -> None:
    await talk(rig, "recorded", ADA, recorded=True)
    recording = await of_newest(rig, voipline["voipline"], "recording_inbound")
    assert (recording["caller_id"], recording["dest_number"]) == (CALLER, DID)
    assert await sound_of(recording["call_recording_link"]) > TALK_S * 16_000


async def test_a_message_that_a_caller_leaves_comes_with_its_sound(rig: Rig, voipline: dict[str, Receiver]) -> None:
    mailbox(rig).mkdir(parents=True)
    (mailbox(rig) / "unavail.ulaw").write_bytes(one_second(UNAVAILABLE_HZ))
    caller = await rig.call_by("voicemail", "101")
    await caller.answered()
    async with asyncio.timeout(PATIENCE_S):
        while not list(mailbox(rig).glob("tmp/*.wav")):
            await asyncio.sleep(0.02)  # Asterisk has no event for "speak after the tone"
    await asyncio.sleep(2)  # what he says
    await caller.hang_up()
    await over(rig)
    voicemail = await of_newest(rig, voipline["voipline"], "voicemail")
    assert (voicemail["caller_id"], voicemail["dest_number"]) == (CALLER, DID)
    [link] = voicemail["audio_file"]
    assert await sound_of(link) > 16_000


async def sound_of(link: str) -> int:
    """How many bytes of sound the link leads to, 16,000 each second."""
    async with aiohttp.ClientSession() as session, session.get(link) as response:
        assert (response.status, response.content_type) == (200, "audio/wav")
        return len(await response.read())
