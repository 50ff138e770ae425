"""Click to dial on a real Asterisk: the agent's every phone, then the customer, and each way in which it can end."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from ari_app.domain.record import Direction, Disposition
from sandbox import Phone
from sandbox.router import Config
from tests.system.rig import ADA, DID, Rig, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

CUSTOMER = "+14155550123"
ADA_HZ, CUSTOMER_HZ = 1000, 700


def clickable(config: Config) -> None:
    """Ada's extension is 101."""
    config["directory"]["users"][0]["extension"] = "101"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[Rig]:
    async with running(clickable) as rig:
        yield rig


@pytest_asyncio.fixture(loop_scope="module")
async def rig(shared: Rig) -> AsyncIterator[Rig]:
    """One Asterisk and one router serve the calls of the whole file, one after the other."""
    yield shared
    await shared.idle()


@pytest_asyncio.fixture(loop_scope="module")
async def provider(rig: Rig) -> AsyncIterator[Phone]:
    async with Phone.provider(rig.asterisk.layout, tone_hz=CUSTOMER_HZ) as provider:
        yield provider


async def test_agent_and_customer_speak(rig: Rig, provider: Phone) -> None:
    async with rig.user("ada", ADA_HZ) as ada, rig.user("ada-desk") as desk:
        call_id = await rig.router.place(user=ADA, number=CUSTOMER, name="Grace Hopper")
        at_ada, at_desk = await ada.next_call(), await desk.next_call()
        assert (at_ada.caller_number, at_ada.caller_name) == (CUSTOMER, "Grace Hopper")
        await at_desk.ring()
        await at_ada.answer()
        assert "elsewhere" in (await at_desk.cancelled() or "")
        at_customer = await provider.next_call()
        assert at_customer.called_number == CUSTOMER
        assert at_customer.caller_number == DID
        await at_customer.ring()
        assert await at_ada.hears_ringing()
        await at_customer.answer()
        assert await at_ada.hears(CUSTOMER_HZ)
        assert await at_customer.hears(ADA_HZ)
        await at_customer.hang_up()
        await at_ada.ended()
    await rig.idle()
    record = await rig.newest()
    assert record.call_id == call_id
    assert (record.direction, record.first, record.disposition) == (Direction.OUTBOUND, "agent", Disposition.ANSWERED)
    assert (record.agent, record.called_number, record.ended_by) == (ADA, CUSTOMER, "callee")


async def test_an_agent_who_does_not_answer_is_told_nothing_of_a_missed_call(rig: Rig) -> None:
    async with rig.user("bob") as bob:
        await rig.router.place(user="77", number=CUSTOMER, agent_ring_s=5)
        at_bob = await bob.next_call()
        await at_bob.ring()
        assert "elsewhere" in (await at_bob.cancelled(timeout_s=10) or "")
    await rig.idle()
    assert (await rig.newest()).disposition is Disposition.AGENT_UNREACHED


async def test_an_agent_hears_that_the_customer_is_busy(rig: Rig, provider: Phone) -> None:
    async with rig.user("bob") as bob:
        await rig.router.place(user="77", number=CUSTOMER)
        at_bob = await bob.next_call()
        await at_bob.answer()
        at_customer = await provider.next_call()
        await at_customer.reject(486)
        assert await at_bob.hears_sound()
        await at_bob.ended()
    await rig.idle()
    record = await rig.newest()
    assert (record.disposition, record.reason, record.cause) == (Disposition.CUSTOMER_UNREACHED, "busy", 17)


async def test_an_agent_who_hangs_up_cancels_the_customer(rig: Rig, provider: Phone) -> None:
    async with rig.user("bob") as bob:
        await rig.router.place(user="77", number=CUSTOMER)
        at_bob = await bob.next_call()
        await at_bob.answer()
        at_customer = await provider.next_call()
        await at_customer.ring()
        await at_bob.hang_up()
        await at_customer.cancelled()
    await rig.idle()
    assert (await rig.newest()).disposition is Disposition.ABANDONED
