"""A CRM decides where calls belong: the owner of the caller's contact is rung, and the CRM is asked once."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest

from ari_app.domain import events as e
from sandbox.api import bearer
from sandbox.crm import Fault, GenericCrm
from sandbox.router import Config
from tests.command import Command
from tests.system.crm.office import TOKEN, knows_users, running_with
from tests.system.doors import Door
from tests.system.rig import CALLER, Rig


def decided_by_the_crm(_: Config, deadline_s: int = 10) -> dict[str, Any]:
    return {
        "sales": {
            "request": {"crm": "office", "deadline_s": deadline_s},
            "remember": {"last_good_s": 604_800},
            "fallback": [{"hangup": "busy"}],
        }
    }


def company() -> GenericCrm:
    """Ada and Bob work there; to Ada belongs the contact whose number is written as people dial it at home."""
    crm = GenericCrm()
    crm.add_user(id="u-77", first_name="Ada", email="ada@example.com")
    crm.add_user(id="u-78", first_name="Bob", email="bob@example.com")
    crm.add_contact(id="c-1", first_name="Ben", last_name="Miller", phone="4155550177", owner_id="u-77")
    return crm


async def rings(rig: Rig, phone: str) -> Sequence[e.CallEvent]:
    """A customer calls, and this user's phone is what rings and answers; what happened."""
    async with rig.user(phone) as user:
        call = await rig.call()
        await (await user.next_call()).answer()
        await call.answered()
        await call.hang_up()
        await rig.idle()
    return await rig.router.trace((await rig.newest()).call_id)


async def is_refused(rig: Rig) -> Sequence[e.CallEvent]:
    """A customer calls, and hears the fallback; what happened."""
    call = await rig.call()
    assert await call.final_status() == 486
    await rig.idle()
    return await rig.router.trace((await rig.newest()).call_id)


def searches(crm: GenericCrm) -> list[str]:
    """The forms of the number in which the CRM was asked."""
    return [request.query["phone"] for request in crm.requests if "phone" in request.query]


def has_seen_the_end(crm: GenericCrm) -> bool:
    """Whether the CRM has been told that its only call is over."""
    return [activity.get("state") for activity in crm.activities] == ["ended"]


@pytest.mark.parametrize("door", Door)
async def test_the_owner_of_the_callers_contact_is_rung_and_the_crm_is_asked_once(door: Door) -> None:
    async with company() as crm, running_with(crm, decided_by_the_crm, door) as rig:
        happened = await rings(rig, "ada")
        assert searches(crm) == [CALLER, "4155550177"]
        requests = [event.url for event in happened if isinstance(event, e.RequestSent)]
        assert [url.rpartition("phone=")[2] for url in requests] == ["%2B14155550177", "4155550177"]
        answers = [event.body for event in happened if isinstance(event, e.AnswerReceived)]
        assert [("u-77" in body) for body in answers] == [False, True]
        (found,) = [event for event in happened if isinstance(event, e.DestinationFound)]
        assert (found.value, found.destination, found.source) == ("u-77", "456", "answer")
        (contact,) = [event for event in happened if isinstance(event, e.ContactFound)]
        assert (contact.contact_id, contact.owner) == ("c-1", "u-77")
        assert "token-of-the-crm" not in repr(happened)


async def test_while_the_crm_is_down_the_last_owner_is_rung_and_a_stranger_takes_the_fallback() -> None:
    async with company() as crm, running_with(crm, decided_by_the_crm) as rig:
        await rings(rig, "ada")
        await crm.stop()
        await rig.router.stop()
        await rig.router.start()
        happened = await rings(rig, "ada")
        (failed,) = [event for event in happened if isinstance(event, e.LookupFailed)]
        (found,) = [event for event in happened if isinstance(event, e.DestinationFound)]
        assert (failed.code, found.source, found.value) == ("crm_unreachable", "last_good", "u-77")
        call = await rig.carrier.call("+14155550100", caller="+14155550178")
        assert await call.final_status() == 486
        await rig.idle()


async def test_who_owns_the_contact_by_now_is_rung_and_who_is_nobodys_contact_takes_the_fallback() -> None:
    async with company() as crm, running_with(crm, decided_by_the_crm) as rig:
        crm.contacts[0]["owner_id"] = "u-78"
        await rings(rig, "bob")
        await rig.router.stop()
        await rig.router.start()  # who was looked for a moment ago is known for ten seconds
        crm.contacts.clear()
        (failed,) = [event for event in await is_refused(rig) if isinstance(event, e.LookupFailed)]
        assert failed.code == "contact_unknown"


async def test_a_crm_that_is_too_slow_costs_the_caller_the_deadline_and_no_more() -> None:
    async with company() as crm, running_with(crm, partial(decided_by_the_crm, deadline_s=2)) as rig:
        crm.faults.mishap = lambda _, __: Fault(delay_s=30)
        happened = await is_refused(rig)
        (failed,) = [event for event in happened if isinstance(event, e.LookupFailed)]
        # The search for the caller's name may be first: then this one has heard of it, and asks in what time is left.
        sent = {event.url.rpartition("?")[2] for event in happened if isinstance(event, e.RequestSent)}
        assert (failed.code, sent) == ("crm_timeout", {"phone=%2B14155550177"})
        assert 1.5 < (failed.at - happened[0].at).total_seconds() < 10  # the CRM takes 30


async def test_one_crm_decides_and_all_are_told_who_took_the_call_by_ids_of_their_own() -> None:
    board = GenericCrm()
    board.add_user(id="b-1", first_name="Ada", email="ada@example.com")

    def both_are_told(config: Config) -> dict[str, Any]:
        board.accept(bearer(TOKEN))
        del config["crm"]["office"]["activities"]
        properties = {"Base URL": board.url, "Access token": TOKEN}
        config["crm"]["board"] = {"document": "generic", "properties": properties}
        return decided_by_the_crm(config)

    async with company() as crm, board, running_with(crm, both_are_told) as rig:
        await knows_users(rig, 1, "board")
        await rings(rig, "ada")
        for told, user, contact in ((crm, "u-77", "c-1"), (board, "b-1", None)):
            await told.until(partial(has_seen_the_end, told))
            (activity,) = told.activities
            assert (activity["user_id"], activity.get("contact_id")) == (user, contact)
        assert searches(crm) == [CALLER, "4155550177"]


async def test_a_dry_run_asks_the_crm_as_a_call_would() -> None:
    async with company() as crm, running_with(crm, decided_by_the_crm) as rig:
        ran = await Command(rig.router.config_path)("test-route", "sales", CALLER, "--json")
        assert ran.json["destination"] == {"type": "user", "value": "456"}
        assert (ran.json["value"], ran.json["source"]) == ("u-77", "answer")
        assert ran.json["request"]["url"].endswith("phone=4155550177")
        assert searches(crm) == [CALLER, "4155550177"]
        assert await rig.router.records() == []
