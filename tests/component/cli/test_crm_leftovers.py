"""CRMs that are gone from the configuration: what is left of them is shown, and forgotten on demand."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import insert

from ari_app.control.server import serve_control
from ari_app.doctor.crm_leftovers import leftovers_check
from ari_app.domain.contacts import Contact
from ari_app.domain.crm_login import Login
from ari_app.live.crm_leftovers import forgetting
from ari_app.settings import load_settings
from ari_app.storage.crm_leftovers import BATCH
from ari_app.storage.crm_logins import stored_logins
from ari_app.storage.phone_book import WrittenPhoneBook
from ari_app.storage.schema import crm_activities, crm_number_forms
from ari_app.storage.serving import Database, open_database
from tests.command import Command

CONFIG = """\
asterisk: {ari: {username: router, password: 8f14e45f}}
storage: {url: calls.db}
defaults: {region: US}
routes: {sales: {request: {url: "https://api.example.com/who"}, response: {format: text, type: user}}}
crm:
  office: {document: generic, properties: {Base URL: "https://crm.example.com/api"}}
"""
CALLS = 2 * BATCH + 1


@pytest.fixture
async def router(tmp_path: Path) -> Command:
    """Of the CRMs `office` and `old` there is the same, and of `older` next to nothing."""
    config = tmp_path / "router.yaml"
    config.write_text(CONFIG)
    async with open_database(load_settings(config).storage) as database:
        for name in ("office", "old"):
            await fill(database, name)
        async with database.writer.begin() as connection:
            of_older = {"connector": "older", "form": "e164", "matched": 3, "matched_at": datetime.now(UTC)}
            await connection.execute(insert(crm_number_forms), [of_older])
    return Command(config)


async def fill(database: Database, name: str) -> None:
    now = datetime.now(UTC)
    await stored_logins(database).keep(Login(connector=name, properties={"Access token": "t"}, at=now))
    book = WrittenPhoneBook(database, lambda: "US")
    run = await book.begin(name)
    await book.put(run, [Contact(connector=name, id=str(number)) for number in range(3)])
    texts = {**dict.fromkeys(("activity_id", "doing", "error"), ""), "told": {}, "given": {}}
    counts = {"revision": 0, "attempts": 0, "created_at": now, "state": "stopped"}
    calls = [{"connector": name, "call_id": f"c-{each}", "reference": f"c-{each}"} for each in range(CALLS)]
    async with database.writer.begin() as connection:
        await connection.execute(insert(crm_activities), [{**texts, **counts, **call} for call in calls])


async def test_what_is_left_of_a_crm_is_shown_with_what_to_do(router: Command) -> None:
    shown = await router("crm", "status")
    assert shown.status == 0, shown.err
    of_old = f"its login, 3 contacts, what it was told of {CALLS} calls"
    told = f"old is not in the configuration, and of it there is {of_old}: agi-router crm forget old"
    assert told in shown.rows
    left = {"connector": "old", "has_login": True, "contacts": 3, "activities": CALLS}
    as_json = await router("crm", "status", "--json")
    assert as_json.json["leftovers"] == [
        left,
        {"connector": "older", "has_login": False, "contacts": 0, "activities": 0},
    ]


async def test_the_doctor_warns_of_it(router: Command) -> None:
    settings = load_settings(router.config)
    old, older = await leftovers_check(settings).find()
    assert (old.id, old.status.value) == ("crm_leftovers:old", "warning")
    assert old.remedy.startswith("agi-router crm forget old deletes it; was it renamed, then log in again")
    assert "its users, and in which form it knows numbers" in older.found


async def test_a_crm_that_is_gone_is_forgotten_and_no_other_one(router: Command) -> None:
    done = await router("crm", "forget", "old")
    assert (done.status, done.rows) == (
        0,
        [f"forgotten of old: its login, 3 contacts, what it was told of {CALLS} calls"],
    )
    await router("crm", "forget", "older")
    left = await leftovers_check(load_settings(router.config)).find()
    assert left == []
    async with open_database(load_settings(router.config).storage) as database:
        assert [login.connector for login in await stored_logins(database).all()] == ["office"]
    again = await router("crm", "forget", "old")
    assert (again.status, "the database has nothing of a CRM old [crm_unknown]" in again.err) == (1, True)


async def test_a_crm_of_the_configuration_is_not_forgotten(router: Command) -> None:
    refused = await router("crm", "forget", "office")
    assert refused.status == 1
    assert "the CRM office is in the configuration [crm_in_use]" in refused.err


async def test_a_running_router_forgets_it(router: Command) -> None:
    settings = load_settings(router.config)
    async with open_database(settings.storage) as database:
        commands = {"crm_forget": forgetting(database, {"office"})}
        async with serve_control(settings.control, commands):
            done = await router("crm", "forget", "old", "--json")
            refused = await router("crm", "forget", "office")
    assert done.json == {"connector": "old", "has_login": True, "contacts": 3, "activities": CALLS}
    assert (refused.status, "crm_in_use" in refused.err) == (1, True)
