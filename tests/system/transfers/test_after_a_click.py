"""A call that an agent asked for is transferred like any: the customer goes on, and never to the dialplan."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from ari_app.domain.events import LegEnded
from ari_app.domain.record import Disposition
from sandbox import Phone
from sandbox.phone.incoming import IncomingCall
from tests.system.click_to_dial.clicking import CUSTOMER, CUSTOMER_HZ, provider
from tests.system.rig import ADA, DID, Rig
from tests.system.transfers.talks import ADAS_HZ, BOBS_HZ, consulting, last, talking

pytestmark = pytest.mark.asyncio(loop_scope="module")


@asynccontextmanager
async def speaking(rig: Rig, ada: Phone) -> AsyncIterator[tuple[IncomingCall, IncomingCall]]:
    """Ada has asked for the customer, and speaks with him."""
    async with provider(rig) as customers:
        await rig.place(ADA, CUSTOMER)
        at_ada = await ada.next_call()
        await at_ada.answer()
        at_customer = await customers.next_call()
        await at_customer.answer()
        assert all(await asyncio.gather(at_ada.hears(CUSTOMER_HZ, 0.2), at_customer.hears(ADAS_HZ, 0.2)))
        await rig.router.until(lambda status: status["live_calls"] == 1 and status["calls_in_setup"] == 0)
        yield at_ada, at_customer


@pytest.mark.parametrize("number", [DID, "701"])
async def test_an_agent_asks_a_colleague_and_then_connects_the_customer_with_him(rig: Rig, number: str) -> None:
    async with (
        rig.user("ada", ADAS_HZ) as ada,
        rig.user("bob", BOBS_HZ) as bob,
        speaking(rig, ada) as (at_ada, at_customer),
    ):
        second = await consulting(rig, at_ada, ada, bob, number)
        transfer = await at_ada.transfer(number, replaced=second.adas)
        assert await transfer.outcome() == 200
        assert all(await asyncio.gather(second.bobs.hears(CUSTOMER_HZ, 0.3), at_customer.hears(BOBS_HZ, 0.3)))
        await at_customer.hang_up()
        await second.bobs.ended()
        await rig.idle()
    (record,) = [record for record in await rig.router.records() if record.ended_at and record.first][-1:]
    assert (record.disposition, record.called_number) == (Disposition.ANSWERED, CUSTOMER)


@pytest.mark.parametrize(("number", "told"), [("+442071838750", 603), ("103", 503), ("102", 603)])
async def test_a_transfer_that_comes_to_nothing_leaves_agent_and_customer_together(
    rig: Rig, number: str, told: int
) -> None:
    async with (
        rig.user("ada", ADAS_HZ) as ada,
        rig.user("bob", BOBS_HZ) as bob,
        speaking(rig, ada) as (at_ada, at_customer),
    ):
        transfer = await at_ada.transfer(number)
        if number == "102":
            await (await bob.next_call()).reject(486)
        assert await transfer.outcome() == told
        assert all(await asyncio.gather(at_ada.hears(CUSTOMER_HZ, 0.3), at_customer.hears(ADAS_HZ, 0.3)))
        await at_ada.hang_up()
        await at_customer.ended()
        record, _ = await last(rig)
    assert (record.disposition, record.agent) == (Disposition.ANSWERED, "456")


async def test_a_customer_whose_agent_leaves_him_to_nobody_hears_why_and_goes_to_no_dialplan(rig: Rig) -> None:
    async with rig.user("ada", ADAS_HZ) as ada, rig.user("bob") as bob, speaking(rig, ada) as (at_ada, at_customer):
        await at_ada.transfer("102")
        at_bob = await bob.next_call()
        await at_ada.hang_up()
        await rig.router.until_told(LegEnded)
        await at_bob.reject(486)
        assert await at_customer.hears_sound()
        await at_customer.ended()
        record, _ = await last(rig)
    assert record.disposition is Disposition.ANSWERED


async def test_a_colleague_who_has_called_both_by_the_router_connects_them(rig: Rig) -> None:
    async with rig.user("ada", ADAS_HZ) as ada, rig.user("bob", BOBS_HZ) as bob, rig.user("carol") as carol:
        talk = await talking(rig, ada, carol)
        second = await consulting(rig, talk.caller, carol, bob, DID)
        transfer = await talk.caller.transfer(DID, replaced=second.adas)
        assert await transfer.outcome() == 200
        assert all(await asyncio.gather(talk.ada.hears(BOBS_HZ, 0.3), second.bobs.hears(ADAS_HZ, 0.3)))
        await talk.ada.hang_up()
        await second.bobs.ended()
        await rig.idle()
