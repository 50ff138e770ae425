"""Calls that Asterisk alone carries, where only call detail records and queues tell of them."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from ari_app.domain.parts import PartKind
from ari_app.domain.record import Direction, Disposition
from sandbox import Phone
from tests.patience import PATIENCE_S
from tests.system.pbx.records import CAROL, DIALPLAN, newest, recorded, telling, with_directory
from tests.system.rig import ADA, CALLER, Rig, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

BOB = "77"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig() -> AsyncIterator[Rig]:
    async with running(with_directory, extra_dialplan=DIALPLAN, configure=telling(cdr=True), ami=True) as rig:
        await rig.router.until(lambda status: status["ami_connected"])
        yield rig


@pytest_asyncio.fixture(loop_scope="module")
async def ada(rig: Rig) -> AsyncIterator[Phone]:
    async with rig.user("ada") as phone:
        yield phone


@pytest_asyncio.fixture(loop_scope="module")
async def bob(rig: Rig) -> AsyncIterator[Phone]:
    async with rig.user("bob") as phone:
        yield phone


@pytest_asyncio.fixture(loop_scope="module")
async def carol(rig: Rig) -> AsyncIterator[Phone]:
    async with rig.user("carol") as phone:
        yield phone


async def test_an_answered_call(rig: Rig, ada: Phone, bob: Phone) -> None:
    before = len(await recorded(rig))
    call = await ada.call("102")
    await (await bob.next_call()).answer()
    await call.answered()
    assert await call.hears_sound()
    await asyncio.sleep(1)  # they speak
    await call.hang_up()
    told = await newest(rig, before + 1)
    assert (told.call.source, told.call.direction, told.call.disposition) == (
        "cdr",
        Direction.INTERNAL,
        Disposition.ANSWERED,
    )
    assert told.call.agent == BOB
    assert told.user(ADA).direction is Direction.OUTBOUND
    assert told.user(BOB).outcome == "answered"


@pytest.mark.parametrize("group", ["200", "201"])
async def test_a_group_is_one_entry_also_behind_local_channels(
    rig: Rig, ada: Phone, bob: Phone, carol: Phone, group: str
) -> None:
    before = len(await recorded(rig))
    call = await ada.call(group)
    await bob.next_call()
    await (await carol.next_call()).answer()
    await call.answered()
    assert await call.hears_sound()
    await asyncio.sleep(1)  # they speak
    await call.hang_up()
    told = await newest(rig, before + 1)
    assert told.call.agent == CAROL
    assert told.user(CAROL).outcome == "answered"
    assert {part.kind for part in told.parts if part.kind is not PartKind.USER} == (
        {PartKind.TEAM} if group == "200" else set()
    )


async def test_a_queue_tells_its_times_by_itself(rig: Rig, bob: Phone, carol: Phone) -> None:
    before = len(await recorded(rig))
    call = await rig.carrier.call("9400", caller=CALLER)
    await bob.next_call()
    ringing = await carol.next_call()
    await asyncio.sleep(1)  # he waits
    await ringing.answer()
    await call.answered()
    assert await call.hears(1000, 0.3)
    await call.hang_up()
    told = await newest(rig, before + 1)
    queue = told.of(PartKind.QUEUE, "plain")
    assert (queue.outcome, queue.answered_by) == ("answered", CAROL)
    assert queue.waiting_s is not None
    assert 0.4 < queue.waiting_s < PATIENCE_S
    assert told.call.direction is Direction.INBOUND


async def test_a_caller_who_leaves_the_queue(rig: Rig, bob: Phone) -> None:
    before = len(await recorded(rig))
    call = await rig.carrier.call("9400", caller=CALLER)
    await bob.next_call()
    await call.cancel()
    told = await newest(rig, before + 1)
    assert told.call.disposition is Disposition.ABANDONED
    assert told.of(PartKind.QUEUE, "plain").outcome == "abandoned"


async def test_a_call_of_the_router_s_stays_one_entry(rig: Rig, ada: Phone) -> None:
    before = len(await recorded(rig))
    call = await rig.call()
    await (await ada.next_call()).answer()
    await call.answered()
    assert await call.hears_sound()
    await call.hang_up()
    await rig.idle()
    async with asyncio.timeout(PATIENCE_S):
        while not (told := (await recorded(rig))[-1]).call.linkedid:
            await asyncio.sleep(0.1)  # its Cdr comes, and tells nobody
    assert len(await recorded(rig)) == before + 1
    assert told.call.source == "router"
    assert len(told.parts) == 1
