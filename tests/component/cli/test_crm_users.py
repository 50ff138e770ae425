"""`agi-router crm users`, beside a running router's control socket, and by what a router has kept."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from agi_router.directory.crm_users import CrmUser
from ari_app.control.server import serve_control
from ari_app.crm.connector import Connector
from ari_app.crm.user_map import CrmUserMap
from ari_app.crm.users import UserReading
from ari_app.domain.crm_users import CrmUserList
from ari_app.live.crm_users import CrmUserDesk
from ari_app.settings import load_control, load_settings
from ari_app.storage.crm_users import StoredCrmUsers
from ari_app.storage.serving import open_database
from sandbox.crm import GenericCrm
from tests.command import Command
from tests.component.crm.connecting import connected, settings_for

SECTION = """
crm:
  office: {document: generic, users: {every: never}}
"""
KEPT = CrmUserList(
    connector="office",
    read_at=datetime(2026, 11, 20, 10, tzinfo=UTC),
    users=(
        CrmUser(id="77", name="Ada L.", email="ada@example.com", phone="(202) 555-0199"),
        CrmUser(id="78", name="Bo"),
    ),
)


@pytest.fixture
def connecting(command: Command) -> Command:
    """Of a configuration with a CRM."""
    command.config.write_text(command.config.read_text() + SECTION)
    return command


async def keep(command: Command, listed: CrmUserList) -> None:
    async with open_database(load_settings(command.config).storage) as database:
        await StoredCrmUsers(database).keep(listed)


@asynccontextmanager
async def router(command: Command, crm: GenericCrm) -> AsyncIterator[None]:
    """As much of one as is asked."""
    settings = load_settings(command.config)
    users = CrmUserMap()
    users.know(settings.routing.users, "US", ["office"])
    async with open_database(settings.storage) as database, connected(settings_for(crm)) as connector:
        async with UserReading(StoredCrmUsers(database), users) as reading:
            of_connectors: dict[str, Connector] = {"office": connector}
            await reading.take(of_connectors, {"office": None})
            desk = CrmUserDesk(reading, ["office"])
            async with serve_control(load_control(command.config), {"crm_users": desk.answer}):
                yield


async def test_without_a_router_those_that_were_kept_are_shown(connecting: Command) -> None:
    await keep(connecting, KEPT)
    ran = await connecting("crm", "users", "office")
    assert (ran.status, ran.err) == (0, "")
    assert ran.rows[:2] == [
        "office: 2 users, read 2026-11-20 10:00:00 UTC",
        "CRM id name e-mail user by, or what to do",
    ]
    assert ran.rows[2] == "77 Ada L. ada@example.com 456 its phone"
    assert ran.rows[3].startswith("78 Bo nobody the CRM tells no e-mail, extension or phone of it: if it is one of")


async def test_nothing_is_known_of_a_crm_that_was_never_asked(connecting: Command) -> None:
    await keep(connecting, replace(KEPT, connector="gone"))
    ran = await connecting("crm", "users", "--json")
    assert (ran.status, ran.json["connectors"][0]["users"], ran.json["connectors"][0]["read_at"]) == (0, [], None)
    assert (await connecting("crm", "users")).rows == ["office: 0 users, never read"]


async def test_to_ask_the_crm_a_router_is_needed(connecting: Command) -> None:
    ran = await connecting("crm", "users", "office", "--refresh")
    assert (ran.status, "no router runs" in ran.err, "Start one" in ran.err) == (1, True, True)


async def test_a_crm_that_is_not_connected_is_told_with_those_that_are(connecting: Command) -> None:
    ran = await connecting("crm", "users", "ofice")
    assert (ran.status, 'there is no CRM "ofice"; did you mean "office"?' in ran.err) == (1, True)


async def test_without_a_section_crm_there_is_none(command: Command) -> None:
    assert (await command("crm", "users")).rows == ["no CRM is connected; agi-router crm status tells more"]


async def test_a_running_router_asks_the_crm_when_it_is_told_to(connecting: Command) -> None:
    async with GenericCrm() as crm, router(connecting, crm):
        crm.add_user(id="77", first_name="Ada", phone="+12025550199")
        assert (await connecting("crm", "users", "--json")).json["connectors"][0]["users"] == []
        ran = await connecting("crm", "users", "office", "--refresh", "--json")
        [user] = ran.json["connectors"][0]["users"]
        assert (user["crm_id"], user["user"], user["matched_by"]) == ("77", "456", "phone")
        await crm.stop()
        ran = await connecting("crm", "users", "office", "--refresh")
        assert (ran.status, "the users of office can't be read" in ran.err, "[crm_unreachable]" in ran.err) == (
            1,
            True,
            True,
        )
        rows = (await connecting("crm", "users")).rows
        assert rows[1].startswith("not read ")
        assert "77 Ada 456 its phone" in rows


async def test_a_route_that_a_crm_decides_is_summed_up_with_the_crm(connecting: Command) -> None:
    text = connecting.config.read_text()
    connecting.config.write_text(
        text.replace("routes:\n", "routes:\n  owner: {request: {crm: office, deadline_s: 2}}\n")
    )
    ran = await connecting("check-config")
    assert (ran.status, ran.err) == (0, "")
    assert any(row.startswith("owner the CRM office, at most 2 s user ") for row in ran.rows)


async def test_a_dry_run_asks_the_crm_and_what_cannot_be_asked_is_told(connecting: Command) -> None:
    async with GenericCrm() as crm:
        text = connecting.config.read_text().replace("routes:\n", "routes:\n  owner: {request: {crm: office}}\n")
        connecting.config.write_text(text)
        ran = await connecting("test-route", "owner", "+12025550188", "--json")
        assert (ran.status, ran.json["error"]["code"]) == (1, "crm_login_needed")
        properties = f'properties: {{Base URL: "{crm.url}", Access token: t0ken-of-it}}'
        connecting.config.write_text(text.replace("document: generic,", f"document: generic, {properties},"))
        crm.add_contact(id="9", first_name="Ben", phone="+12025550188", owner_id="77")
        await keep(connecting, KEPT)
        ran = await connecting("test-route", "owner", "+12025550188", "--json")
        assert (ran.json["error"], ran.json["value"]) == (None, "77")
        assert ran.json["destination"] == {"type": "user", "value": "456"}
        assert ran.json["request"]["headers"]["Authorization"] == "***"
        crm.contacts.clear()
        ran = await connecting("test-route", "owner", "+12025550188", "--json")
        assert (ran.status, ran.json["error"]["code"]) == (1, "contact_unknown")
        assert len(ran.json["failed_attempts"]) > 1
        assert crm.contacts == []
