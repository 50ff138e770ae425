"""Answers in a CRM's own ids, on real calls: whom the CRM lists as its user rings, whatever happens to the CRM."""

from typing import Any

import pytest

from ari_app.domain import events as e
from sandbox import Answer
from sandbox.crm import GenericCrm
from sandbox.router import Config
from tests.command import Command
from tests.system.crm.office import knows_users, refresh_users, running_with
from tests.system.doors import Door
from tests.system.rig import ANSWER, CALLER, Rig, origin


def answering_in_ids(config: Config) -> dict[str, Any]:
    return {
        "sales": {
            "request": {"url": f"{origin(config)}{ANSWER}", "deadline_s": 10},
            "response": {"type": "user", "path": "to", "crm": "office"},
            "fallback": [{"hangup": "busy"}],
        }
    }


async def rings(rig: Rig, phone: str) -> None:
    """A customer calls, and this user's phone is what rings and answers."""
    async with rig.user(phone) as user:
        call = await rig.call()
        await (await user.next_call()).answer()
        await call.answered()
        await call.hang_up()
        await rig.idle()


@pytest.mark.parametrize("door", Door)
async def test_an_answer_in_the_crms_own_ids_rings_whom_the_crm_lists(door: Door) -> None:
    async with GenericCrm() as crm:
        crm.add_user(id="u-77", first_name="Ada", email="ADA@example.com")
        async with running_with(crm, answering_in_ids, door) as rig:
            rig.api.answers[ANSWER] = Answer(body={"to": "u-77"})
            await rings(rig, "ada")
            found = [event for event in await rig.story() if isinstance(event, e.DestinationFound)]
            assert [(event.value, event.destination) for event in found] == [("u-77", "456")]


async def test_what_the_crm_lists_counts_without_a_reload_and_outlives_one_and_the_crm() -> None:
    async with GenericCrm() as crm:
        ada = crm.add_user(id="u-77", first_name="Ada", email="ada@example.com")
        async with running_with(crm, answering_in_ids) as rig:
            rig.api.answers[ANSWER] = Answer(body={"to": "u-77"})
            rig.router.config["directory"]["users"][0]["name"] = "Ada Lovelace"
            assert (await rig.router.reload())["taken"]
            await rings(rig, "ada")
            ada["email"] = "bob@example.com"
            [user] = (await refresh_users(rig))["users"]
            assert (user["user"], user["matched_by"]) == ("77", "email")
            await rings(rig, "bob")
            await crm.stop()
            await rig.router.stop()
            await rig.router.start()
            told = await knows_users(rig, 1)
            assert told["matched"] == 1
            await rings(rig, "bob")
            ran = await Command(rig.router.config_path)("test-route", "sales", CALLER, "--json")
            assert ran.json["destination"] == {"type": "user", "value": "77"}


async def test_an_id_of_nobody_takes_the_fallback_and_says_what_to_do() -> None:
    async with GenericCrm() as crm:
        crm.add_user(id="u-80", first_name="Robot")
        async with running_with(crm, answering_in_ids) as rig:
            rig.api.answers[ANSWER] = Answer(body={"to": "u-80"})
            call = await rig.call()
            assert await call.final_status() == 486
            await rig.idle()
            (failed,) = [event for event in await rig.story() if isinstance(event, e.LookupFailed)]
            assert (failed.code, failed.value) == ("user_unknown", "u-80")
            rows = (await Command(rig.router.config_path)("crm", "users", "office")).rows
            assert rows[2].startswith("u-80 Robot nobody ")
