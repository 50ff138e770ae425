"""Real calls as a CRM hears of them: one activity of each, with its contact, its talk, its end and its recording."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from ari_app.control.client import ask
from ari_app.control.settings import ControlSettings
from ari_app.domain import events as e
from sandbox import Answer, Phone
from sandbox.api import SEARCH, bearer, calls_of_user
from sandbox.crm import Fault, GenericCrm, Trouble
from sandbox.crm.generic import Row
from sandbox.router import Config
from tests.system.rig import ADA, CALLER, Rig, running
from tests.system.transfers.talks import ADAS_HZ, BOBS_HZ, talking, with_extensions

# One Asterisk and one router serve the calls of the whole file, one after the other.
pytestmark = pytest.mark.asyncio(loop_scope="module")

TOKEN = "token-of-the-crm"
CUSTOMER = "+14155550123"
IN_TIME_S = 60.0


def connected(crm: GenericCrm) -> Callable[[Config], None]:
    def change(config: Config) -> None:
        crm.accept(bearer(TOKEN))
        with_extensions(config)
        config["network"]["allowed_networks"].append("127.0.0.1/32")
        config["directory"]["users"][0]["crm_ids"] = {"office": "u7"}
        config["crm"] = {
            "office": {
                "document": "generic",
                "properties": {"Base URL": crm.url, "Access token": TOKEN},
                "users": {"every": "never"},
                "find": {"deadline_s": 10},
                "activities": {"deadline_s": 3},
            }
        }
        config["routes"]["sales"]["recording"] = "always"

    return change


@dataclass(frozen=True, slots=True)
class Office:
    """The rig, and the CRM that is told of its calls."""

    rig: Rig
    crm: GenericCrm

    async def activity(self, call_id: str, **fields: Any) -> Row:
        """The only one of this call, once it has these fields."""

        def is_so() -> bool:
            return any(fields.items() <= row.items() for row in self.crm.of_call(call_id))

        await self.crm.until(is_so, IN_TIME_S)
        (row,) = self.crm.of_call(call_id)
        return row

    async def last_call(self) -> str:
        """The id of the newest call."""
        return (await self.rig.newest()).call_id


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[Office]:
    async with GenericCrm() as crm, running(connected(crm)) as rig:
        crm.add_contact(first_name="Grace", last_name="Hopper", phone=CALLER)
        yield Office(rig, crm)


@pytest_asyncio.fixture(loop_scope="module")
async def office(shared: Office) -> AsyncIterator[Office]:
    yield shared
    shared.crm.faults.clear()
    await shared.rig.idle()


async def test_an_inbound_call_is_in_the_crm_while_it_goes_on_and_with_its_recording_after(office: Office) -> None:
    rig, crm = office.rig, office.crm
    async with rig.user("ada", ADAS_HZ) as ada:
        talk = await talking(rig, ada)
        call_id = await office.last_call()
        row = await office.activity(call_id, state="talking")
        assert (row["direction"], row["number"], row["contact_id"]) == ("inbound", CALLER, crm.contacts[0]["id"])
        assert (row["user_id"], row["extension"]) == ("u7", "101")
        assert await talk.caller.hears(ADAS_HZ, 0.5)
        await talk.caller.hang_up()
        row = await office.activity(call_id, state="ended", disposition="answered", cause=16)
        record = await rig.newest()
        assert record.talk_s is not None and abs(row["duration_s"] - record.talk_s) <= 1
    await crm.until(lambda: any(file.activity_id == row["id"] for file in crm.files), IN_TIME_S)
    [file] = [file for file in crm.files if file.activity_id == row["id"]]
    await rig.router.records()  # nothing waits to be written
    [stored] = [event for event in await rig.router.trace(call_id) if isinstance(event, e.RecordingStored)]
    content = (rig.router.config_path.parent / "recordings" / stored.place).read_bytes()
    assert (file.size, file.sha256) == (len(content), hashlib.sha256(content).hexdigest())


async def test_a_call_that_is_given_up_ends_in_the_crm_as_such(office: Office) -> None:
    office.rig.api.answers[SEARCH] = Answer(body=calls_of_user(ADA).body)
    async with office.rig.user("ada", ADAS_HZ) as ada:
        call = await office.rig.call()
        ringing = await ada.next_call()
        await ringing.ring()
        call_id = await office.last_call()
        await office.activity(call_id, state="ringing")
        await call.cancel()
        row = await office.activity(call_id, state="ended", disposition="abandoned")
    assert (row["duration_s"], row.get("answered_at")) == (0, None)


async def test_a_transfer_is_told_with_whom_the_caller_speaks_now(office: Office) -> None:
    rig = office.rig
    async with rig.user("ada", ADAS_HZ) as ada, rig.user("bob", BOBS_HZ) as bob:
        talk = await talking(rig, ada)
        call_id = await office.last_call()
        await office.activity(call_id, state="talking")  # a CRM that hears of it later hears of Bob at once
        await talk.ada.hold()
        transfer = await talk.ada.transfer("102")
        ringing = await bob.next_call()
        await ringing.answer()
        assert await transfer.outcome() == 200
        row = await office.activity(call_id, state="transferred")
        assert row["extension"] == "102"
        await ringing.hang_up()
        await talk.caller.ended()
        await office.activity(call_id, state="ended", disposition="answered")


async def test_a_call_by_click_is_outbound_and_one_activity(office: Office) -> None:
    rig = office.rig
    async with rig.user("ada", ADAS_HZ) as ada, Phone.provider(rig.asterisk.layout) as customer:
        call_id = await rig.place(ADA, CUSTOMER)
        await (await ada.next_call()).answer()
        at_customer = await customer.next_call()
        await at_customer.answer()
        row = await office.activity(call_id, state="talking")
        assert (row["direction"], row["number"], row["user_id"]) == ("outbound", CUSTOMER, "u7")
        await at_customer.hang_up()
        await office.activity(call_id, state="ended", disposition="answered")
    assert len(office.crm.of_call(call_id)) == 1


async def test_nobody_waits_for_a_crm_that_hangs_and_a_lost_answer_makes_no_second_activity(office: Office) -> None:
    rig, crm = office.rig, office.crm
    crm.faults.next(Fault(trouble=Trouble.DISCONNECT, is_done=True), of="POST /api/v1/activities$")
    async with rig.user("ada", ADAS_HZ) as ada:
        talk = await talking(rig, ada)
        call_id = await office.last_call()
        await crm.until(lambda: len(crm.of_call(call_id)) == 1, IN_TIME_S)
        [shown] = (await commanded(rig, "crm_activities", {"call": [call_id]}))["items"]
        assert (shown["connector"], shown["state"], shown["activity_id"]) == ("office", "creating", "")
        await talk.caller.hang_up()
    await rig.idle()
    await office.activity(call_id, state="ended", disposition="answered")
    assert len(crm.of_call(call_id)) == 1


async def commanded(rig: Rig, command: str, given: dict[str, Any]) -> Any:
    control = ControlSettings(rig.router.config_path.with_name("calls.db.sock"))
    return await asyncio.to_thread(ask, control, command, 30, given)
