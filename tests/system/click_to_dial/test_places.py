"""Click to dial: by which trunk, with which number shown, and to what an extension or internal number leads."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from ari_app.domain import events as e
from ari_app.domain.record import Disposition
from sandbox import Answer, Phone
from sandbox.api import SEARCH, calls_of_user
from sandbox.router import Config
from sandbox.tone import MUSIC_ON_HOLD_HZ, one_second
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

SECOND_DID = "+14155550101"
GREETING_HZ = 697
BEEP_HZ = 1400
QUEUES = """\
[general]
[support-queue]
strategy = ringall
joinempty = yes
member => PJSIP/bob
"""


def office(config: Config) -> None:
    """Three ways outside, two campaigns, and internal numbers of each kind."""
    clickable(config)
    [main] = config["trunks"]
    one = {"endpoint": "PJSIP/trunk", "setup_timeout_s": main["setup_timeout_s"]}
    config["trunks"] = [
        {**one, "name": "main", "caller_id": DID},
        {**one, "name": "national", "caller_id": DID, "number_format": "national"},
        {"name": "dead", "caller_id": DID, "endpoint": "PJSIP/trunk-dead", "setup_timeout_s": 1.0},
        {**one, "name": "bare"},
    ]
    config["campaigns"] = [
        {"id": "renewals", "trunk": "national", "caller_id": SECOND_DID},
        {"id": "failover", "trunk": ["dead", "main"]},
        {"id": "down", "trunk": "dead"},
        {"id": "bare", "trunk": "bare"},
    ]
    directory = config["directory"]
    directory["queues"] = [{"id": "support", "name": "support-queue"}]
    directory["numbers"] = {
        DID: {"route": "sales"},
        "200": {"queue": "support"},
        "300": {"voicemail": "101"},
        "400": {"endpoint": "PJSIP/carol"},
    }
    config["click_to_dial"] = {"announcements": {"busy": "recordings/is-busy"}, "talk_s": 600, "warn_s": 2}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[Rig]:
    async with running(office) as rig:
        (rig.asterisk.config_dir / "queues.conf").write_text(QUEUES)
        await rig.asterisk.cli("queue reload all")
        mailbox = rig.asterisk.spool_dir / "voicemail" / "default" / "101"
        mailbox.mkdir(parents=True)
        (mailbox / "unavail.ulaw").write_bytes(one_second(GREETING_HZ))
        (rig.asterisk.sounds_dir / "is-busy.ulaw").write_bytes(one_second(GREETING_HZ))
        yield rig


@pytest.mark.parametrize(
    ("request_", "called", "shown"),
    [
        ({}, CUSTOMER, DID),
        ({"caller_id": "(415) 555-0101", "campaign": "renewals"}, "4155550123", "4155550101"),
        ({"campaign": "renewals"}, "4155550123", "4155550101"),
        ({"campaign": "renewals", "caller_id": DID}, "4155550123", "4155550100"),
        ({"campaign": "bare"}, CUSTOMER, DID),
    ],
)
async def test_the_customer_sees_the_number_that_was_asked_for_as_his_trunk_wants_it(
    rig: Rig, ada: Agent, customer: Phone, request_: dict[str, str], *, called: str, shown: str
) -> None:
    if "caller_id" in request_ and request_["caller_id"] != DID:
        rig.router.config["directory"]["numbers"][SECOND_DID] = {"route": "sales"}
        await rig.router.reload()
    await click(rig, "(415) 555-0123", **request_)
    at_ada, *_ = await ada.called()
    assert at_ada.caller_number == CUSTOMER
    await at_ada.answer()
    at_customer = await customer.next_call()
    assert (at_customer.called_number, at_customer.caller_number) == (called, shown)
    assert "Ada" not in str(at_customer.invite)
    await at_customer.reject(486)
    await at_ada.hang_up()


async def test_a_trunk_that_is_dead_leads_to_the_next_one(rig: Rig, ada: Agent, customer: Phone) -> None:
    await click(rig, campaign="failover")
    at_ada, *_ = await ada.called()
    await at_ada.answer()
    at_customer = await customer.next_call()
    await at_customer.ring()
    assert await at_ada.hears_ringing()
    await at_customer.answer()
    assert await at_ada.hears(CUSTOMER_HZ)
    await at_customer.hang_up()
    await at_ada.ended()
    await rig.idle()
    record = await rig.newest()
    assert (record.disposition, record.campaign) == (Disposition.ANSWERED, "failover")
    assert outcomes(record)["trunk-dead"] == "setup_timeout"


async def test_an_agent_hears_that_no_trunk_reaches_the_customer(rig: Rig, ada: Agent) -> None:
    await click(rig, campaign="down", customer_ring_s=5)
    at_ada, *_ = await ada.called()
    await at_ada.answer()
    assert await at_ada.hears_sound()
    await at_ada.ended()
    await rig.idle()
    assert (await rig.newest()).disposition is Disposition.CUSTOMER_UNREACHED


async def test_an_agent_hears_the_announcement_of_the_outcome(rig: Rig, ada: Agent, customer: Phone) -> None:
    await click(rig)
    at_ada, *_ = await ada.called()
    await at_ada.answer()
    await (await customer.next_call()).reject(486)
    assert await at_ada.hears(GREETING_HZ, 0.3)
    await at_ada.ended()


async def test_colleagues_see_each_other(rig: Rig, ada: Agent) -> None:
    async with rig.user("bob", CUSTOMER_HZ) as bob:
        await click(rig, "102")
        calls = await ada.called()
        assert [(call.caller_number, call.caller_name) for call in calls] == [("102", "Bob")] * 3
        await calls[0].answer()
        at_bob = await bob.next_call()
        assert (at_bob.caller_number, at_bob.caller_name) == ("101", "Ada")
        await at_bob.ring()
        assert await calls[0].hears_ringing()
        await at_bob.answer()
        assert await calls[0].hears(CUSTOMER_HZ)
        assert await at_bob.hears(ADA_HZ)
        await calls[0].hang_up()
        await at_bob.ended()
    await rig.idle()
    record = await rig.newest()
    assert (record.agent, record.answered_by, record.called_number) == (ADA, "PJSIP/bob", "102")


async def test_a_colleague_who_does_not_answer_has_missed_a_call(rig: Rig, ada: Agent) -> None:
    async with rig.user("bob") as bob:
        await click(rig, "102")
        at_ada, *_ = await ada.called()
        await at_ada.answer()
        at_bob = await bob.next_call()
        await at_bob.ring()
        await at_ada.hang_up()
        assert ELSEWHERE not in (await at_bob.cancelled() or "")


async def test_an_endpoint_by_its_internal_number(rig: Rig, ada: Agent) -> None:
    async with rig.user("carol", CUSTOMER_HZ) as carol:
        await click(rig, "400")
        at_ada, *_ = await ada.called()
        await at_ada.answer()
        at_carol = await carol.next_call()
        assert (at_carol.caller_number, at_carol.caller_name) == ("101", "Ada")
        await at_carol.answer()
        assert await at_ada.hears(CUSTOMER_HZ)
        await at_carol.hang_up()
        await at_ada.ended()


async def test_a_number_of_ours_goes_the_way_of_its_route(rig: Rig, ada: Agent) -> None:
    rig.api.answers[SEARCH] = Answer(body=calls_of_user(BOB).body)
    async with rig.user("bob", CUSTOMER_HZ) as bob:
        await click(rig, DID)
        at_ada, *_ = await ada.called()
        await at_ada.answer()
        at_bob = await bob.next_call()
        assert (await rig.api.next_request()).query["phone_number"] == "101"
        await at_bob.answer()
        assert await at_ada.hears(CUSTOMER_HZ)
        await at_bob.hang_up()
        await at_ada.ended()


async def test_a_queue_serves_the_agent_as_any_caller(rig: Rig, ada: Agent) -> None:
    async with rig.user("bob", CUSTOMER_HZ) as bob:
        await click(rig, "200")
        at_ada, *_ = await ada.called()
        await at_ada.answer()
        assert await at_ada.hears(MUSIC_ON_HOLD_HZ, 0.3)
        at_bob = await bob.next_call()
        assert (at_bob.caller_number, at_bob.caller_name) == ("101", "Ada")
        await at_bob.answer()
        assert await at_ada.hears(CUSTOMER_HZ)
        await at_bob.hang_up()
        await at_ada.ended()
    await rig.idle()
    record = await rig.newest()
    assert (record.disposition, record.agent, record.answered_by) == (Disposition.ANSWERED, ADA, "PJSIP/bob")


async def test_a_mailbox_takes_the_agents_message(rig: Rig, ada: Agent) -> None:
    await click(rig, "300")
    at_ada, *_ = await ada.called()
    await at_ada.answer()
    assert await at_ada.hears(GREETING_HZ, 0.3)
    await rig.router.until(lambda status: status["live_calls"] == 0)
    assert not at_ada.is_over
    async with asyncio.timeout(30):
        while not list(rig.asterisk.spool_dir.glob("voicemail/default/101/tmp/*.wav")):  # it records from the beep on
            await asyncio.sleep(0.05)
    await asyncio.sleep(1.5)  # what she says
    await at_ada.hang_up()
    await rig.router.until_told(e.VoicemailLeft)
    await rig.idle()
    record = await rig.newest()
    assert (record.disposition, outcomes(record)["ada"]) == (Disposition.TO_VOICEMAIL, "answered")


async def test_an_agent_transfers_the_customer_and_the_colleague_sees_him(
    rig: Rig, ada: Agent, customer: Phone
) -> None:
    async with rig.user("bob", 1400) as bob:
        await click(rig, name="Grace Hopper")
        at_ada, *_ = await ada.called()
        await at_ada.answer()
        at_customer = await customer.next_call()
        await at_customer.answer()
        assert await at_ada.hears(CUSTOMER_HZ)
        transfer = await at_ada.transfer("102")
        at_bob = await bob.next_call()
        assert at_bob.caller_number == CUSTOMER
        await at_bob.answer()
        assert await transfer.outcome() == 200
        assert all(await asyncio.gather(at_bob.hears(CUSTOMER_HZ), at_customer.hears(1400)))
        await at_ada.ended()
        await at_customer.hang_up()
        await at_bob.ended()
    await rig.idle()
    record = await rig.newest()
    assert (record.disposition, record.agent) == (Disposition.ANSWERED, BOB)
    trace = await rig.router.trace(record.call_id)
    assert [event.by for event in trace if isinstance(event, e.Transferred)] == ["leg-1"]


async def test_a_colleague_who_was_called_transfers_the_agent(rig: Rig, ada: Agent) -> None:
    async with rig.user("bob", 1400) as bob, rig.user("carol", CUSTOMER_HZ) as carol:
        await click(rig, "102")
        at_ada, *_ = await ada.called()
        await at_ada.answer()
        at_bob = await bob.next_call()
        await at_bob.answer()
        assert await at_ada.hears(1400)
        transfer = await at_bob.transfer("400")
        at_carol = await carol.next_call()
        assert (at_carol.caller_number, at_carol.caller_name) == ("101", "Ada")
        await at_carol.answer()
        assert await transfer.outcome() == 200
        assert await at_ada.hears(CUSTOMER_HZ)
        await at_carol.hang_up()
        await at_ada.ended()


async def test_both_hear_a_tone_before_the_limit_of_their_talk(rig: Rig) -> None:
    async with rig.user("bob", tone_hz=None) as bob, Phone.provider(rig.asterisk.layout, tone_hz=None) as silent:
        await click(rig, user=BOB, talk_s=4)
        at_bob = await bob.next_call()
        await at_bob.answer()
        at_customer = await silent.next_call()
        await at_customer.answer()
        assert all(await asyncio.gather(at_bob.hears(BEEP_HZ, 0.2), at_customer.hears(BEEP_HZ, 0.2)))
        await asyncio.gather(at_bob.ended(), at_customer.ended())
    await rig.idle()
    assert (await rig.newest()).reason == "the talk reached its limit of 4 s"
