"""The router, or Asterisk, goes away in each state of a click to dial: nothing is lost, nothing is left."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from ari_app.control.settings import ControlError
from ari_app.domain.events import CallAnswered
from ari_app.domain.record import Disposition
from sandbox import Phone
from sandbox.phone.incoming import IncomingCall
from tests.fakes.wire import Wire
from tests.system.click_to_dial.clicking import (
    ADA_HZ,
    CUSTOMER_HZ,
    DEVICES,
    ELSEWHERE,
    Agent,
    agent,
    click,
    clickable,
    outcomes,
    provider,
)
from tests.system.rig import ADA, Rig, running

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[Rig]:
    async with running(clickable) as rig:
        yield rig


async def customer_rings(rig: Rig, ada: Agent, customer: Phone) -> tuple[IncomingCall, IncomingCall]:
    """The agent waits, and hears the customer's phone ring; that is on record."""
    await click(rig)
    at_ada, *_ = await ada.called()
    await at_ada.answer()
    at_customer = await customer.next_call()
    await at_customer.ring()
    assert await at_ada.hears_ringing()
    await rig.router.records()
    return at_ada, at_customer


async def talk(rig: Rig, ada: Agent, customer: Phone, talk_s: float | None = None) -> tuple[IncomingCall, IncomingCall]:
    """The two speak, and that is on record."""
    await click(rig, talk_s=talk_s)
    at_ada, *_ = await ada.called()
    await at_ada.answer()
    at_customer = await customer.next_call()
    await at_customer.answer()
    assert await at_ada.hears(CUSTOMER_HZ, 0.2)
    await rig.router.until_told(CallAnswered)
    await rig.router.records()
    return at_ada, at_customer


async def again(rig: Rig) -> None:
    """SIGKILL, and a new start."""
    await rig.router.kill()
    await rig.router.start()


async def test_an_agents_phones_stop_and_show_no_missed_call_when_the_router_was_killed(
    rig: Rig, ada: Agent, customer: Phone
) -> None:
    await click(rig)
    calls = await ada.called()
    await rig.router.records()
    await again(rig)
    for call in calls:
        assert ELSEWHERE in (await call.cancelled() or "")
    await rig.idle()
    record = await rig.newest()
    assert (record.disposition, outcomes(record)) == (Disposition.INTERRUPTED, dict.fromkeys(DEVICES, "lost"))
    assert customer.received == []


async def test_an_agent_who_picks_up_while_no_router_runs_is_told_of_it(rig: Rig, ada: Agent) -> None:
    await click(rig)
    at_ada, *others = await ada.called()
    await rig.router.records()
    await rig.router.kill()
    await at_ada.answer()
    await rig.router.start()
    await at_ada.ended()
    for call in others:
        assert ELSEWHERE in (await call.cancelled() or "")
    await rig.idle()


@pytest.mark.usefixtures("ada")
async def test_a_customer_who_was_called_first_has_missed_a_call_when_the_router_was_killed(
    rig: Rig, customer: Phone
) -> None:
    await click(rig, first="customer")
    at_customer = await customer.next_call()
    await at_customer.ring()
    await rig.router.records()
    await again(rig)
    assert ELSEWHERE not in (await at_customer.cancelled() or "")


async def test_an_agent_who_waited_hears_that_nothing_comes_of_it(rig: Rig, ada: Agent, customer: Phone) -> None:
    at_ada, at_customer = await customer_rings(rig, ada, customer)
    await again(rig)
    await at_customer.cancelled()
    assert await at_ada.hears_sound()
    await at_ada.ended()
    await rig.idle()
    record = await rig.newest()
    assert (record.disposition, record.reason, record.recovered) == (Disposition.CUSTOMER_UNREACHED, "failed", True)
    assert outcomes(record)["ada"] == "answered"


async def test_an_agent_who_hangs_up_while_no_router_runs_cancels_the_customer(
    rig: Rig, ada: Agent, customer: Phone
) -> None:
    at_ada, at_customer = await customer_rings(rig, ada, customer)
    await rig.router.kill()
    await at_ada.hang_up()
    await at_customer.cancelled()
    await rig.router.start()
    await rig.idle()
    assert (await rig.newest()).disposition is Disposition.INTERRUPTED


async def test_a_customer_who_answers_while_no_router_runs_speaks_with_the_agent(
    rig: Rig, ada: Agent, customer: Phone
) -> None:
    at_ada, at_customer = await customer_rings(rig, ada, customer)
    await rig.router.kill()
    await at_customer.answer()
    assert await at_ada.hears(CUSTOMER_HZ)
    await rig.router.start()
    assert await at_customer.hears(ADA_HZ)
    await at_customer.hang_up()
    await at_ada.ended()
    await rig.idle()
    record = await rig.newest()
    assert (record.disposition, record.recovered, record.agent) == (Disposition.ANSWERED, True, ADA)


async def test_a_talk_goes_on_when_the_router_was_killed_and_ends_with_either_side(
    rig: Rig, ada: Agent, customer: Phone
) -> None:
    at_ada, at_customer = await talk(rig, ada, customer)
    await again(rig)
    assert all(await asyncio.gather(at_ada.hears(CUSTOMER_HZ, 0.3), at_customer.hears(ADA_HZ, 0.3)))
    await at_ada.hang_up()
    assert (await at_customer.ended()).how == "bye"
    await rig.idle()
    record = await rig.newest()
    assert (record.disposition, record.recovered, record.ended_by) == (Disposition.ANSWERED, True, "caller")
    assert (outcomes(record)["ada"], outcomes(record)["trunk"]) == ("answered", "answered")


async def test_a_talk_keeps_its_limit_when_the_router_was_killed(rig: Rig, ada: Agent, customer: Phone) -> None:
    at_ada, at_customer = await talk(rig, ada, customer, talk_s=6)
    await again(rig)
    await at_customer.ended()
    await at_ada.ended()
    await rig.idle()
    assert (await rig.newest()).ended_by == "router"


@pytest.mark.parametrize("who", ["agent", "customer"])
async def test_while_no_router_runs_the_end_of_one_side_ends_the_other(
    rig: Rig, ada: Agent, customer: Phone, who: str
) -> None:
    at_ada, at_customer = await talk(rig, ada, customer)
    await rig.router.kill()
    first, other = (at_ada, at_customer) if who == "agent" else (at_customer, at_ada)
    await first.hang_up()
    assert (await other.ended()).how == "bye"
    await rig.router.start()
    await rig.idle()
    record = await rig.newest()
    assert (record.disposition, record.ended_by) == (Disposition.ANSWERED, "unknown")


async def restarted(rig: Rig) -> None:
    """Asterisk restarts, and the router is connected again: its status tells the former connection for a while."""

    def connections() -> int:
        return rig.router.log_path.read_text().count("connected to Asterisk")

    before = connections()
    await rig.asterisk.restart()
    await rig.router.until(
        lambda status: connections() > before and status["asterisk_connected"] and not status["live_calls"]
    )


async def test_asterisk_restarts_in_each_state(rig: Rig, customer: Phone) -> None:
    for state in ("agent rings", "customer rings", "talk"):
        async with agent(rig) as ada:
            await rig.can_be_called()
            match state:
                case "agent rings":
                    await click(rig)
                    await ada.called()
                case "customer rings":
                    await customer_rings(rig, ada, customer)
                case _:
                    await talk(rig, ada, customer)
            await restarted(rig)
        record = await rig.newest()
        assert record.ended_at is not None
        assert (record.answered_at is not None) == (state == "talk")


async def test_a_stopping_router_takes_no_call_and_lets_one_come_to_its_talk(
    rig: Rig, ada: Agent, customer: Phone
) -> None:
    await click(rig)
    at_ada, *_ = await ada.called()
    stopped_before = rig.router.log_path.read_text().count("the router stops")
    stopping = asyncio.create_task(rig.router.stop())
    await rig.router.until(lambda _: rig.router.log_path.read_text().count("the router stops") > stopped_before)
    with pytest.raises(ControlError, match="router_stops"):
        await click(rig)
    await at_ada.answer()
    at_customer = await customer.next_call()
    await at_customer.answer()
    assert await at_ada.hears(CUSTOMER_HZ)
    assert await stopping == 0
    assert await at_customer.hears(ADA_HZ, 0.3)
    await rig.router.start()
    await at_customer.hang_up()
    await at_ada.ended()
    await rig.idle()
    assert (await rig.newest()).disposition is Disposition.ANSWERED


async def test_a_router_that_stops_while_phones_ring_leaves_no_missed_call(rig: Rig, ada: Agent) -> None:
    await click(rig, agent_ring_s=60)
    calls = await ada.called()
    assert await rig.router.stop() == 0  # after its time to drain
    for call in calls:
        assert ELSEWHERE in (await call.cancelled() or "")
    await rig.router.start()
    await rig.idle()
    assert (await rig.newest()).disposition is Disposition.FAILED


async def test_what_happened_behind_a_cut_wire_is_found_when_it_is_mended() -> None:
    async with running(clickable) as rig, Wire(rig.asterisk.ari_url) as wire, provider(rig) as customer:
        await rig.router.kill()
        rig.router.config["asterisk"]["ari"]["url"] = wire.url
        await rig.router.start()
        async with agent(rig) as ada:
            await rig.can_be_called()
            await click(rig)
            at_ada, *_ = await ada.called()
            await cut(rig, wire)
            with pytest.raises(ControlError, match="asterisk_unreachable"):
                await click(rig, "102")
            await at_ada.answer()
            await mend(rig, wire)
            at_customer = await customer.next_call()
            await at_customer.ring()
            await cut(rig, wire)
            await at_customer.answer()
            assert await at_ada.hears(CUSTOMER_HZ)
            await mend(rig, wire)
            await rig.router.until_told(CallAnswered)
            await cut(rig, wire)
            await at_customer.hang_up()
            await at_ada.ended()
            await mend(rig, wire)
            await rig.idle()
            record = await rig.newest()
            assert (record.disposition, record.agent) == (Disposition.ANSWERED, ADA)
            assert (outcomes(record)["ada"], outcomes(record)["trunk"]) == ("answered", "answered")


async def cut(rig: Rig, wire: Wire) -> None:
    await wire.cut()
    await rig.router.until(lambda status: not status["asterisk_connected"])


async def mend(rig: Rig, wire: Wire) -> None:
    await wire.mend()
    await rig.router.until(lambda status: bool(status["asterisk_connected"]))
