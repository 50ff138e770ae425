"""`agi-router test-route --at`: business hours at another moment."""

import pytest

from ari_app.cli.dry_run import Files
from ari_app.live.dry_run import Question, decide, wrong_with
from ari_app.settings import load_settings
from tests.command import Command
from tests.promised import DRY_RUN_KEYS


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
    assert text.rows == [
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
    first, second, *_ = ran.rows
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
    outcome = await decide(Files(load_settings(command.config)), Question(route="sales", number="+12025550101", at=at))
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
