"""`agi-router calls`: the log, and one call step by step."""

import csv
import io
import sqlite3

import pytest

from ari_app.domain import events as e
from ari_app.storage.call_log import open_call_log
from ari_app.storage.settings import StorageSettings
from tests.command import Command
from tests.component.cli import ANSWERED, LOST
from tests.component.storage_events import answered_call, arrived, at


@pytest.mark.usefixtures("calls_on_record")
async def test_the_log_shows_the_newest_call_first_in_local_time(command: Command) -> None:
    ran = await command("calls")
    heading, newest, oldest = ran.out.splitlines()
    assert "time CET" in heading
    assert newest.split() == [
        *(LOST, "2026-03-01", "10:31:00", "+4915112345678", "+14155550100", "sales"),
        *("to_dialplan", "-", "4.0", "-", "api_timeout"),
    ]
    assert oldest.split()[6:] == ["answered", "ada", "2.5", "10.0", "-"]
    assert ran.status == 0


@pytest.mark.usefixtures("calls_on_record")
@pytest.mark.parametrize("columns", ["72", "106", "150"])
async def test_the_log_fits_the_terminal(command: Command, columns: str) -> None:
    ran = await command("calls", extra={"COLUMNS": columns})
    lines = ran.out.splitlines()
    assert len(lines) == 3
    assert max(map(len, lines)) <= int(columns)
    assert all("9f3a2c1b77aa" in line or "aa00bb11cc22" in line for line in lines[1:])


@pytest.mark.usefixtures("calls_on_record")
async def test_the_log_as_json_is_a_list_of_records(command: Command) -> None:
    [newest] = (await command("calls", "--limit", "1", "--json")).json
    assert (newest["call_id"], newest["disposition"], newest["error_code"]) == (LOST, "to_dialplan", "api_timeout")
    assert newest["started_at"] == "2026-03-01T09:31:00.123456+00:00"
    assert (newest["ring_s"], newest["talk_s"], newest["total_s"]) == (4.0, None, 4.0)


async def test_the_log_marks_the_calls_that_came_outside_business_hours(command: Command) -> None:
    closed = e.OutsideHours(at=at(60), calendar="office", zone="Europe/Berlin", local_time="2026-03-01T10:31:00+01:00")
    async with open_call_log(StorageSettings.at(command.config.with_name("calls.db"))) as log:
        for event in (arrived(60), closed, e.SentToDialplan(at=at(64), reason="no step was answered")):
            log.write(LOST, event)
    assert "  sales (closed)  " in (await command("calls")).out
    assert '  closed: Sun 2026-03-01 10:31 in Europe/Berlin is outside "office"; ' in (await command("calls", LOST)).out
    [record] = (await command("calls", "--json")).json
    assert (record["route"], record["closed_by"], record["error_code"]) == ("sales", "office", "")


@pytest.mark.usefixtures("calls_on_record")
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--number", "+49 1511 2345678"], [LOST]),
        (["--number", "0151 12345678", "--number", "(415) 555-0177"], [ANSWERED]),
        (["--from", "2026-03-01T10:31:00", "--zone", "Europe/Berlin"], [LOST]),
        (["--to", "2026-02-28"], []),
        (["--from", "2026-03-01", "--to", "2026-03-01", "--limit", "1"], [LOST]),
        (["--user", "nobody"], []),
    ],
)
async def test_calls_are_found_by_what_is_known_of_them(
    command: Command, options: list[str], expected: list[str]
) -> None:
    assert [record["call_id"] for record in (await command("calls", "--json", *options)).json] == expected


@pytest.mark.parametrize("name", ["456", "ada@example.com", "101"])
async def test_a_user_is_found_by_what_people_know_of_him(command: Command, name: str) -> None:
    config = command.config.read_text()
    command.config.write_text(config.replace("name: Ada,", 'name: Ada, email: ada@example.com, extension: "101",'))
    rung = e.LegDialled(at=at(1), leg="leg-1", endpoint="PJSIP/ada", contact="sip:ada@192.0.2.1", user="456")
    async with open_call_log(StorageSettings.at(command.config.with_name("calls.db"))) as log:
        for event in (arrived(), rung, e.CallEnded(at=at(4), by="caller", cause=16)):
            log.write(LOST, event)
    assert [record["call_id"] for record in (await command("calls", "--json", "--user", name)).json] == [LOST]


@pytest.mark.usefixtures("calls_on_record")
async def test_the_log_as_csv_has_a_line_for_each_call(command: Command) -> None:
    ran = await command("calls", "--csv")
    assert [line["call_id"] for line in csv.DictReader(io.StringIO(ran.out))] == [LOST, ANSWERED]
    ran = await command("calls", "--csv", "--limit", "1")
    assert [line["caller_number"] for line in csv.DictReader(io.StringIO(ran.out))] == ["+4915112345678"]


@pytest.mark.usefixtures("calls_on_record")
@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--from", "yesterday"], "--from: yesterday is neither a day nor a moment"),
        (
            ["--from", "2026-03-01", "--zone", "Europe/Berln"],
            "--zone: Europe/Berln is no time zone; did you mean",
        ),
        (["--zone", "berlin"], '--zone: berlin is no time zone; did you mean "Europe/Berlin"?'),
        (["--from", "2026-03-02", "--to", "2026-03-01"], "before it begins"),
    ],
)
async def test_a_period_that_is_none_is_told(command: Command, options: list[str], told: str) -> None:
    ran = await command("calls", *options)
    assert ran.status != 0
    assert told in " ".join(ran.err.split())


@pytest.mark.usefixtures("calls_on_record")
@pytest.mark.parametrize("part", ["20260301T0930", "9f3"])
async def test_part_of_an_id_shows_that_call_step_by_step(command: Command, part: str) -> None:
    head, *steps = (await command("calls", part)).out.splitlines()
    assert head == (f"call {ANSWERED}  2026-03-01 10:30:00 CET  +14155550177 -> +14155550100  route sales  answered")
    assert len(steps) == len(answered_call())
    assert steps[2] == '10:30:00.175        +52 ms  the API answered 200 in 49 ms: {"user": 456}'


@pytest.mark.usefixtures("calls_on_record")
async def test_a_trace_as_json_holds_every_event(command: Command) -> None:
    trace = (await command("calls", "9f3", "--json")).json
    assert trace["call"]["answered_by"] == "ada"
    assert [leg["outcome"] for leg in trace["call"]["legs"]] == ["", "answered_elsewhere"]
    answer = trace["events"][2]
    assert (answer["type"], answer["offset_ms"], answer["status"]) == ("AnswerReceived", 52.0, 200)
    assert answer["body"] == '{"user": 456}'
    assert len(trace["events"]) == len(answered_call())


@pytest.mark.usefixtures("calls_on_record")
async def test_an_ambiguous_id_names_the_candidates_and_an_unknown_one_the_way_on(command: Command) -> None:
    ambiguous, unknown = await command("calls", "2026"), await command("calls", "%")
    assert (ambiguous.status, unknown.status) == (1, 1)
    assert LOST in ambiguous.err
    assert ANSWERED in ambiguous.err
    assert "no call on record" in unknown.err


@pytest.mark.usefixtures("calls_on_record")
async def test_an_event_of_a_newer_version_is_shown_as_it_is(command: Command) -> None:
    database = sqlite3.connect(command.config.with_name("calls.db"))
    with database:
        database.execute("UPDATE call_events SET type = 'SlotTaken' WHERE call_id = ? AND seq = 2", (LOST,))
    database.close()
    ran = await command("calls", "aa00")
    assert "SlotTaken (of a newer version): {'code': 'api_timeout'" in ran.out
    assert ran.status == 0


async def test_without_a_database_calls_says_how_one_comes_to_be(command: Command) -> None:
    ran = await command("calls")
    assert ran.status == 1
    assert "there is no database at" in ran.err
    assert "agi-router serve" in ran.err
