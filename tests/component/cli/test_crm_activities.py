"""`agi-router crm activities` and `resolve`, without a running router; and what the doctor says of them."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ari_app.doctor.activities import activity_check
from ari_app.doctor.finding import Verdict
from ari_app.domain.activities import ActivityState
from ari_app.settings import load_settings
from ari_app.storage.activity_marks import ActivityMarker, Wish
from ari_app.storage.activity_store import open_activities
from ari_app.storage.call_log import writing_call_log
from ari_app.storage.serving import open_database
from tests.command import Command
from tests.component.storage_events import arrived

SECTION = """
crm:
  office: {document: generic, users: {every: never}}
"""


@pytest.fixture
def connecting(command: Command) -> Command:
    """Of a configuration with a CRM."""
    command.config.write_text(command.config.read_text() + SECTION)
    return command


async def keep(command: Command, *states: ActivityState, prefix: str = "call") -> None:
    """So many calls, told to the CRM, each in one of these states."""
    marker = ActivityMarker()
    marker.wishes = {"office": Wish(directions=frozenset({"inbound"}))}
    async with open_database(load_settings(command.config).storage) as database:
        async with writing_call_log(database, marker=marker) as call_log:
            for number in range(len(states)):
                call_log.write(f"{prefix}-{number}", arrived())
            await call_log.flush()
        async with open_activities(database.writer, is_alone=True) as store:
            claimed = await store.claim("office", 100, datetime.now(UTC) + timedelta(minutes=1))
            for activity, state in zip(sorted(claimed, key=lambda each: each.call_id), states, strict=True):
                await store.settle(replace(activity, state=state, error="the connection was cut", due_at=None))


async def test_what_needs_a_person_is_shown_with_the_reason(connecting: Command) -> None:
    await keep(connecting, ActivityState.UNKNOWN, ActivityState.STOPPED)
    told = await connecting("crm", "activities", "--state", "unknown", "--state", "failed")
    assert (told.status, told.err) == (0, "")
    heading, row, why = told.out.splitlines()
    assert heading.split()[:4] == ["began", "call", "crm", "state"]
    assert row.split()[2:5] == ["call-0", "office", "unknown"]
    assert why == "call-0 at office: the connection was cut"
    told = await connecting("crm", "activities", "--call", "call-9", "--crm", "office", "--connector", "office")
    assert told.out == "there are no such activities\n"
    told = await connecting("crm", "activities", "--json")
    assert [each["call_id"] for each in json.loads(told.out)["activities"]] == ["call-1", "call-0"]


async def test_before_the_first_call_nothing_is_shown(connecting: Command) -> None:
    await keep(connecting)
    assert (await connecting("crm", "activities")).out == "no CRM was told of a call so far\n"


async def test_a_person_decides(connecting: Command) -> None:
    await keep(connecting, ActivityState.UNKNOWN, ActivityState.FAILED, ActivityState.UNKNOWN)
    for call, words, said in (
        ("call-0", ["--activity", "a7"], "goes on as a7"),
        ("call-1", ["--again"], "is tried again"),
        ("call-2", ["--dismiss"], "is left as it is"),
    ):
        told = await connecting("crm", "resolve", call, "office", *words)
        assert (told.status, told.out) == (0, f"the activity of {call} at office {said}\n")
    told = await connecting("crm", "activities", "--json")
    states = {each["call_id"]: each["state"] for each in json.loads(told.out)["activities"]}
    assert states == {"call-0": "open", "call-1": "pending", "call-2": "dismissed"}


@pytest.mark.parametrize(
    ("words", "said", "status"),
    [
        (["call-1", "office", "--again"], "[activity_settled]", 1),
        (["call-9", "office", "--again"], "[activity_unknown]", 1),
        (["call-0", "office"], "what is to become of the activity is not clear", 2),
        (["call-0", "office", "--again", "--dismiss"], "what is to become of the activity is not clear", 2),
    ],
)
async def test_what_cannot_be_decided_is_told(connecting: Command, words: list[str], said: str, status: int) -> None:
    await keep(connecting, ActivityState.UNKNOWN, ActivityState.STOPPED)
    told = await connecting("crm", "resolve", *words)
    assert told.status == status
    assert said in told.err.replace("\n", " ")


async def test_the_doctor_names_calls_in_doubt(connecting: Command) -> None:
    check = activity_check(load_settings(connecting.config))
    await keep(connecting, ActivityState.STOPPED)
    (fine,) = await check.find()
    assert (fine.id, fine.status) == ("activities", Verdict.OK)
    await keep(connecting, *[ActivityState.UNKNOWN] * 4, ActivityState.FAILED, prefix="more")
    refused, doubt = await check.find()
    assert (doubt.id, doubt.status, refused.status) == ("activities:office", Verdict.WARNING, Verdict.WARNING)
    assert "of 4 calls" in doubt.found
    assert doubt.found.endswith("(state unknown): more-3, more-2, more-1 and others")
    assert refused.found.endswith("(state failed): more-4")
    assert "agi-router crm resolve" in doubt.remedy
