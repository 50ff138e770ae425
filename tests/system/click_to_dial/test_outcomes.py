"""Click to dial on a real Asterisk: the agent's every phone, then the customer, and each way in which it can end."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from ari_app.control.settings import ControlError
from ari_app.domain.record import Direction, Disposition
from sandbox import Phone
from tests.system.click_to_dial.clicking import (
    ADA_HZ,
    BOB,
    CUSTOMER,
    CUSTOMER_HZ,
    DEVICES,
    ELSEWHERE,
    Agent,
    click,
    clickable,
    outcomes,
)
from tests.system.rig import ADA, DID, Rig, running

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[Rig]:
    async with running(clickable) as rig:
        yield rig


async def test_agent_and_customer_speak(rig: Rig, ada: Agent, customer: Phone) -> None:
    call_id = await click(rig, name="Grace Hopper", parameters={"lead": "4711"})
    at_ada, at_desk, at_mobile = await ada.called()
    assert (at_ada.caller_number, at_ada.caller_name) == (CUSTOMER, "Grace Hopper")
    await at_ada.answer()
    for other in (at_desk, at_mobile):
        assert ELSEWHERE in (await other.cancelled() or "")
    at_customer = await customer.next_call()
    assert (at_customer.called_number, at_customer.caller_number) == (CUSTOMER, DID)
    await at_customer.ring()
    assert await at_ada.hears_ringing()
    await at_customer.answer()
    assert await at_ada.hears(CUSTOMER_HZ)
    assert await at_customer.hears(ADA_HZ)
    channels = [line.split("!")[0] for line in await rig.channels()]
    assert len(channels) == 2
    for channel in channels:
        assert "AGI_ROUTER_PARAM_lead=4711" in await rig.asterisk.cli(f"core show channel {channel}")
    await at_customer.hang_up()
    await at_ada.ended()
    await rig.idle()
    record = await rig.newest()
    assert record.call_id == call_id
    assert (record.direction, record.first, record.disposition) == (Direction.OUTBOUND, "agent", Disposition.ANSWERED)
    assert (record.agent, record.called_number, record.ended_by) == (ADA, CUSTOMER, "callee")
    assert outcomes(record) == {
        "ada": "answered",
        "ada-desk": "answered_elsewhere",
        "ada-mobile": "answered_elsewhere",
        "trunk": "answered",
    }


async def test_an_agent_who_does_not_answer_is_told_nothing_of_a_missed_call(rig: Rig, ada: Agent) -> None:
    await click(rig, agent_ring_s=5)
    for call in await ada.reached():
        assert ELSEWHERE in (await call.cancelled() or "")
    await rig.idle()
    record = await rig.newest()
    assert (record.disposition, record.reason, record.cause) == (Disposition.AGENT_UNREACHED, "no_answer", 19)
    assert outcomes(record) == dict.fromkeys(DEVICES, "no_answer")


async def test_a_phone_that_declines_leaves_the_others_ringing(rig: Rig, ada: Agent, customer: Phone) -> None:
    await click(rig)
    at_ada, at_desk, at_mobile = await ada.called()
    await at_ada.reject(603)
    await at_desk.reject(486)
    await at_mobile.answer()
    at_customer = await customer.next_call()
    await at_customer.answer()
    assert await at_mobile.hears(CUSTOMER_HZ)
    await at_mobile.hang_up()
    await at_customer.ended()
    await rig.idle()
    record = await rig.newest()
    assert (record.disposition, record.ended_by) == (Disposition.ANSWERED, "caller")
    assert outcomes(record) == {
        "ada": "declined",
        "ada-desk": "busy",
        "ada-mobile": "answered",
        "trunk": "answered",
    }


async def test_an_agent_who_declines_at_all_phones_ends_the_call(rig: Rig, ada: Agent, customer: Phone) -> None:
    await click(rig)
    for call in await ada.called():
        await call.reject(603)
    await rig.idle()
    record = await rig.newest()
    assert (record.disposition, record.reason, record.cause) == (Disposition.AGENT_UNREACHED, "declined", 21)
    assert customer.received == []


async def test_an_agent_who_is_not_registered_is_refused_before_anything_rings(rig: Rig, customer: Phone) -> None:
    await rig.stands(ADA, registered=False)
    with pytest.raises(ControlError, match="agent_not_registered"):
        await click(rig)
    await rig.idle()
    record = await rig.newest()
    assert (record.disposition, record.reason, record.legs) == (Disposition.REJECTED, "refused", ())
    assert record.error_code == "agent_not_registered"
    assert customer.received == []


async def test_two_phones_that_are_picked_up_at_once_leave_one_winner(rig: Rig, ada: Agent, customer: Phone) -> None:
    await click(rig)
    calls = await ada.called()
    await asyncio.gather(*(call.answer() for call in calls[:2]))
    at_customer = await customer.next_call()
    await at_customer.answer()
    await calls[2].cancelled()
    ends = [asyncio.create_task(call.ended()) for call in calls[:2]]
    (loser,), _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    # Where the CANCEL crosses the phone's 200 Asterisk's BYE has no reason; who was picked up has missed no call.
    assert loser.result().how == "bye"
    winner = next(call for call in calls if not call.is_over)
    assert await winner.hears(CUSTOMER_HZ)
    await winner.hang_up()
    await asyncio.gather(*ends)
    await at_customer.ended()
    await rig.idle()
    assert sorted(outcomes(await rig.newest()).values()) == ["answered"] * 2 + ["answered_elsewhere"] * 2


@pytest.mark.parametrize(("status", "ended"), [(486, ("busy", 17)), (603, ("declined", 21)), (404, ("not_found", 1))])
async def test_an_agent_hears_that_the_customer_is_not_reached(
    rig: Rig, ada: Agent, customer: Phone, status: int, ended: tuple[str, int]
) -> None:
    await click(rig)
    at_ada, *_ = await ada.called()
    await at_ada.answer()
    await (await customer.next_call()).reject(status)
    assert await at_ada.hears_sound()
    await at_ada.ended()
    await rig.idle()
    record = await rig.newest()
    assert record.disposition is Disposition.CUSTOMER_UNREACHED
    assert (record.reason, record.cause) == ended
    assert outcomes(record)["ada"] == "answered"


async def test_a_customer_who_does_not_answer_in_time_is_called_no_more(rig: Rig, ada: Agent, customer: Phone) -> None:
    await click(rig, customer_ring_s=5)
    at_ada, *_ = await ada.called()
    await at_ada.answer()
    at_customer = await customer.next_call()
    await at_customer.ring()
    assert ELSEWHERE not in (await at_customer.cancelled() or "")
    assert await at_ada.hears_sound()
    await at_ada.hang_up()  # he has heard enough
    await rig.idle()
    record = await rig.newest()
    assert (record.disposition, record.reason) == (Disposition.CUSTOMER_UNREACHED, "no_answer")
    assert (outcomes(record)["trunk"], outcomes(record)["ada"]) == ("no_answer", "answered")


async def test_an_agent_hears_what_the_carrier_says_before_the_answer(rig: Rig, ada: Agent, customer: Phone) -> None:
    await click(rig)
    at_ada, *_ = await ada.called()
    await at_ada.answer()
    at_customer = await customer.next_call()
    await at_customer.send_early_media()
    assert await at_ada.hears(CUSTOMER_HZ)
    await at_customer.answer()
    assert await at_customer.hears(ADA_HZ)
    await at_customer.hang_up()
    await at_ada.ended()


async def test_an_agent_who_hangs_up_cancels_the_customer(rig: Rig, ada: Agent, customer: Phone) -> None:
    await click(rig)
    at_ada, *_ = await ada.called()
    await at_ada.answer()
    at_customer = await customer.next_call()
    await at_customer.ring()
    await at_ada.hang_up()
    await at_customer.cancelled()
    await rig.idle()
    record = await rig.newest()
    assert (record.disposition, record.ended_by) == (Disposition.ABANDONED, "caller")
    assert (outcomes(record)["trunk"], outcomes(record)["ada"]) == ("cancelled", "answered")


async def test_an_agent_who_hangs_up_in_the_instant_of_the_answer_leaves_nothing(
    rig: Rig, ada: Agent, customer: Phone
) -> None:
    await click(rig)
    at_ada, *_ = await ada.called()
    await at_ada.answer()
    await at_ada.hang_up()
    await rig.idle()
    assert (await rig.newest()).disposition is Disposition.ABANDONED
    for call in customer.received:
        await call.ended()


async def test_agent_and_customer_who_hang_up_at_once_leave_nothing(rig: Rig, ada: Agent, customer: Phone) -> None:
    await click(rig)
    at_ada, *_ = await ada.called()
    await at_ada.answer()
    at_customer = await customer.next_call()
    await at_customer.answer()
    assert await at_ada.hears(CUSTOMER_HZ, 0.2)
    await asyncio.gather(at_ada.hang_up(), at_customer.hang_up())
    await rig.idle()
    assert (await rig.newest()).disposition is Disposition.ANSWERED


async def test_a_customer_who_answers_as_the_agent_hangs_up_leaves_nothing(
    rig: Rig, ada: Agent, customer: Phone
) -> None:
    await click(rig)
    at_ada, *_ = await ada.called()
    await at_ada.answer()
    at_customer = await customer.next_call()
    await at_customer.ring()
    await asyncio.gather(at_ada.hang_up(), at_customer.answer(), return_exceptions=True)
    await at_customer.ended()
    await rig.idle()
    assert (await rig.newest()).ended_at is not None


@pytest.mark.parametrize(
    ("number", "code"), [("+442071838750", "policy_region"), ("112", "policy_emergency"), ("+19005550100", "policy_")]
)
async def test_what_must_not_be_dialled_is_refused_on_record_and_nothing_rings(
    rig: Rig, ada: Agent, customer: Phone, number: str, code: str
) -> None:
    with pytest.raises(ControlError, match=code):
        await click(rig, number)
    await rig.idle()
    record = await rig.newest()
    assert (record.disposition, record.reason, record.legs) == (Disposition.REJECTED, "refused", ())
    assert record.error_code.startswith(code)
    assert (record.agent, record.called_number) == (ADA, number)
    assert [phone.received for phone in (*ada.phones, customer)] == [[], [], [], []]


async def test_one_phone_of_the_agent_is_asked_to_pick_up_by_itself(rig: Rig, ada: Agent) -> None:
    await click(rig)
    asked = {call.phone: "answer-after=0" in str(call.headers.get("Call-Info")) for call in await ada.called()}
    assert asked == {"ada": False, "ada-desk": True, "ada-mobile": False}
    for phone in ada.phones:
        await phone.received[-1].reject(603)


async def test_a_phone_is_not_asked_to_pick_up_by_itself_for_somebody_else(rig: Rig, ada: Agent) -> None:
    async with rig.user("bob") as bob:
        await click(rig, "101", BOB)
        at_bob = await bob.next_call()
        await at_bob.answer()
        calls = await ada.called()
        assert [call.headers.get("Call-Info") for call in calls] == [None] * 3
        await at_bob.hang_up()
        for call in calls:
            assert ELSEWHERE not in (await call.cancelled() or "")  # Bob has called her


async def test_a_talk_ends_at_the_limit_of_its_request(rig: Rig, ada: Agent, customer: Phone) -> None:
    await click(rig, talk_s=5)
    at_ada, *_ = await ada.called()
    await at_ada.answer()
    at_customer = await customer.next_call()
    await at_customer.answer()
    assert await at_ada.hears(CUSTOMER_HZ, 0.5)
    await at_ada.ended()
    await at_customer.ended()
    await rig.idle()
    record = await rig.newest()
    assert (record.disposition, record.ended_by) == (Disposition.ANSWERED, "router")
