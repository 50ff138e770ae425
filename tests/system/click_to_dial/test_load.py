"""Many clicks to dial at once: each agent gets his own customer, and what is too much is refused and not dropped."""

import asyncio
import contextlib

import pytest

from ari_app.control.settings import ControlError
from ari_app.domain.record import Disposition
from sandbox import Phone
from sandbox.phone.incoming import IncomingCall
from sandbox.router import Config
from tests.patience import PATIENCE_S
from tests.system.click_to_dial.clicking import clickable, provider
from tests.system.rig import Rig, running

COUNT = 50


def everyone(config: Config) -> None:
    """A user for each of the numbered phones, and room for all of their customers."""
    clickable(config)
    config["policy"]["limits"] = {"concurrent": COUNT}
    config["directory"]["users"] = [
        {"id": str(number), "devices": [f"PJSIP/phone{number:03}"]} for number in range(1, COUNT + 1)
    ]


def number_of(agent: int) -> str:
    return f"+1415555{agent:04}"


async def test_fifty_at_once_each_speak_with_their_own_customer() -> None:
    async with (
        running(everyone, numbered_phones=COUNT) as rig,
        provider(rig) as customers,
        contextlib.AsyncExitStack() as stack,
    ):
        agents = range(1, COUNT + 1)
        phones = {agent: await stack.enter_async_context(rig.user(f"phone{agent:03}")) for agent in agents}

        async def pick_up(agent: int) -> IncomingCall:
            call_id = await rig.router.place(user=str(agent), number=number_of(agent))
            assert call_id
            ringing = await phones[agent].next_call(PATIENCE_S)
            assert ringing.caller_number == number_of(agent)
            await ringing.answer(PATIENCE_S)
            return ringing

        at_agents = await asyncio.gather(*map(pick_up, agents))
        at_customers = [await customers.next_call(PATIENCE_S) for _ in agents]
        await asyncio.gather(*(call.answer(PATIENCE_S) for call in at_customers))
        await rig.router.until(lambda status: status["calls_in_setup"] == 0, PATIENCE_S)
        for call in at_agents[::2]:
            await call.hang_up(timeout_s=PATIENCE_S)
        ends = [call for call in at_customers if number_index(call) % 2]
        await asyncio.gather(*(call.ended(PATIENCE_S) for call in ends))
        await asyncio.gather(*(call.hang_up(timeout_s=PATIENCE_S) for call in at_customers if not call.is_over))
        await asyncio.gather(*(call.ended(PATIENCE_S) for call in at_agents))
        await rig.idle()
        records = await rig.router.records()
        assert {(record.agent, record.called_number) for record in records} == {
            (str(agent), number_of(agent)) for agent in agents
        }
        assert {record.disposition for record in records} == {Disposition.ANSWERED}


def number_index(call: IncomingCall) -> int:
    return int(call.called_number[-4:])


async def test_what_is_too_much_at_once_is_refused_before_anything_rings() -> None:
    def two_at_once(config: Config) -> None:
        clickable(config)
        config["calls"] = {"max_in_setup": 2}

    async with running(two_at_once) as rig, rig.user("ada") as ada, rig.user("bob") as bob:
        await rig.router.place(user="456", number=number_of(1))
        await rig.router.place(user="77", number=number_of(2))
        rings = [await phone.next_call() for phone in (ada, bob)]
        with pytest.raises(ControlError, match="overload"):
            await rig.router.place(user="456", number=number_of(3))
        for call in rings:
            await call.reject(603)
        await rig.idle()
        assert [record.disposition for record in await rig.router.records()] == [Disposition.AGENT_UNREACHED] * 2


async def test_a_number_beyond_the_limits_of_the_policy_is_refused_before_anything_rings() -> None:
    def one_outside(config: Config) -> None:
        clickable(config)
        config["policy"]["limits"] = {"concurrent": 1}

    async with running(one_outside) as rig, provider(rig) as customers, rig.user("ada") as ada, rig.user("bob") as bob:
        at_ada, at_customer = await speaking(rig, ada, customers)
        with pytest.raises(ControlError, match="policy_"):
            await rig.router.place(user="77", number=number_of(2))
        assert bob.received == []
        refused = await rig.newest()
        assert (refused.disposition, refused.agent) == (Disposition.REJECTED, "77")
        await at_ada.hang_up()
        await at_customer.ended()
        await rig.idle()
        await rig.router.place(user="77", number=number_of(2))
        await (await bob.next_call()).reject(603)
        await rig.idle()


async def speaking(rig: Rig, agent: Phone, customers: Phone) -> tuple[IncomingCall, IncomingCall]:
    await rig.router.place(user="456", number=number_of(1))
    at_agent = await agent.next_call()
    await at_agent.answer()
    at_customer = await customers.next_call()
    await at_customer.answer()
    assert await at_agent.hears_sound()
    return at_agent, at_customer
