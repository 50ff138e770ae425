"""The `agi-router` command, as people and scripts run it: a process, its output, its exit status."""

import asyncio
import json
import os
import re
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from agi_router.decide import Router
from agi_router.routing.call_info import CallInfo
from ari_app.cli.dry_run import Question, decide, wrong_with
from ari_app.domain import events as e
from ari_app.settings import load_settings
from ari_app.storage.call_log import open_call_log
from ari_app.storage.last_good import open_last_good
from ari_app.storage.serving import open_database
from ari_app.storage.settings import StorageSettings
from tests.component.storage_events import answered_call, arrived, at
from tests.promised import DRY_RUN_KEYS

AGI_ROUTER = Path(sys.executable).with_name("agi-router")
ANSWERED, LOST = "20260301T093000-9f3a2c1b77aa", "20260301T093100-aa00bb11cc22"


@dataclass(frozen=True, slots=True)
class Ran:
    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True, slots=True)
class Command:
    """`agi-router --config` this file."""

    config: Path

    async def __call__(self, *words: str, environment: dict[str, str] | None = None) -> Ran:
        process = await asyncio.create_subprocess_exec(
            AGI_ROUTER,
            *("--config", str(self.config), *words),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=_environment() | (environment or {}),
        )
        out, err = await process.communicate()
        assert "Traceback" not in err.decode()
        assert process.returncode is not None
        return Ran(process.returncode, out.decode(), err.decode())


def _environment() -> dict[str, str]:
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return inherited | {"TZ": "Europe/Berlin", "LANG": "C.UTF-8", "COLUMNS": "200"}


async def _broken(_: web.Request) -> web.Response:
    return web.Response(status=500)


async def _user(request: web.Request) -> web.Response:
    """An API that knows whom four callers belong to."""
    found = {
        "+12025550101": {"user": "456"},
        "+12025550102": {"user": "+5352123456"},
        "+12025550103": {"user": "eve"},
        "+12025550105": {"user": "456"},
        "+12025550104": {"user": request.headers.get("X-Account", "") + request.query["var"]},
    }
    described = {"name": "Zoë\x1b[2J", "ring": 4, "contact": 77} if request.query["n"] == "+12025550105" else {}
    return web.json_response({"calls": [found[request.query["n"]]], "said": "a\x1b[2J", **described})


@pytest.fixture
async def api() -> AsyncIterator[str]:
    application = web.Application()
    application.router.add_get("/user", _user)
    application.router.add_get("/broken", _broken)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.fixture
def command(tmp_path: Path, api: str) -> Command:
    """Asterisk's address is one where nothing listens."""
    config = tmp_path / "agi-router.yaml"
    config.write_text(
        f"""
asterisk: {{ari: {{url: "http://127.0.0.1:1", username: router, password: 8f14e45f}}}}
storage: {{url: calls.db}}
directory:
  users: [{{id: "456", name: Ada, devices: [PJSIP/ada, {{external: "+12025550199"}}]}}]
trunks: [{{name: main, endpoint: trunk}}]
policy: {{regions: [US]}}
network: {{allowed_networks: [127.0.0.0/8]}}
defaults: {{region: US}}
routes:
  sales:
    request:
      url: {api}/user?n={{{{callerNumber}}}}&var={{{{var.ACCOUNT}}}}
      headers: {{X-Account: "{{{{header.X-Account}}}}"}}
      auth: {{type: bearer, token: geheim-geheim}}
    response:
      type: user
      path: "calls[0].user"
      caller_name: name
      ring_timeout: ring
      headers: {{X-Contact: contact}}
      variables: {{CONTACT: contact}}
    fallback: [{{user: "456", timeout_s: 20}}, {{hangup: busy}}]
  outside:
    request: {{url: "{api}/user?n={{{{callerNumber}}}}&var=x"}}
    response: {{type: external, path: "calls[0].user"}}
"""
    )
    return Command(config)


@pytest.fixture
async def calls_on_record(command: Command) -> None:
    lost: Sequence[e.CallEvent] = [
        arrived(60, caller="+4915112345678"),
        e.LookupFailed(at=at(63), code="api_timeout", message="the API was too slow", remedy="look at it"),
        e.SentToDialplan(at=at(64), reason="no step was answered"),
    ]
    async with open_call_log(StorageSettings.at(command.config.with_name("calls.db"))) as log:
        for call_id, happened in ((ANSWERED, answered_call()), (LOST, lost)):
            for event in happened:
                log.write(call_id, event)


# --- calls


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
    ran = await command("calls", environment={"COLUMNS": columns})
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


@pytest.mark.usefixtures("calls_on_record")
@pytest.mark.parametrize("words", [["calls", "--json"], ["calls"], ["dialplan"]])
async def test_a_reader_that_goes_away_is_no_error(command: Command, words: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = await asyncio.create_subprocess_exec(
        AGI_ROUTER,
        *("--config", str(command.config), *words),
        stdout=writing,
        stderr=asyncio.subprocess.PIPE,
        env=_environment(),
    )
    os.close(writing)
    _, err = await process.communicate()
    assert err == b""


# --- check-config


async def test_a_good_configuration_is_summed_up_with_its_warnings(command: Command) -> None:
    ran = await command("check-config")
    assert ran.status == 0
    assert re.search(r"user 456, hangup busy *$", ran.out, re.MULTILINE)
    assert "1 with 2 devices" in ran.out
    assert "warning: routes.outside: no fallback" in ran.out
    assert ran.out.splitlines()[-1] == f"OK: {command.config}"
    assert "8f14e45f" not in ran.out


async def test_a_good_configuration_as_json(command: Command) -> None:
    ran = await command("check-config", "--json")
    assert (ran.status, ran.json["ok"], ran.json["summary"]["routes"]) == (0, True, ["sales", "outside"])


async def test_the_second_address_of_a_route_is_summed_up_too(command: Command, api: str) -> None:
    first = f"url: {api}/user"
    second = "second_url: http://spare.example\n      second_auth: {type: none}"
    command.config.write_text(command.config.read_text().replace(first, f"{second}\n      {first}", 1))
    assert "http://spare.example" in (await command("check-config")).out


async def test_every_problem_is_told_by_file_and_line(command: Command) -> None:
    command.config.write_text(
        command.config.read_text().replace("storage:", "storag:").replace("regions: [US]", "regions: [XX]")
    )
    text, program = await command("check-config"), await command("check-config", "--json")
    assert (text.status, program.status) == (1, 1)
    assert f'{command.config}:3: storag: unknown key; did you mean "storage"?' in text.out
    assert [problem["line"] for problem in program.json["problems"]] == [3, 7]


async def test_other_commands_refuse_a_bad_configuration_with_status_2(command: Command) -> None:
    command.config.write_text("routs: {}\n")
    ran = await command("calls")
    assert ran.status == 2
    assert f"{command.config}:1: routs: unknown key" in ran.err


# --- test-route


async def test_the_dry_run_shows_question_answer_and_who_would_ring(command: Command, api: str) -> None:
    ran = await command("test-route", "sales", "+12025550101", "--json")
    told = ran.json
    assert (ran.status, list(told)) == (0, DRY_RUN_KEYS)
    assert told["request"]["method"] == "GET"
    assert told["request"]["url"].startswith(f"{api}/user?n=%2B12025550101")
    assert "geheim" not in ran.out
    assert (told["answer"]["status"], sorted(told["answer"])) == (200, ["body", "elapsed_ms", "status"])
    assert told["value"] == "456"
    assert told["destination"] == {"type": "user", "value": "456"}
    assert told["devices"] == [
        {"endpoint": "PJSIP/ada", "contacts": None, "state": None, "confirm": False},
        {"endpoint": "PJSIP/+12025550199@trunk", "contacts": None, "state": None, "confirm": False},
    ]
    assert told["error"] is None


async def test_the_dry_run_shows_the_url_that_failed_before_the_one_that_answered(command: Command, api: str) -> None:
    config = command.config.read_text()
    first = f"url: {api}/user"
    command.config.write_text(config.replace(first, f"url: {api}/broken\n      second_{first}", 1))
    text, program = [await command("test-route", "sales", "+12025550101", *options) for options in ((), ("--json",))]
    assert (text.status, program.status) == (0, 0)
    rows = [" ".join(line.split()) for line in text.out.splitlines()]
    (failed,) = [row for row in rows if row.startswith("failed ")]
    assert failed.endswith("answered 500 [api_status]")
    assert rows.index(f"request GET {api}/broken") < rows.index(failed) < rows.index("value 456")
    (attempt,) = program.json["failed_attempts"]
    assert (attempt["request"]["url"], attempt["answer"]["status"]) == (f"{api}/broken", 500)
    assert (attempt["failure"]["code"], program.json["answer"]["status"]) == ("api_status", 200)


async def test_the_dry_run_says_where_it_cannot_know_who_is_busy(command: Command) -> None:
    config = command.config.read_text()
    command.config.write_text(config.replace("  sales:\n", "  sales:\n    ringing: {if_busy: skip}\n", 1))
    ran, told = (
        await command("test-route", "sales", "+12025550101"),
        await command("test-route", "sales", "+12025550101", "--json"),
    )
    rows = [" ".join(line.split()) for line in ran.out.splitlines()]
    assert "order simultaneous; who is busy is skipped" in rows
    assert "member Ada (456) (Asterisk cannot be asked whether he is busy)" in rows
    assert told.json["members"] == [{"user": "456", "name": "Ada", "state": None, "for_s": None}]


async def test_the_dry_run_for_people_shows_the_chain_and_cannot_steer_the_terminal(command: Command) -> None:
    ran = await command("test-route", "sales", "+12025550101")
    assert ran.status == 0
    rows = [" ".join(line.split()) for line in ran.out.splitlines()]
    assert "destination user 456" in rows
    assert "then user 456, at most 20 s" in rows
    assert rows[-1] == "then hangup busy"
    assert "Authorization: ***" in rows
    assert "\x1b" not in ran.out


async def test_the_dry_run_shows_what_goes_with_the_call(command: Command) -> None:
    ran = await command("test-route", "sales", "+12025550105")
    rows = [" ".join(line.split()) for line in ran.out.splitlines()]
    at = rows.index("caller name Zoë [2J")
    assert rows[at : at + 5] == [
        "caller name Zoë [2J",
        "ring timeout 5 s",
        "header X-Contact: 77",
        "variable AGI_ROUTER_CRM_CONTACT=77",
        "note ring_timeout: 4 s became 5 s",
    ]
    assert (await command("test-route", "sales", "+12025550105", "--json")).json["carries"] == {
        "caller_name": "Zoë [2J",
        "ring_timeout_s": 5,
        "headers": {"X-Contact": "77"},
        "variables": {"AGI_ROUTER_CRM_CONTACT": "77"},
        "notes": ["ring_timeout: 4 s became 5 s"],
    }
    assert (await command("test-route", "sales", "+12025550101", "--json")).json["carries"] is None


async def test_without_a_destination_the_dry_run_fails_with_the_reason(command: Command) -> None:
    ran = await command("test-route", "sales", "+12025550103", "--json")
    assert (ran.status, ran.json["value"], ran.json["destination"], ran.json["devices"]) == (1, "eve", None, [])
    assert sorted(ran.json["error"]) == ["code", "message", "remedy"]
    assert all(ran.json["error"].values())
    text = await command("test-route", "sales", "+12025550103")
    assert text.status == 1
    assert ran.json["error"]["message"] in text.err


async def test_a_destination_that_the_policy_refuses_rings_nobody_in_the_dry_run(command: Command) -> None:
    ran = await command("test-route", "outside", "+12025550102", "--json")
    assert (ran.status, ran.json["devices"], ran.json["value"]) == (1, [], "+5352123456")
    assert ran.json["error"] is not None


async def test_headers_and_variables_reach_the_api_as_those_of_a_call(command: Command) -> None:
    words = ("sales", "+12025550104", "--header", "x-account=4", "--var", "ACCOUNT=56", "--json")
    assert (await command("test-route", *words)).json["value"] == "456"


async def test_a_withheld_number_is_not_told_to_the_api(command: Command) -> None:
    ran = await command("test-route", "sales", "+12025550101", "--withheld", "--json")
    assert "2025550101" not in ran.json["request"]["url"]


@pytest.mark.parametrize("number", ["2025550101", "+1 202 555 0101", ""])
async def test_a_number_that_is_not_e164_is_refused_with_an_example(command: Command, number: str) -> None:
    text, program = (
        await command("test-route", "sales", "--", number),
        await command("test-route", "--json", "sales", "--", number),
    )
    assert (text.status, program.status) == (2, 2)
    assert "for example +1" in text.err
    assert list(program.json) == DRY_RUN_KEYS
    assert program.json["error"]["code"] == "number_not_e164"
    assert program.json["request"] is None


async def test_an_option_without_a_value_is_refused(command: Command) -> None:
    ran = await command("test-route", "sales", "+12025550101", "--var", "ACCOUNT", "--json")
    assert (ran.status, ran.json["error"]["code"]) == (2, "option_malformed")


@pytest.fixture
def office_hours(command: Command) -> None:
    """Route sales keeps the hours of an office in New York; this machine's clock is Berlin's."""
    config = command.config.read_text()
    hours = 'hours: {office: {zone: America/New_York, open: ["mon-fri 09:00-17:00"], holidays: ["12-25"]}}\nroutes:\n'
    kept = "  sales:\n    hours: office\n    closed: [{endpoint: night, timeout_s: 30}]\n"
    command.config.write_text(config.replace("routes:\n  sales:\n", hours + kept))


@pytest.mark.usefixtures("office_hours")
async def test_the_dry_run_of_a_closed_route_tells_why_and_asks_nobody(command: Command) -> None:
    ask = ("test-route", "sales", "+12025550101", "--at", "2026-12-25 10:00")
    text, program = await command(*ask), await command(*ask, "--json")
    assert (text.status, program.status, list(program.json)) == (0, 0, DRY_RUN_KEYS)
    assert [" ".join(line.split()) for line in text.out.splitlines()] == [
        'hours closed: Fri 2026-12-25 10:00 in America/New_York is the holiday 12-25 of "office"; '
        "it opens Mon 2026-12-28 09:00",
        "then endpoint night, at most 30 s",
        "then back to the dialplan",
    ]
    assert program.json["closed"] == {
        "calendar": "office",
        "zone": "America/New_York",
        "local_time": "2026-12-25T10:00:00-05:00",
        "holiday": "12-25",
        "opens": "2026-12-28T09:00:00-05:00",
    }
    assert [program.json[key] for key in ("request", "destination", "error")] == [None, None, None]


@pytest.mark.usefixtures("office_hours")
async def test_the_dry_run_tells_until_when_a_route_is_open(command: Command) -> None:
    ran = await command("test-route", "sales", "+12025550101", "--at", "2026-12-24 10:00")
    first, second, *_ = (" ".join(line.split()) for line in ran.out.splitlines())
    assert first == "hours open until Thu 2026-12-24 17:00 EST"
    assert second.startswith("request GET http://")


@pytest.mark.usefixtures("office_hours")
@pytest.mark.parametrize(
    ("at", "is_closed"),
    [
        ("2026-11-20 09:00", False),
        ("2026-11-20T09:00+01:00", True),
        ("2026-11-20T15:00+01:00", False),
        ("2026-11-20", True),
    ],
)
async def test_a_moment_is_told_by_the_clock_of_the_business_hours_or_with_its_offset(
    command: Command, at: str, is_closed: bool
) -> None:
    outcome = await decide(load_settings(command.config), Question(route="sales", number="+12025550101", at=at))
    assert outcome.decision is not None
    assert (outcome.decision.closed is not None, outcome.decision.request is None) == (is_closed, is_closed)


@pytest.mark.parametrize("at", ["tomorrow", "2026-12-25 24:30", "0001-01-01"])
def test_a_moment_that_is_none_is_refused(at: str) -> None:
    failure = wrong_with(Question(route="sales", number="+12025550101", at=at))
    assert failure is not None
    assert (failure.code, failure.remedy) == ("option_malformed", 'write --at "2026-12-25 10:00"')


async def test_without_business_hours_a_moment_is_by_this_machines_clock(command: Command) -> None:
    config = command.config.read_text()
    command.config.write_text(config.replace("/user?n=", "/user?now={{now}}&n=", 1))
    ran = await command("test-route", "sales", "+12025550101", "--at", "2026-12-25 10:00", "--json")
    assert (ran.status, ran.json["closed"]) == (0, None)
    assert "now=2026-12-25T09%3A00%3A00Z" in ran.json["request"]["url"]


async def test_the_log_marks_the_calls_that_came_outside_business_hours(command: Command) -> None:
    closed = e.OutsideHours(at=at(60), calendar="office", zone="Europe/Berlin", local_time="2026-03-01T10:31:00+01:00")
    async with open_call_log(StorageSettings.at(command.config.with_name("calls.db"))) as log:
        for event in (arrived(60), closed, e.SentToDialplan(at=at(64), reason="no step was answered")):
            log.write(LOST, event)
    assert "  sales (closed)  " in (await command("calls")).out
    assert '  closed: Sun 2026-03-01 10:31 in Europe/Berlin is outside "office"; ' in (await command("calls", LOST)).out
    [record] = (await command("calls", "--json")).json
    assert (record["route"], record["closed_by"], record["error_code"]) == ("sales", "office", "")


async def remember(command: Command, caller: str) -> None:
    """Have the router learn the API's answer for this caller; then take the API away."""
    text = command.config.read_text().replace(
        "    fallback: [{user", "    remember: {last_good_s: 600}\n    fallback: [{user"
    )
    command.config.write_text(text)
    settings = load_settings(command.config)
    async with open_database(settings.storage) as database, open_last_good(database) as memory:
        async with Router(settings.routing, memory=memory) as router:
            info = CallInfo(call_id="1", route_name="sales", caller_number=caller)
            assert (await router.route(info, lambda _: None)).error is None
    command.config.write_text(re.sub(r"http://127.0.0.1:\d+/user", "http://127.0.0.1:1/user", text))


async def test_the_dry_run_takes_the_last_good_answer_only_when_asked_to(command: Command) -> None:
    words = ("test-route", "sales", "+12025550101")
    await remember(command, "+12025550101")
    without = await command(*words, "--json")
    assert (without.status, without.json["destination"], without.json["source"]) == (1, None, "answer")
    told = (ran := await command(*words, "--last-good", "--json")).json
    assert (ran.status, told["destination"], told["source"]) == (0, {"type": "user", "value": "456"}, "last_good")
    assert (told["error"]["code"], 0 < told["age_s"] < 60) == ("api_refused", True)
    text = await command(*words, "--last-good")
    assert re.search(
        r"^value +456 \(the caller's last good answer, from \d+ s ago, as the API is down\)$", text.out, re.MULTILINE
    )
    assert re.search(r"^then +user 456, at most 20 s$", text.out, re.MULTILINE)
    assert "[api_refused]" in text.err


async def test_the_dry_run_tells_that_the_last_good_answer_leads_nowhere_by_now(command: Command) -> None:
    await remember(command, "+12025550101")
    command.config.write_text(command.config.read_text().replace('"456"', '"457"'))
    ran = await command("test-route", "sales", "+12025550101", "--last-good")
    assert ran.status == 1
    assert "leads nowhere by now" in ran.out
    assert "[user_unknown]" in ran.out


async def test_without_a_database_there_is_no_last_good_answer_to_ask_for(command: Command) -> None:
    ran = await command("test-route", "sales", "+12025550101", "--last-good", "--json")
    assert (ran.status, list(ran.json), ran.json["error"]["code"]) == (1, DRY_RUN_KEYS, "database_unusable")


async def test_a_bad_configuration_is_one_json_object_too(command: Command) -> None:
    command.config.write_text("routs: {}\n")
    ran = await command("test-route", "sales", "+12025550101", "--json")
    assert (ran.status, ran.json["error"]["code"]) == (2, "configuration_invalid")


# --- serve, status, db, dialplan


async def test_a_router_serves_without_asterisk_tells_its_status_and_ends_on_sigterm(command: Command) -> None:
    before = await command("status")
    assert before.status == 1
    assert "no router runs with this configuration" in before.err
    router = await asyncio.create_subprocess_exec(
        AGI_ROUTER,
        *("--config", str(command.config), "serve"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=_environment(),
    )
    assert router.stderr is not None
    while b"the router serves" not in await router.stderr.readline():
        assert router.returncode is None
    status = (await command("status", "--json")).json
    assert (status["pid"], status["live_calls"]) == (router.pid, 0)
    assert str(router.pid) in (await command("status")).out
    second = await command("serve")
    assert second.status == 1
    assert f"another agi-router (process {router.pid}) already serves" in second.err
    assert (await command("db", "upgrade")).status == 1
    assert (await command("calls")).out == "no calls on record yet\n"
    router.send_signal(signal.SIGTERM)
    out, err = await router.communicate()
    assert (router.returncode, out) == (0, b"")
    assert b"Traceback" not in err
    assert not command.config.with_name("calls.db.sock").exists()


async def test_the_database_is_upgraded_and_told(command: Command) -> None:
    missing, upgraded = await command("db", "current"), await command("db", "upgrade")
    assert (missing.status, upgraded.status) == (1, 0)
    assert "from an empty database to revision" in upgraded.out
    assert "is up to date" in (await command("db", "upgrade")).out
    stands = (await command("db", "current", "--json")).json
    assert stands["current"] == stands["head"]


async def test_the_dialplan_is_printed_ready_for_a_file(command: Command) -> None:
    assert "Stasis(" in (await command("dialplan")).out
    assert "[general]" in (await command("dialplan", "http.conf")).out
    unknown = await command("dialplan", "htp.conf")
    assert unknown.status == 2
    assert 'did you mean "http.conf"?' in unknown.err


async def test_the_configuration_can_be_named_by_the_environment(command: Command) -> None:
    elsewhere = Command(command.config.with_name("other.yaml"))
    assert (await elsewhere("check-config")).status == 1
    process = await asyncio.create_subprocess_exec(
        AGI_ROUTER,
        "check-config",
        stdout=asyncio.subprocess.PIPE,
        env=_environment() | {"AGI_ROUTER_CONFIG": str(command.config)},
    )
    await process.communicate()
    assert process.returncode == 0


# --- completion


async def completed(command: Command, *words: str) -> list[str]:
    line = f"agi-router --config {command.config} {' '.join(words)}"
    asked = {
        "_AGI_ROUTER_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) + 2),
    }
    ran = await command(environment=asked)
    assert ran.err == ""
    return ran.out.split()


@pytest.mark.usefixtures("calls_on_record")
async def test_the_shell_completes_routes_calls_and_files(command: Command) -> None:
    assert await completed(command, "test-route", "s") == ["sales"]
    assert await completed(command, "calls", "20260301T0931") == [LOST]
    assert await completed(command, "dialplan", "pj") == ["pjsip.conf"]
    assert await completed(command, "che") == ["check-config"]


async def test_completion_stays_silent_when_nothing_can_be_read(command: Command) -> None:
    command.config.write_text("routes: [")
    assert await completed(command, "test-route", "s") == []
    assert await completed(command, "calls", "2") == []


async def test_the_completion_script_is_shown_for_the_shell_that_asks() -> None:
    shell = await asyncio.create_subprocess_exec(
        *("bash", "-c", f"{AGI_ROUTER} --show-completion; exit $?"),
        stdout=asyncio.subprocess.PIPE,
        env=_environment(),
    )
    out, _ = await shell.communicate()
    assert b"complete_bash" in out
    assert shell.returncode == 0
