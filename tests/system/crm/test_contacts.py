"""Whose number it is, on real calls: names on phones in time or later, and CRMs that nobody waits for."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from ari_app.control.client import ask
from ari_app.control.settings import ControlError, ControlSettings
from ari_app.domain import events as e
from ari_app.domain.record import CallContact, CallRecord
from sandbox import Answer, Layout, Phone
from sandbox.api import bearer
from sandbox.crm import GenericCrm
from sandbox.crm.faults import Fault, Trouble
from sandbox.layout import free_port
from sandbox.phone.incoming import IncomingCall
from sandbox.phone.outgoing import OutgoingCall
from sandbox.router import Config
from tests.command import Command
from tests.patience import PATIENCE_S
from tests.system.doors import BOTH_DOORS, Door
from tests.system.rig import ADA, ANSWER, DID, Rig, origin, running

# One Asterisk and one router serve the calls of the whole file, one after the other.
pytestmark = pytest.mark.asyncio(loop_scope="module")

TOKEN = "token-of-the-crm"
CUSTOMER = "+14155550123"
DEADLINE_S = 10
"""The longest that can be configured: what a test holds back comes in time also where the machine is busy."""


@dataclass(frozen=True, slots=True)
class Crms:
    """The rig, and the two CRMs that are asked: the first one leaves the choice to people, the second one creates."""

    rig: Rig
    first: GenericCrm
    second: GenericCrm

    def forget(self) -> None:
        """Nobody is known any more, and all is well."""
        for crm in (self.first, self.second):
            crm.contacts.clear()
            crm.requests.clear()
            crm.faults.clear()
            crm.delay_s = 0.0
            crm.after = None

    def hold_answer(self, **more: str) -> asyncio.Event:
        """The API of the route answers when this is set: with Ada, and these."""
        is_told = asyncio.Event()
        self.rig.api.answers[ANSWER] = Answer(body={"to": ADA, **more}, after=is_told)
        return is_told

    def hold_contacts(self) -> asyncio.Event:
        """Neither CRM answers before this is set."""
        is_told = self.first.after = self.second.after = asyncio.Event()
        return is_told

    async def known(self) -> None:
        """Wait until the router has the first CRM's answer on the live call."""
        async with asyncio.timeout(PATIENCE_S):
            while not any(
                record.ended_at is None and record.contact("first") for record in await self.rig.router.records()
            ):
                await asyncio.sleep(0.02)  # only the record tells

    def asked(self) -> list[str]:
        """The numbers that the first CRM was asked for."""
        return [request.query["phone"] for request in self.first.requests if "phone" in request.query]


def asking_both(first: GenericCrm, second: GenericCrm, agi_port: int) -> Callable[[Config], None]:
    def change(config: Config) -> None:
        config["agi"] = {"listen": f"127.0.0.1:{agi_port}"}
        config["network"]["allowed_networks"].append("127.0.0.1/32")
        config["routes"]["sales"] = {
            "request": {"url": f"{origin(config)}{ANSWER}", "deadline_s": DEADLINE_S},
            "response": {"type": "user", "path": "to", "caller_name": "name"},
            "fallback": [],
        }
        config["directory"]["users"][0] |= {"devices": ["PJSIP/ada"], "extension": "101"}
        common: Config = {"document": "generic", "activities": {"enabled": False}, "users": {"every": "never"}}
        config["crm"] = {
            "first": common | {"properties": properties(first), "find": {"deadline_s": DEADLINE_S, "shared": "ask"}},
            "second": common
            | {
                "properties": properties(second),
                "find": {"deadline_s": DEADLINE_S, "unknown": "create", "show_name": False},
            },
        }

    return change


def properties(crm: GenericCrm) -> dict[str, str]:
    crm.accept(bearer(TOKEN))
    return {"Base URL": crm.url, "Access token": TOKEN}


def tells_names(etc: Path, _: Layout) -> None:
    """Ada's phone is told by P-Asserted-Identity whom it speaks with."""
    pjsip = etc / "pjsip.conf"
    before = "[ada](agi-router-phone)\n"
    pjsip.write_text(pjsip.read_text().replace(before, f"{before}send_pai = yes\n", 1))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running_crms() -> AsyncIterator[Crms]:
    port = free_port("127.0.0.1", socket.SOCK_STREAM)
    async with (
        GenericCrm() as first,
        GenericCrm() as second,
        running(asking_both(first, second, port), extra_dialplan=BOTH_DOORS, configure=tells_names) as rig,
    ):
        await rig.asterisk.cli(f"dialplan set global AGI_ROUTER_HOST 127.0.0.1:{port}")
        yield Crms(rig, first, second)


@pytest_asyncio.fixture(loop_scope="module")
async def crms(running_crms: Crms) -> Crms:
    running_crms.forget()
    await by(running_crms, Door.ARI)
    running_crms.rig.api.answers[ANSWER] = Answer(body={"to": ADA})
    return running_crms


async def by(crms: Crms, door: Door) -> None:
    await crms.rig.asterisk.cli(f"dialplan set global DOOR {door}")


@asynccontextmanager
async def ada(crms: Crms, *, takes_updates: bool = True) -> AsyncIterator[Phone]:
    async with crms.rig.user("ada") as phone:
        phone.takes_updates = takes_updates
        yield phone


async def hung_up(crms: Crms, call: OutgoingCall) -> CallRecord:
    """The record of the call, which its caller ends."""
    await call.hang_up()
    return await over(crms)


async def given_up(crms: Crms, call: OutgoingCall) -> CallRecord:
    """The record of the call, which its caller ends before anybody has answered."""
    await call.cancel()
    return await over(crms)


async def over(crms: Crms) -> CallRecord:
    await crms.rig.idle()
    return await with_contacts(crms)


async def with_contacts(crms: Crms) -> CallRecord:
    """The last call's record, once both CRMs have an answer on it."""
    [record] = await all_with_contacts(crms, 1)
    return record


async def all_with_contacts(crms: Crms, calls: int) -> Sequence[CallRecord]:
    """The same of so many calls."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            records = (await crms.rig.router.records())[-calls:]
            if all(len(record.contacts) == 2 for record in records):
                return records
            await asyncio.sleep(0.02)


async def contact_events(crms: Crms, record: CallRecord) -> list[tuple[str, str]]:
    trace = await crms.rig.router.trace(record.call_id)
    kinds = (e.ContactFound, e.ContactNotFound)
    return sorted((event.connector, type(event).__name__) for event in trace if isinstance(event, kinds))


def contact(record: CallRecord, connector: str = "first") -> CallContact:
    found = record.contact(connector)
    assert found is not None
    return found


async def test_a_name_that_is_there_in_time_is_what_the_phone_rings_with(crms: Crms) -> None:
    crms.first.add_contact(id="7", first_name="Ben", last_name="Miller", phone="4155550101")
    is_known = crms.hold_answer()
    async with ada(crms) as phone:
        call = await crms.rig.call("+14155550101", caller_name="CARRIER SAYS")
        await crms.known()
        is_known.set()
        ringing = await phone.next_call()
        assert (ringing.caller_name, ringing.caller_number) == ("Ben Miller", "+14155550101")
        record = await given_up(crms, call)
    found = contact(record)
    assert (found.state, found.contact_id, found.name, found.source) == ("found", "7", "Ben Miller", "crm")


async def test_a_name_that_comes_later_is_told_to_a_phone_that_rings_and_stays_in_the_talk(crms: Crms) -> None:
    crms.first.add_contact(first_name="Ben", last_name="Late", phone="+14155550102")
    is_ringing = crms.hold_contacts()
    async with ada(crms) as phone:
        call = await crms.rig.call("+14155550102", caller_name="CARRIER SAYS")
        ringing = await phone.next_call()
        assert ringing.caller_name == "CARRIER SAYS"
        await ringing.ring()
        is_ringing.set()
        assert await ringing.next_name() == "Ben Late"
        await ringing.answer()
        assert await ringing.next_name() == "Ben Late"  # as it is bridged
        await call.answered()
        await hung_up(crms, call)


async def test_a_phone_without_update_is_told_by_re_invite_when_it_has_answered(crms: Crms) -> None:
    crms.first.add_contact(first_name="Ben", last_name="Talks", phone="+14155550103")
    is_ringing = crms.hold_contacts()
    async with ada(crms, takes_updates=False) as phone:
        call = await crms.rig.call("+14155550103", caller_name="CARRIER SAYS")
        ringing = await phone.next_call()
        await ringing.ring()
        is_ringing.set()
        await crms.known()
        await ringing.answer()
        await call.answered()
        async with asyncio.timeout(PATIENCE_S):
            while await ringing.next_name() != "Ben Talks":
                pass
        await hung_up(crms, call)


@pytest.mark.parametrize("door", list(Door))
async def test_a_crm_that_hangs_delays_nobody_s_phone(crms: Crms, door: Door) -> None:
    for crm in (crms.first, crms.second):
        crm.faults.mishap = lambda _method, _path: Fault(trouble=Trouble.HANG)
    await by(crms, door)
    number = {Door.ARI: "+14155550104", Door.AGI: "+14155550105"}[door]
    async with ada(crms) as phone:
        call = await crms.rig.call(number)
        await phone.next_call()
        record = await given_up(crms, call)
    happened = [type(event) for event in await crms.rig.router.trace(record.call_id)]
    assert happened.index(e.LegDialled) < happened.index(e.ContactNotFound), "nobody waited for the CRM's deadline"
    assert [each.state for each in record.contacts] == ["failed", "failed"]
    assert await contact_events(crms, record) == [("first", "ContactNotFound"), ("second", "ContactNotFound")]


async def test_a_caller_who_hangs_up_during_the_search_has_its_answer_on_record_once(crms: Crms) -> None:
    crms.first.add_contact(first_name="Ben", last_name="Gone", phone="+14155550106")
    is_over = crms.hold_contacts()
    async with ada(crms) as phone:
        call = await crms.rig.call("+14155550106")
        await phone.next_call()
        await call.cancel()
        await crms.rig.router.until(lambda status: status["live_calls"] == 0)
        is_over.set()
        record = await over(crms)
    assert contact(record).name == "Ben Gone"
    assert await contact_events(crms, record) == [("first", "ContactFound"), ("second", "ContactFound")]


async def test_a_number_of_several_contacts_is_left_to_whom_somebody_chooses(crms: Crms) -> None:
    crms.first.add_contact(id="1", first_name="Ann", last_name="Miller", phone="+14155550107", company_name="Acme")
    crms.first.add_contact(id="2", first_name="Ben", last_name="Miller", mobile="+14155550107")
    is_known = crms.hold_answer()
    async with ada(crms) as phone:
        call = await crms.rig.call("+14155550107", caller_name="CARRIER SAYS")
        await crms.known()
        is_known.set()
        assert (await phone.next_call()).caller_name == "CARRIER SAYS"
        record = await given_up(crms, call)
    assert contact(record).state == "several"
    assert [each["name"] for each in contact(record).candidates] == ["Ann Miller", "Ben Miller"]
    chosen = await assign(crms, record.call_id, "first", "2")
    assert (chosen["name"], chosen["source"], chosen["number"]) == ("Ben Miller", "chosen", "+14155550107")
    await crms.rig.router.until_told(e.ContactFound)
    assert contact(await crms.rig.newest()).contact_id == "2"
    ran = await Command(crms.rig.router.config_path)("crm", "assign", record.call_id, "first", "1")
    assert (ran.status, ran.out) == (0, f"call {record.call_id} was with Ann Miller (first)\n")
    assert contact(await crms.rig.newest()).contact_id == "1"


async def test_what_cannot_be_chosen_is_told(crms: Crms) -> None:
    with pytest.raises(ControlError, match="unknown_call"):
        await assign(crms, "nobody", "first", "2")
    with pytest.raises(ControlError, match="connector_unknown"):
        await assign(crms, "nobody", "frist", "2")


async def assign(crms: Crms, call_id: str, connector: str, contact_id: str) -> Any:
    control = ControlSettings(crms.rig.router.config_path.with_name("calls.db.sock"))
    asked = {"call_id": call_id, "connector": connector, "contact_id": contact_id}
    return await asyncio.to_thread(ask, control, "assign", arguments=asked)


async def test_an_unknown_caller_of_two_calls_at_the_same_moment_is_created_once(crms: Crms) -> None:
    crms.second.delay_s = 0.3
    async with ada(crms) as phone:
        calls = await asyncio.gather(crms.rig.call("+14155550108"), crms.rig.call("+14155550108"))
        for _ in calls:
            await phone.next_call()
        for call in calls:
            await call.cancel()
        await crms.rig.idle()
        records = await all_with_contacts(crms, len(calls))
    assert [row["phone"] for row in crms.second.contacts] == ["+14155550108"]
    assert [contact(record, "second").source for record in records] == ["created", "created"]
    assert {contact(record, "second").contact_id for record in records} == {crms.second.contacts[0]["id"]}


async def test_who_withholds_his_number_is_not_looked_up_and_neither_is_a_number_of_ours(crms: Crms) -> None:
    async with ada(crms) as phone:
        for options in ({"withheld": True}, {"caller": DID}, {"caller": "101"}):
            call = await crms.rig.call(**options)
            await phone.next_call()
            await call.cancel()
            await crms.rig.idle()
            assert (await crms.rig.newest()).contacts == ()
    assert crms.first.requests == []
    assert crms.second.requests == []


async def test_a_name_that_the_answer_gives_goes_before_the_contact_s(crms: Crms) -> None:
    crms.first.add_contact(first_name="Ben", last_name="Miller", phone="+14155550109")
    is_known = crms.hold_answer(name="Mr Answer")
    async with ada(crms) as phone:
        call = await crms.rig.call("+14155550109")
        await crms.known()
        is_known.set()
        assert (await phone.next_call()).caller_name == "Mr Answer"
        record = await given_up(crms, call)
    assert contact(record).name == "Ben Miller"


async def test_at_the_agi_door_the_name_is_shown_if_it_is_there_with_the_answer(crms: Crms) -> None:
    crms.first.add_contact(first_name="Ben", last_name="Dialled", phone="+14155550110")
    is_known = crms.hold_answer()
    await by(crms, Door.AGI)
    async with ada(crms) as phone:
        call = await crms.rig.call("+14155550110", caller_name="CARRIER SAYS")
        await crms.known()
        is_known.set()
        ringing = await phone.next_call()
        assert (ringing.caller_name, ringing.caller_number) == ("Ben Dialled", "+14155550110")
        record = await given_up(crms, call)
    assert (record.door, contact(record).state) == ("agi", "found")


async def test_who_asks_for_a_call_sees_the_customer_s_name_while_his_phone_rings(crms: Crms) -> None:
    crms.first.add_contact(first_name="Grace", last_name="Hopper", phone=CUSTOMER)
    is_ringing = crms.hold_contacts()
    async with ada(crms) as phone, Phone.provider(crms.rig.asterisk.layout) as provider:
        await crms.rig.place(ADA, CUSTOMER)
        agent = await phone.next_call()
        assert agent.caller_name == CUSTOMER
        await agent.ring()
        is_ringing.set()
        assert await agent.next_name() == "Grace Hopper"
        await agent.answer()
        customer: IncomingCall = await provider.next_call()
        assert "Grace" not in str(customer.invite)
        await customer.answer()
        await agent.hang_up()
        record = await over(crms)
    assert (record.direction, contact(record).number) == ("outbound", CUSTOMER)


async def test_an_agent_who_waits_for_the_customer_is_told_his_name(crms: Crms) -> None:
    number = "+14155550124"
    crms.first.add_contact(first_name="Grace", last_name="Late", phone=number)
    waits = crms.hold_contacts()
    async with ada(crms) as phone, Phone.provider(crms.rig.asterisk.layout) as provider:
        await crms.rig.place(ADA, number)
        agent = await phone.next_call()
        await agent.answer()
        customer = await provider.next_call()
        await customer.ring()
        waits.set()
        assert await agent.next_name() == "Grace Late"
        await customer.answer()
        await agent.hang_up()
        await over(crms)


async def test_the_phone_book_has_the_name_when_the_crm_is_gone(crms: Crms) -> None:
    crms.first.add_contact(id="12", first_name="Ben", last_name="Booked", phone="(415) 555-0112")
    ran = await Command(crms.rig.router.config_path)("crm", "sync", "first")
    assert ran.status == 0, ran.err
    crms.first.faults.mishap = lambda _method, _path: Fault(status=503)
    is_known = crms.hold_answer()
    async with ada(crms) as phone:
        call = await crms.rig.call("+14155550112")
        await crms.known()
        is_known.set()
        assert (await phone.next_call()).caller_name == "Ben Booked"
        record = await given_up(crms, call)
    assert (contact(record).contact_id, contact(record).source) == ("12", "phone_book")


async def test_what_a_killed_router_was_about_to_be_told_is_asked_again_by_the_next_one(crms: Crms) -> None:
    crms.first.add_contact(first_name="Ben", last_name="Again", phone="+14155550111")
    crms.hold_contacts()
    async with ada(crms) as phone:
        call = await crms.rig.call("+14155550111")
        ringing = await phone.next_call()
        await ringing.ring()
        await crms.rig.router.until_told(e.LegRinging)
        await crms.rig.router.kill()
        crms.first.after = crms.second.after = None
        await crms.rig.router.start()
        await call.final_status(PATIENCE_S)  # a route without a fallback has nothing more for who waited
        record = await over(crms)
    assert contact(record).name == "Ben Again"
    assert await contact_events(crms, record) == [("first", "ContactFound"), ("second", "ContactFound")]
