"""The state of agents, by a real Asterisk: who can't take a call is told to whoever asks for one, and nothing rings."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from ari_app.control.settings import ControlError
from ari_app.domain import events as e
from ari_app.domain.record import Disposition
from sandbox import Layout, Phone
from sandbox.router import Config
from tests.command import Command
from tests.system.rig import ADA, Rig, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

CUSTOMER = "+14155550123"
BOB = "77"
MEMBER = "Local/ada@agi-router-member/n"
QUEUES = f"""
[support-queue]
member => {MEMBER},0,Ada,PJSIP/ada
[sales-queue]
member => PJSIP/bob
"""


def agents(config: Config) -> None:
    config["directory"]["teams"] = [{"id": "7", "name": "Sales", "members": [ADA, BOB], "wrap_up_s": 1}]
    config["campaigns"] = [
        {"id": "12", "queue": "support-queue"},
        {"id": "13", "queue": "support-queue", "first": "customer", "team": "7"},
        {"id": "14", "queue": "ghost-queue"},
    ]


def with_queues(etc: Path, _: Layout) -> None:
    (etc / "queues.conf").write_text(QUEUES)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[Rig]:
    async with running(agents, configure=with_queues, ami=True) as rig:
        yield rig


@pytest_asyncio.fixture(loop_scope="module")
async def rig(shared: Rig) -> AsyncIterator[Rig]:
    """One Asterisk and one router serve the whole file, which knows its queues."""
    await shared.router.until(lambda status: status["ami_connected"] and status["queue_members"] == 2)
    yield shared
    await shared.asterisk.cli(f"queue unpause member {MEMBER}")
    await shared.idle()
    for user in (ADA, BOB):  # else the next test's phone could be taken for registered before it is
        await shared.stands(user, registered=False)


@pytest_asyncio.fixture(loop_scope="module")
async def provider(rig: Rig) -> AsyncIterator[Phone]:
    async with Phone.provider(rig.asterisk.layout, tone_hz=700) as provider:
        yield provider


async def refused(rig: Rig, **request: Any) -> str:
    """Ask for a call; the code with which it is refused, as it is on record."""
    with pytest.raises(ControlError) as told:
        await rig.router.place(**request)
    await rig.idle()
    record = await rig.newest()
    assert record.disposition is Disposition.REJECTED
    assert (record.reason, record.legs) == ("refused", ())
    assert str(told.value).endswith(f"[{record.error_code}]")
    kinds = [type(event) for event in await rig.router.trace(record.call_id)]
    assert kinds == [e.CallRequested, e.StepStarted, e.StepEnded, e.CallEnded]
    return record.error_code


async def test_an_agent_without_a_registered_phone_is_refused(rig: Rig) -> None:
    await rig.stands(ADA, registered=False)
    assert await refused(rig, user=ADA, number=CUSTOMER) == "agent_not_registered"
    async with rig.user("ada-mobile") as mobile:
        await rig.can_be_called(ADA)
        await rig.router.place(user=ADA, number=CUSTOMER, agent_ring_s=5)
        ringing = await mobile.next_call()
        assert (await rig.router.agents())[ADA]["state"] == "ringing"
        await ringing.reject(486)


async def test_an_agent_in_any_call_is_refused(rig: Rig) -> None:
    async with rig.user("ada") as ada:
        await rig.can_be_called(ADA)
        call = await rig.call()
        await (await ada.next_call()).answer()
        await call.answered()
        assert await refused_beside_a_call(rig) == "agent_in_call"
        await call.hang_up()
        await rig.idle()
        await rig.router.place(user=ADA, number=CUSTOMER, agent_ring_s=5)
        await (await ada.next_call()).reject(486)


async def refused_beside_a_call(rig: Rig) -> str:
    with pytest.raises(ControlError) as told:
        await rig.router.place(user=ADA, number=CUSTOMER)
    return str(told.value).rpartition("[")[2].rstrip("]")


async def test_an_agent_on_break_is_refused_until_it_is_over(rig: Rig, provider: Phone) -> None:
    async with rig.user("ada") as ada:
        await rig.can_be_called(ADA)
        await rig.asterisk.cli(f"queue pause member {MEMBER} queue support-queue reason lunch")
        await rig.stands(ADA, queues=[{"queue": "support-queue", "paused": True, "reason": "lunch"}])
        assert await refused(rig, user=ADA, number=CUSTOMER) == "agent_paused"
        assert await refused(rig, user=ADA, number=CUSTOMER, campaign="12") == "agent_paused"
        await rig.asterisk.cli(f"queue unpause member {MEMBER} queue support-queue")
        await rig.stands(ADA, queues=[{"queue": "support-queue", "paused": False, "reason": ""}])
        await rig.router.place(user=ADA, number=CUSTOMER, campaign="12")
        ringing = await ada.next_call()
        await ringing.answer()
        await (await provider.next_call()).answer()
        await ringing.hang_up()


async def test_an_agent_has_to_be_a_member_of_his_campaign_s_queue(rig: Rig) -> None:
    async with rig.user("bob") as bob:
        await rig.can_be_called(BOB)
        assert await refused(rig, user=BOB, number=CUSTOMER, campaign="12") == "agent_not_logged_in"
        await rig.asterisk.cli("queue add member PJSIP/bob to support-queue penalty 0 as Bob")
        await rig.router.until(lambda status: status["queue_members"] == 3)
        await rig.router.place(user=BOB, number=CUSTOMER, campaign="12", agent_ring_s=5)
        await (await bob.next_call()).reject(486)
        await rig.asterisk.cli("queue remove member PJSIP/bob from support-queue")
        await rig.router.until(lambda status: status["queue_members"] == 2)


async def test_no_customer_is_called_when_nobody_of_the_team_is_free(rig: Rig, provider: Phone) -> None:
    async with rig.user("ada") as ada, rig.user("bob"):  # Bob is not logged in
        await rig.can_be_called(ADA)
        await rig.asterisk.cli(f"queue pause member {MEMBER} queue support-queue")
        await rig.stands(ADA, queues=[{"queue": "support-queue", "paused": True, "reason": ""}])
        assert await refused(rig, user="", number=CUSTOMER, campaign="13") == "agents_not_free"
        await rig.asterisk.cli(f"queue unpause member {MEMBER} queue support-queue")
        await rig.stands(ADA, queues=[{"queue": "support-queue", "paused": False, "reason": ""}])
        await rig.router.place(user="", number=CUSTOMER, campaign="13")
        customer = await provider.next_call()
        await customer.answer()
        await (await ada.next_call()).answer()
        await customer.hang_up()
        await rig.idle()
        trace = await rig.router.trace((await rig.newest()).call_id)
        passed = [(event.name, event.why) for event in trace if isinstance(event, e.MemberPassed)]
        assert passed == [("Bob", "unable")]


async def test_what_is_not_known_refuses_nobody(rig: Rig) -> None:
    await rig.asterisk.cli(f"queue pause member {MEMBER} queue support-queue")
    # An event of a queue that still waits to be told when its module goes is the end of Asterisk.
    await rig.stands(ADA, queues=[{"queue": "support-queue", "paused": True, "reason": ""}])
    await rig.asterisk.cli("module unload app_queue.so")
    try:
        await rig.router.until(lambda status: status["queue_members"] == 0)
        async with rig.user("ada") as ada:
            await rig.can_be_called(ADA)
            await rig.router.place(user=ADA, number=CUSTOMER, campaign="12", agent_ring_s=5)
            await (await ada.next_call()).reject(486)
            await rig.idle()
    finally:
        await rig.asterisk.cli("module load app_queue.so")
    await rig.router.until(lambda status: status["queue_members"] == 2)


async def test_agents_are_shown(rig: Rig) -> None:
    async with rig.user("ada"):
        await rig.can_be_called(ADA)
        await rig.stands(BOB, registered=False, state="free")
        await rig.asterisk.cli(f"queue pause member {MEMBER} queue support-queue reason lunch")
        await rig.stands(ADA, queues=[{"queue": "support-queue", "paused": True, "reason": "lunch"}])
        agi_router = Command(rig.router.config_path)
        told = await agi_router("agents")
        (ada, bob) = (await agi_router("agents", "--json")).json["agents"]
    (of_ada, of_bob) = told.rows[1:3]
    assert of_ada.startswith("456 Ada yes free support-queue (on break: lunch) PJSIP/ada NOT_INUSE, PJSIP/ada-desk")
    assert of_bob == "77 Bob no free sales-queue PJSIP/bob UNAVAILABLE"
    assert (ada["registered"], bob["registered"]) == (True, False)
    assert ada["devices"]["PJSIP/ada"] == "NOT_INUSE"
    assert bob["queues"] == [{"queue": "sales-queue", "paused": False, "reason": ""}]


async def test_a_queue_that_asterisk_does_not_have_refuses_nobody_and_the_doctor_tells_it(rig: Rig) -> None:
    async with rig.user("bob") as bob:
        await rig.can_be_called(BOB)
        await rig.router.place(user=BOB, number=CUSTOMER, campaign="14", agent_ring_s=5)
        await (await bob.next_call()).reject(486)
    doctor = await Command(rig.router.config_path)("doctor", "--json")
    found = {finding["id"]: finding for finding in doctor.json["findings"]}
    assert found["ami"]["status"] == "ok"
    assert "2 queues, 2 members" in found["ami"]["found"]
    assert found["campaign:14"]["status"] == "warning"
    assert "campaign:12" not in found
    assert "ami:link" not in found
