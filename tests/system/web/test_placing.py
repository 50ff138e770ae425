"""Calls that a program places over REST, on a real Asterisk: what it is told, waiting, and requests that come twice."""

import asyncio
import uuid

import aiohttp
import pytest

from sandbox import Phone
from tests.system.click_to_dial.clicking import ADA_HZ, CUSTOMER, CUSTOMER_HZ, Agent
from tests.system.rig import ADA, Rig
from tests.system.steering.talks import only_two
from tests.system.web.rest import Program

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_who_waits_for_the_answer_is_told_when_both_speak(
    rig: Rig, crm: Program, ada: Agent, customer: Phone
) -> None:
    placing = asyncio.create_task(crm.place("ada@example.com", CUSTOMER, "?wait=answered"))
    at_ada, *_ = await ada.called()
    await at_ada.answer()
    at_customer = await customer.next_call()
    assert not placing.done()
    await at_customer.answer()
    answer = await placing
    assert (answer.status, answer.body["state"], answer.body["call"]["agent"]) == (200, "talking", ADA)
    assert await at_ada.hears(CUSTOMER_HZ, 0.2)
    assert await at_customer.hears(ADA_HZ, 0.2)
    await only_two(rig)
    shown = await crm.ask("GET", f"/live/{answer.body['call_id']}")
    assert [party["state"] for party in shown.body["parties"]] == ["up", "up"]
    await at_customer.hang_up()
    await at_ada.ended()
    await rig.idle()
    record = await crm.ask("GET", f"/calls/{answer.body['call_id']}")
    assert (record.body["key"], record.body["disposition"], record.body["ended_by"]) == ("test", "answered", "callee")


async def test_who_waits_for_the_end_is_told_the_outcome(crm: Program, ada: Agent, customer: Phone) -> None:
    placing = asyncio.create_task(crm.place(ADA, CUSTOMER, "?wait=ended"))
    at_ada, *_ = await ada.called()
    await at_ada.answer()
    await (await customer.next_call()).reject(486)
    answer = await placing
    call = answer.body["call"]
    assert (answer.status, answer.body["state"]) == (200, "ended")
    assert (call["disposition"], call["reason"], call["cause"]) == ("customer_unreached", "busy", 17)


async def test_who_waits_is_answered_by_a_router_that_stops_and_the_two_speak_on(
    rig: Rig, crm: Program, ada: Agent, customer: Phone
) -> None:
    placing = asyncio.create_task(crm.place(ADA, CUSTOMER, "?wait=ended&wait_s=120"))
    at_ada, *_ = await ada.called()
    await at_ada.answer()
    at_customer = await customer.next_call()
    await at_customer.answer()
    assert await at_ada.hears(CUSTOMER_HZ, 0.2)
    await rig.router.until(lambda status: status["calls_in_setup"] == 0)
    assert await rig.router.stop() == 0
    answer = await placing
    assert (answer.status, answer.body["state"]) == (202, "talking")
    assert await at_customer.hears(ADA_HZ, 0.2)
    await rig.router.start()
    await at_customer.hang_up()
    await at_ada.ended()


async def test_an_agent_who_is_away_is_told_at_once(rig: Rig, crm: Program) -> None:
    await rig.stands("77", registered=False)
    answer = await crm.place("77", CUSTOMER)
    assert (answer.status, answer.body["code"]) == (409, "agent_not_registered")
    record = await crm.ask("GET", f"/calls/{answer.body['call_id']}")
    assert (record.body["disposition"], record.body["error_code"]) == ("rejected", "agent_not_registered")


async def test_two_requests_at_the_same_instant_ring_once(crm: Program, ada: Agent) -> None:
    key = str(uuid.uuid4())
    answers = await asyncio.gather(*(crm.place(ADA, CUSTOMER, key=key) for _ in range(8)))
    calls = await ada.called()
    placed = {answer.body["call_id"] for answer in answers if answer.status == 202}
    others = [answer.body["code"] for answer in answers if answer.status != 202]
    assert len(placed) == 1
    assert set(others) <= {"idempotency_in_flight"}
    await crm.ask("POST", f"/live/{placed.pop()}/hangup")
    for call in calls:
        await call.cancelled()
    assert [len(phone.received) for phone in ada.phones] == [1, 1, 1]


async def test_a_request_that_is_sent_again_after_a_kill_is_the_same_call(rig: Rig, crm: Program, ada: Agent) -> None:
    key = str(uuid.uuid4())
    first = await crm.place(ADA, CUSTOMER, key=key)
    calls = await ada.called()
    await rig.router.kill()
    await rig.router.start()
    again = await crm.place(ADA, CUSTOMER, key=key)
    assert (again.status, again.body, again.headers["idempotency-replayed"]) == (first.status, first.body, "true")
    for call in calls:
        await call.cancelled()
    ended = await crm.place(ADA, CUSTOMER, "?wait=ended", key=key)
    assert (ended.status, ended.body["call_id"], ended.body["state"]) == (200, first.body["call_id"], "ended")
    assert [len(phone.received) for phone in ada.phones] == [1, 1, 1]


@pytest.mark.parametrize("after_ms", [0, 2, 5, 10, 20, 40, 80])
async def test_whenever_a_router_is_killed_a_request_rings_once(
    rig: Rig, crm: Program, ada: Agent, after_ms: int
) -> None:
    key = str(uuid.uuid4())
    placing = asyncio.create_task(crm.place(ADA, CUSTOMER, key=key))
    await asyncio.sleep(after_ms / 1000)
    await rig.router.kill()
    (first,) = await asyncio.gather(placing, return_exceptions=True)
    assert not isinstance(first, BaseException) or isinstance(first, aiohttp.ClientError)
    await rig.router.start()
    again = await crm.place(ADA, CUSTOMER, key=key)
    if isinstance(first, BaseException):
        assert (again.status, again.body.get("code")) in {(202, None), (409, "idempotency_outcome_unknown")}
    else:
        assert (again.body["call_id"], again.headers["idempotency-replayed"]) == (first.body["call_id"], "true")
    if again.status == 202:
        await crm.ask("POST", f"/live/{again.body['call_id']}/hangup")
    await rig.idle()
    assert all(len(phone.received) <= 1 for phone in ada.phones)
