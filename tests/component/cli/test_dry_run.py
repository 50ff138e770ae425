"""`agi-router test-route`: what is asked and answered, and who would ring."""

from datetime import UTC, datetime

import pytest

from agi_router.routing.outgoing import Outgoing, OutgoingCall
from ari_app.storage.outgoing import open_outgoing
from ari_app.storage.serving import open_database
from ari_app.storage.settings import StorageSettings
from tests.command import Command
from tests.promised import DRY_RUN_KEYS


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
    rows = text.rows
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
    rows = ran.rows
    assert "order simultaneous; who is busy is skipped" in rows
    assert "member Ada (456) (Asterisk cannot be asked whether he is busy)" in rows
    assert told.json["members"] == [{"user": "456", "name": "Ada", "state": None, "for_s": None}]


async def test_the_dry_run_says_when_a_limit_would_keep_a_number_from_being_dialled(command: Command) -> None:
    config = command.config.read_text()
    command.config.write_text(config.replace("{regions: [US]}", "{regions: [US], route_limits: {concurrent: 1}}"))
    database = StorageSettings.at(command.config.with_name("calls.db"))
    free = await command("test-route", "sales", "+12025550101", "--json")
    async with open_database(database) as opened, open_outgoing(opened) as journal:
        journal.keep(Outgoing(call=OutgoingCall("1", "+12025550198", "sales"), admitted_at=datetime.now(UTC)))
    full, told = (
        await command("test-route", "sales", "+12025550101", "--json"),
        await command("test-route", "sales", "+12025550101"),
    )
    assert (free.status, free.json["blocked"]) == (0, [])
    [blocked] = full.json["blocked"]
    assert (full.status, blocked["number"], blocked["why"]["code"]) == (0, "+12025550199", "policy_concurrent")
    assert any(row.startswith("not now +12025550199: policy.route_limits.concurrent allows 1") for row in told.rows)


async def test_the_dry_run_for_people_shows_the_chain_and_cannot_steer_the_terminal(command: Command) -> None:
    ran = await command("test-route", "sales", "+12025550101")
    assert ran.status == 0
    rows = ran.rows
    assert "destination user 456" in rows
    assert "then user 456, at most 20 s" in rows
    assert rows[-1] == "then hangup busy"
    assert "Authorization: ***" in rows
    assert "\x1b" not in ran.out


async def test_the_dry_run_shows_what_goes_with_the_call(command: Command) -> None:
    ran = await command("test-route", "sales", "+12025550105")
    rows = ran.rows
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
        "record": None,
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


async def test_a_bad_configuration_is_one_json_object_too(command: Command) -> None:
    command.config.write_text("routs: {}\n")
    ran = await command("test-route", "sales", "+12025550101", "--json")
    assert (ran.status, ran.json["error"]["code"]) == (2, "configuration_invalid")
