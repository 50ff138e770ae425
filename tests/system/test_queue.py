"""A queue as a destination, on a real Asterisk: the caller waits in app_queue, and comes back with its result."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from ari_app.domain.record import Disposition
from sandbox import Phone
from sandbox.router import Config
from sandbox.tone import MUSIC_ON_HOLD_HZ
from tests.patience import PATIENCE_S
from tests.system.rig import ADA, Rig, route, running

# One Asterisk and one router serve the calls of the whole file, one after the other.
pytestmark = pytest.mark.asyncio(loop_scope="module")

QUEUES = """\
[general]
[support-queue]
strategy = ringall
timeout = 20
joinempty = yes
member => Local/ada@agi-router-member/n,0,Ada,PJSIP/ada
[plain-queue]
strategy = ringall
joinempty = yes
member => PJSIP/bob
[leaving-queue]
strategy = ringall
retry = 1
joinempty = yes
leavewhenempty = paused
member => PJSIP/bob
[empty-queue]
joinempty = no
"""


GONE = "Deactivating Stasis app 'agi-router'"

# What a phone may dial, and so, where Asterisk itself follows a 302, whom it may redirect a call to.
OUTWARD = """
[from-phones](+)
exten => _+1X.,1,Dial(PJSIP/${EXTEN}@trunk)
"""


def with_routes(config: Config) -> None:
    config["routes"] |= {
        "queue": route(config, {"type": "queue"}, {"endpoint": "carol"}),
        "chain": route(config, {"type": "user"}, {"queue": "support", "timeout_s": 5}, {"endpoint": "carol"}),
        "leave": route(config, {"type": "user"}, {"queue": "leaving"}, {"endpoint": "carol"}),
    }
    config["directory"]["queues"] = [
        {"id": "support", "name": "support-queue"},
        {"id": "plain", "name": "plain-queue"},
        {"id": "leaving", "name": "leaving-queue"},
        {"id": "empty", "name": "empty-queue"},
        {"id": "ghost", "name": "no-such-queue"},
    ]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig() -> AsyncIterator[Rig]:
    async with running(with_routes, extra_dialplan=OUTWARD) as rig:
        (rig.asterisk.config_dir / "queues.conf").write_text(QUEUES)
        await rig.asterisk.cli("queue reload all")
        yield rig


@contextlib.asynccontextmanager
async def who_leaves(rig: Rig) -> AsyncIterator[None]:
    """The queue gives its caller back as soon as this begins, for its only member takes a break."""
    await rig.asterisk.cli("queue pause member PJSIP/bob queue leaving-queue")
    yield
    await rig.asterisk.cli("queue unpause member PJSIP/bob queue leaving-queue")


async def served(rig: Rig) -> None:
    """The record knows who answered."""
    async with asyncio.timeout(PATIENCE_S):
        while (await rig.newest()).answered_at is None:
            await asyncio.sleep(0.05)  # the record has no event


@pytest.mark.parametrize("who", ["caller", "member"])
async def test_a_caller_hears_music_and_is_served_by_a_member_whose_phones_all_ring(rig: Rig, who: str) -> None:
    async with rig.user("ada") as desk, rig.user("ada") as mobile:
        caller = await rig.call_by("queue", "support")
        await caller.answered()
        assert await caller.hears(MUSIC_ON_HOLD_HZ, 0.3)
        ringing, also = await desk.next_call(), await mobile.next_call()
        began = asyncio.get_running_loop().time()
        await ringing.answer()
        await also.cancelled()
        await served(rig)
        assert all(await asyncio.gather(caller.hears(1000, 0.2), ringing.hears(500, 0.2)))
        first, other = (caller, ringing) if who == "caller" else (ringing, caller)
        await first.hang_up()
        assert (await other.ended()).how == "bye"
        await rig.idle()
        longest_s = asyncio.get_running_loop().time() - began
    record = await rig.newest()
    assert (record.disposition, record.answered_by, record.agent) == (Disposition.ANSWERED, "PJSIP/ada", ADA)
    assert (record.ended_by, record.cause) == ("caller" if who == "caller" else "callee", 16)
    assert record.talk_s is not None
    assert 0.1 < record.talk_s < longest_s  # 0.2 s of it are heard
    assert await rig.step_ends() == [("answered", "")]


async def test_a_member_without_a_local_channel_is_known_too(rig: Rig) -> None:
    async with rig.user("bob") as bob:
        caller = await rig.call_by("queue", "plain")
        await (await bob.next_call()).answer()
        assert await caller.hears(1000, 0.2)
        await served(rig)
        await caller.hang_up()
        await rig.idle()
    record = await rig.newest()
    assert (record.answered_by, record.agent) == ("PJSIP/bob", "77")


@pytest.mark.parametrize(("member", "queue"), [("bob", "plain"), ("ada", "support")])
async def test_a_member_s_phone_that_redirects_places_no_call_past_the_policy(
    rig: Rig, member: str, queue: str
) -> None:
    async with rig.user(member) as phone, Phone.provider(rig.asterisk.layout) as provider:
        caller = await rig.call_by("queue", queue)
        await (await phone.next_call()).redirect("sip:+14155550123@192.0.2.1")
        again = await phone.next_call()  # the queue has given the redirected call up, and tries anew
        with pytest.raises(TimeoutError):
            await provider.next_call(0.1)
        await again.answer()
        assert await caller.hears(1000, 0.2)
        await caller.hang_up()
        await rig.idle()


@pytest.mark.parametrize(
    ("queue", "end"),
    [("empty", ("unavailable", "queue_joinempty")), ("ghost", ("failed", "queue_unknown"))],
)
async def test_a_queue_that_takes_nobody_leads_to_the_next_step(rig: Rig, queue: str, end: tuple[str, str]) -> None:
    async with rig.user("carol") as carol:
        caller = await rig.call_by("queue", queue)
        await (await carol.next_call()).answer()
        assert await caller.hears(1000, 0.2)
        await caller.hang_up()
        await rig.idle()
    record = await rig.newest()
    assert (record.answered_by, record.error_code) == ("PJSIP/carol", end[1])
    assert await rig.step_ends() == [end, ("answered", "")]


async def test_a_caller_nobody_serves_in_time_goes_on(rig: Rig) -> None:
    async with rig.user("ada") as ada, rig.user("carol") as carol:
        caller = await rig.call_by("chain", "nobody")
        ringing = await ada.next_call()
        await ringing.ring()
        await ringing.cancelled()
        await (await carol.next_call()).answer()
        assert await caller.hears(1000, 0.2)
        await caller.hang_up()
        await rig.idle()
    assert await rig.step_ends() == [("no_answer", ""), ("answered", "")]


async def test_a_caller_who_gives_up_in_the_queue_is_abandoned(rig: Rig) -> None:
    async with rig.user("ada") as ada:
        caller = await rig.call_by("queue", "support")
        await caller.answered()
        ringing = await ada.next_call()
        await ringing.ring()
        await caller.hang_up()
        await ringing.cancelled()
        await rig.idle()
    assert (await rig.newest()).disposition == Disposition.ABANDONED
    assert await rig.step_ends() == [("cancelled", "")]


async def test_a_router_that_comes_back_while_he_waits_takes_him_on(rig: Rig) -> None:
    async with rig.user("carol") as carol:
        caller = await rig.call_by("leave", "nobody")
        assert await caller.hears(MUSIC_ON_HOLD_HZ, 0.2)
        await rig.router.records()
        await rig.router.kill()
        await rig.router.start()
        async with who_leaves(rig):
            await (await carol.next_call()).answer()
            assert await caller.hears(1000, 0.2)
            await caller.hang_up()
            await rig.idle()
    record = await rig.newest()
    assert (record.recovered, record.answered_by) == (True, "PJSIP/carol")
    assert await rig.step_ends() == [("unavailable", "queue_leaveempty"), ("answered", "")]


async def test_a_router_that_is_stopped_leaves_him_in_the_queue_and_finds_him_served(rig: Rig) -> None:
    async with rig.user("ada") as ada:
        caller = await rig.call_by("queue", "support")
        ringing = await ada.next_call()
        assert await rig.router.stop() == 0
        await ringing.answer()
        assert await caller.hears(1000, 0.2)
        await rig.router.start()
        await ringing.hang_up()
        assert (await caller.ended()).how == "bye"
        await rig.idle()
    record = await rig.newest()
    assert (record.recovered, record.ended_by) == (True, "callee")


async def test_the_dialplan_catches_a_caller_who_comes_back_to_no_router(rig: Rig) -> None:
    caller = await rig.call_by("leave", "nobody")
    assert await caller.hears(MUSIC_ON_HOLD_HZ, 0.2)
    await rig.router.records()
    times_gone = rig.asterisk.log_path.read_text().count(GONE)
    await rig.router.kill()
    await rig.asterisk.until_logged(GONE, times_gone + 1)
    async with who_leaves(rig):
        assert (await caller.ended()).how == "bye"
    await rig.router.start()
    await rig.idle()
    assert (await rig.newest()).disposition == Disposition.INTERRUPTED


async def test_an_old_dialplan_without_the_context_loses_no_caller(rig: Rig) -> None:
    await rig.asterisk.cli("dialplan remove context agi-router-queue")
    async with rig.user("carol") as carol:
        caller = await rig.call_by("queue", "support")
        ringing = await carol.next_call()
        await caller.cancel()
        await ringing.cancelled()
        await rig.idle()
    await rig.asterisk.cli("dialplan reload")
    assert await rig.step_ends() == [("refused", "dialplan_missing"), ("cancelled", "")]
