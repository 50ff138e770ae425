"""Click to dial with the customer first: he answers, hears music, and gets the agent, or a free one of the team."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from ari_app.control.settings import ControlError
from ari_app.domain.record import Disposition
from sandbox import Phone
from sandbox.router import Config
from sandbox.tone import MUSIC_ON_HOLD_HZ
from tests.system.click_to_dial.clicking import (
    ADA_HZ,
    BOB,
    CUSTOMER,
    CUSTOMER_HZ,
    ELSEWHERE,
    Agent,
    click,
    clickable,
    outcomes,
)
from tests.system.rig import ADA, DID, Rig, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

ANYBODY = ""
TEAM = {"campaign": "renewals"}
FIRST = {"first": "customer"}


def campaigning(config: Config) -> None:
    """The campaign calls the customer first, for a team of two."""
    clickable(config)
    config["directory"]["teams"] = [{"id": "7", "name": "Sales", "members": [ADA, BOB]}]
    config["campaigns"] = [{"id": "renewals", "first": "customer", "team": "7"}]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[Rig]:
    async with running(campaigning) as rig:
        yield rig


async def test_a_customer_hears_music_until_the_agent_answers(rig: Rig, ada: Agent, customer: Phone) -> None:
    await click(rig, name="Grace Hopper", **FIRST)
    at_customer = await customer.next_call()
    assert (at_customer.called_number, at_customer.caller_number) == (CUSTOMER, DID)
    assert [phone.received for phone in ada.phones] == [[], [], []]
    await at_customer.answer()
    at_ada, *others = await ada.called()
    assert (at_ada.caller_number, at_ada.caller_name) == (CUSTOMER, "Grace Hopper")
    assert [call.headers.get("Call-Info") for call in (at_ada, *others)] == [None] * 3
    assert await at_customer.hears(MUSIC_ON_HOLD_HZ, 0.3)
    await at_ada.answer()
    for call in others:
        assert ELSEWHERE in (await call.cancelled() or "")
    assert await at_ada.hears(CUSTOMER_HZ)
    assert await at_customer.hears(ADA_HZ)
    (live,) = await rig.router.live()
    assert (live["direction"], live["called_number"]) == ("outbound", CUSTOMER)
    await at_ada.hang_up()
    await at_customer.ended()
    await rig.idle()
    record = await rig.newest()
    assert (record.first, record.disposition, record.agent) == ("customer", Disposition.ANSWERED, ADA)
    assert (record.answered_by, record.ended_by) == ("PJSIP/ada", "callee")


async def test_a_customer_who_is_not_reached_bothers_no_agent(rig: Rig, ada: Agent, customer: Phone) -> None:
    await click(rig, **FIRST)
    await (await customer.next_call()).reject(486)
    await rig.idle()
    record = await rig.newest()
    assert (record.disposition, record.reason) == (Disposition.CUSTOMER_UNREACHED, "busy")
    assert [phone.received for phone in ada.phones] == [[], [], []]


async def test_an_agent_who_does_not_answer_a_customer_has_missed_him(rig: Rig, ada: Agent, customer: Phone) -> None:
    await click(rig, agent_ring_s=5, **FIRST)
    at_customer = await customer.next_call()
    await at_customer.answer()
    for call in await ada.reached():
        assert ELSEWHERE not in (await call.cancelled() or "")
    assert await at_customer.hears_sound()
    await at_customer.ended()
    await rig.idle()
    record = await rig.newest()
    assert (record.disposition, record.reason) == (Disposition.AGENT_UNREACHED, "no_answer")


async def test_a_customer_who_hangs_up_stops_the_agents_phones(rig: Rig, ada: Agent, customer: Phone) -> None:
    await click(rig, **FIRST)
    at_customer = await customer.next_call()
    await at_customer.answer()
    calls = await ada.called()
    await at_customer.hang_up()
    for call in calls:
        assert ELSEWHERE not in (await call.cancelled() or "")
    await rig.idle()
    assert (await rig.newest()).disposition is Disposition.ABANDONED


async def test_a_free_member_of_the_team_gets_the_customer(rig: Rig, ada: Agent, customer: Phone) -> None:
    async with rig.user("bob", 1400) as bob:
        await click(rig, user=ANYBODY, **TEAM)
        at_customer = await customer.next_call()
        await at_customer.answer()
        calls = await ada.called()
        at_bob = await bob.next_call()
        await at_bob.answer()
        for call in calls:
            assert ELSEWHERE in (await call.cancelled() or "")
        assert await at_customer.hears(1400)
        # Bob is in a call by now: the next customer gets Ada.
        await click(rig, "+14155550124", user=ANYBODY, **TEAM)
        second = await customer.next_call()
        await second.ring()
        await click(rig, "+14155550125", user=ANYBODY, **TEAM)
        third = await customer.next_call()
        await third.ring()
        await second.answer()
        at_ada, *_ = await ada.called()
        await at_ada.answer()
        assert await second.hears(ADA_HZ)
        assert len(bob.received) == 1
        # And whoever answers after that nobody; nor is another one called.
        with pytest.raises(ControlError, match="agents_not_free"):
            await click(rig, "+14155550126", user=ANYBODY, **TEAM)
        await third.answer()
        assert await third.hears_sound()
        await third.ended()
        for call in (at_customer, second):
            await call.hang_up()
        for call in (at_bob, at_ada):
            await call.ended()
    await rig.idle()
    records = {record.called_number: record for record in await rig.router.records()}
    assert [records[f"+1415555012{n}"].agent for n in (3, 4, 5)] == [BOB, ADA, ""]
    assert (records["+14155550125"].disposition, records["+14155550125"].reason) == (
        Disposition.AGENT_UNREACHED,
        "busy",
    )


async def test_a_colleague_who_is_called_first_sees_who_wants_him(rig: Rig, ada: Agent) -> None:
    async with rig.user("bob", CUSTOMER_HZ) as bob:
        await click(rig, "102", **FIRST)
        at_bob = await bob.next_call()
        assert (at_bob.caller_number, at_bob.caller_name) == ("101", "Ada")
        await at_bob.answer()
        at_ada, *_ = await ada.called()
        assert (at_ada.caller_number, at_ada.caller_name) == ("102", "Bob")
        await at_ada.answer()
        assert all(await asyncio.gather(at_ada.hears(CUSTOMER_HZ), at_bob.hears(ADA_HZ)))
        await at_bob.hang_up()
        await at_ada.ended()
    await rig.idle()
    assert outcomes(await rig.newest())["bob"] == "answered"


async def test_nobody_can_be_rung_first_at_a_number_with_a_route(rig: Rig, ada: Agent) -> None:
    rig.router.config["directory"]["numbers"] = {DID: {"route": "sales"}}
    await rig.router.reload()
    with pytest.raises(ControlError, match="customer_first_nobody"):
        await click(rig, DID, **FIRST)
    assert [phone.received for phone in ada.phones] == [[], [], []]
