"""Calls of a real Asterisk, and a real CRM that is told of them: Tryton."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace

import pytest
import pytest_asyncio

from sandbox import Phone
from sandbox.api import SEARCH, calls_of_user
from sandbox.router import Config
from sandbox.tryton import DATABASE, Attachment, Party, Tryton, seeds
from tests.fakes.losing_line import LosingLine, losing_line
from tests.system.rig import ADA, CALLER, DID, Rig, running

# One Asterisk, one router and one Tryton serve the calls of the whole file, one after the other.
pytestmark = pytest.mark.asyncio(loop_scope="module")

STRANGER = "+14155550142"
SOMEBODY = "+14155550143"
PATIENCE_S = 240.0  # what Tryton did not take is tried again at growing intervals, of which a slow start costs some


def connected(rpc_url: str, unassigned: Party) -> Callable[[Config], None]:
    def change(config: Config) -> None:
        config["network"]["allowed_networks"].append("127.0.0.1/32")
        config["crm"] = {
            "tryton": {
                "document": "tryton",
                "properties": {
                    "RPC URL": rpc_url,
                    "Login": seeds.CONNECTOR,
                    "Password": seeds.CONNECTOR_PASSWORD,
                    "Party of calls without a contact": str(unassigned.id),
                },
                "find": {"deadline_s": 10, "unknown": "create"},
            }
        }
        config["routes"]["sales"]["recording"] = "always"
        config["routes"]["sales"]["request"]["deadline_s"] = 10

    return change


@dataclass(frozen=True, slots=True)
class Premises:
    rig: Rig
    tryton: Tryton
    line: LosingLine

    async def attached(self, party: Party, condition: Callable[[Attachment], bool]) -> Attachment:
        """The only call that is attached to this party, once it is as it should be."""
        found = None
        try:
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    found = await self.tryton.records.attachments([["resource", "=", f"party.party,{party.id}"]])
                    if len(found) == 1 and condition(found[0]):
                        return found[0]
                    await asyncio.sleep(0.2)  # Tryton tells nobody of its changes
        except TimeoutError:
            pytest.fail(f"attached to {party.name}: {found}")

    async def made_of_newest(self) -> int:
        """How often the newest call is attached, to whomever."""
        link = f"call:{(await self.rig.newest()).call_id}"
        return len([each for each in await self.tryton.records.attachments() if each.link == link])

    async def known(self) -> None:
        """Wait until the router knows whose number the live call has."""
        async with asyncio.timeout(PATIENCE_S):
            while not any(each.contacts for each in await self.rig.router.records() if each.ended_at is None):
                await asyncio.sleep(0.05)  # only the record tells

    async def party_of(self, number: str) -> Party:
        """The only party with this number, once it is there."""
        async with asyncio.timeout(PATIENCE_S):
            while not (found := [each for each in await self.tryton.records.parties() if number in each.numbers]):
                await asyncio.sleep(0.2)
        (party,) = found
        return party


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[Premises]:
    async with Tryton() as tryton:
        host, _, port = tryton.url.removeprefix("http://").rpartition(":")
        async with losing_line((host, int(port))) as line:
            rpc_url = f"http://127.0.0.1:{line.port}/{DATABASE}/rpc/"
            async with running(connected(rpc_url, await tryton.records.party(seeds.UNASSIGNED))) as rig:
                yield Premises(rig, tryton, line)


@pytest_asyncio.fixture(loop_scope="module")
async def premises(shared: Premises) -> AsyncIterator[Premises]:
    for attachment in await shared.tryton.records.attachments():
        await shared.tryton.records.delete("ir.attachment", attachment.id)
    yield shared
    await shared.rig.idle()


@pytest_asyncio.fixture(loop_scope="module")
async def ada(premises: Premises) -> AsyncIterator[Phone]:
    async with premises.rig.user("ada") as ada:
        yield ada


def is_ended(attachment: Attachment) -> bool:
    return "ended" in attachment.description


def is_recorded(attachment: Attachment) -> bool:
    """With the file's name as well: Tryton reads the data of a row after the rest of it, and may read newer ones."""
    return attachment.data is not None and attachment.name.endswith(".wav") and is_ended(attachment)


async def test_a_contact_is_shown_by_name_and_has_the_call_with_its_recording(premises: Premises, ada: Phone) -> None:
    grace = await premises.tryton.records.party(seeds.GRACE)
    assert CALLER == seeds.GRACES_NUMBER
    is_known = asyncio.Event()
    premises.rig.api.answers[SEARCH] = replace(calls_of_user(ADA), after=is_known)
    call = await premises.rig.call()
    await premises.known()
    is_known.set()
    ringing = await ada.next_call()
    assert ringing.caller_name == seeds.GRACE
    await ringing.answer()
    await call.answered()
    assert await call.hears(1000)
    await call.hang_up()
    kept = await premises.attached(grace, is_recorded)
    record = await premises.rig.newest()
    assert kept.link == f"call:{record.call_id}"
    assert kept.description.startswith(f"Incoming call, {CALLER}, answered, ")
    assert f"From {CALLER} to {DID}\nUser: Ada\n" in kept.description
    assert kept.data is not None and kept.data[:4] == b"RIFF"
    assert [(each.connector, each.contact_id, each.name) for each in record.contacts] == [
        ("tryton", str(grace.id), seeds.GRACE)
    ]


async def test_a_number_that_is_written_in_another_way_is_found_too(premises: Premises, ada: Phone) -> None:
    hedy = await premises.tryton.records.party(seeds.HEDY)
    assert seeds.HEDYS_NUMBER not in hedy.numbers
    premises.rig.api.answers[SEARCH] = calls_of_user(ADA)
    call = await premises.rig.call(seeds.HEDYS_NUMBER)
    await ada.next_call()
    await premises.known()
    await call.cancel()
    kept = await premises.attached(hedy, is_ended)
    assert kept.description.startswith(f"Incoming call, {seeds.HEDYS_NUMBER}, ")


async def test_a_caller_who_is_unknown_becomes_a_party_that_has_the_call(premises: Premises, ada: Phone) -> None:
    premises.rig.api.answers[SEARCH] = calls_of_user(ADA)
    call = await premises.rig.call(STRANGER)
    await ada.next_call()
    await call.cancel()
    stranger = await premises.party_of(STRANGER)
    kept = await premises.attached(stranger, is_ended)
    assert kept.description.startswith(f"Incoming call, {STRANGER}, abandoned, ")


async def test_a_call_that_ada_asks_for_is_attached_to_whom_she_calls(premises: Premises, ada: Phone) -> None:
    grace = await premises.tryton.records.party(seeds.GRACE)
    async with Phone.provider(premises.rig.asterisk.layout, tone_hz=700) as customer:
        call_id = await premises.rig.place(ADA, seeds.GRACES_NUMBER)
        agents = await ada.next_call()
        await agents.answer()
        customers = await customer.next_call()
        await customers.answer()
        assert await agents.hears(700)
        await agents.hang_up()
        await customers.ended()
    kept = await premises.attached(grace, is_ended)
    assert kept.link == f"call:{call_id}"
    assert kept.description.startswith(f"Outgoing call, {seeds.GRACES_NUMBER}, answered, ")


async def test_a_crm_that_is_away_holds_no_call_and_is_told_of_it_once_when_it_is_back(
    premises: Premises, ada: Phone
) -> None:
    premises.rig.api.answers[SEARCH] = calls_of_user(ADA)
    await premises.tryton.server.stop()
    call = await premises.rig.call(SOMEBODY)
    ringing = await ada.next_call()
    await ringing.answer()
    await call.answered()
    assert await call.hears(1000)
    await call.hang_up()
    await premises.rig.idle()
    await premises.tryton.server.start()
    unassigned = await premises.tryton.records.party(seeds.UNASSIGNED)
    kept = await premises.attached(unassigned, is_recorded)
    assert kept.link == f"call:{(await premises.rig.newest()).call_id}"
    assert await premises.made_of_newest() == 1


async def test_an_activity_whose_making_was_not_told_is_found_and_not_made_again(
    premises: Premises, ada: Phone
) -> None:
    grace = await premises.tryton.records.party(seeds.GRACE)
    premises.rig.api.answers[SEARCH] = calls_of_user(ADA)
    lost_before = premises.line.lost
    premises.line.lose(b"model.ir.attachment.create")
    call = await premises.rig.call()
    ringing = await ada.next_call()
    await ringing.answer()
    await call.answered()
    await call.hang_up()
    await premises.attached(grace, is_ended)
    assert premises.line.lost == lost_before + 1
    assert await premises.made_of_newest() == 1


async def test_a_router_that_is_killed_before_it_knew_of_the_activity_makes_no_second_one(
    premises: Premises, ada: Phone
) -> None:
    grace = await premises.tryton.records.party(seeds.GRACE)
    premises.rig.api.answers[SEARCH] = calls_of_user(ADA)
    lost_before = premises.line.lost
    premises.line.lose(b"model.ir.attachment.create")
    call = await premises.rig.call()
    ringing = await ada.next_call()
    await ringing.answer()
    await call.answered()
    async with asyncio.timeout(PATIENCE_S):
        while premises.line.lost == lost_before:
            await asyncio.sleep(0.02)  # the line tells nobody
    await premises.rig.router.kill()
    await premises.rig.router.start()
    assert await call.hears(1000)
    await call.hang_up()
    await premises.attached(grace, is_ended)
    assert await premises.made_of_newest() == 1
