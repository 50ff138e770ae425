"""Business hours in the configuration: calendars, the routes that keep them, and what is said of mistakes."""

import re
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from agi_router.decide import RoutingSettings
from agi_router.document import ConfigError, load_document, validate
from agi_router.routing.destination import EndpointDestination, HangupCause, HangupDestination
from agi_router.routing.hours import Calendar, Open
from agi_router.routing.opening_times import Holiday, Opening
from agi_router.routing.route import FallbackStep
from agi_router.settings import RoutingSections, routing_settings

PAGE = (Path(__file__).parents[3] / "docs" / "hours.md").read_text(encoding="utf-8")
CONFIG = """\
defaults: {region: US, timeout_s: 15}
hours:
  office:
    zone: Europe/Berlin
    open: ["mon-fri 09:00-12:00, 11:00-17:00", "sat 10:00-13:00"]
    holidays: [2026-12-24 12:00-24:00, 2026-12-25, "12-26"]
routes:
  sales:
    hours: office
    closed: [{endpoint: night}, {hangup: busy}]
    request: {url: https://api.example.com/}
    response: {type: user, path: id}
"""


def load(folder: Path, *changes: tuple[str, str]) -> RoutingSettings:
    text = CONFIG
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    file = folder / "config.yaml"
    file.write_text(text, encoding="utf-8")
    document = load_document(file)
    return routing_settings(document, validate(document, RoutingSections))


def office(settings: RoutingSettings) -> Calendar:
    calendar = settings.routes[0].hours
    assert calendar is not None
    return calendar


def problem(folder: Path, *changes: tuple[str, str]) -> str:
    with pytest.raises(ConfigError) as raised:
        load(folder, *changes)
    return str(raised.value).replace(f"{folder}/", "")


def test_a_route_keeps_the_hours_of_a_calendar_and_has_a_chain_for_the_rest(tmp_path: Path) -> None:
    settings = load(tmp_path)
    sales = settings.routes[0]
    assert sales.closed == (FallbackStep(EndpointDestination("night"), 15), _hangup())
    berlin = ZoneInfo("Europe/Berlin")
    calendar = office(settings)
    assert (calendar.name, calendar.zone) == ("office", berlin)
    at_eleven = datetime(2026, 12, 24, 11, 0, tzinfo=berlin)
    assert calendar.state(at_eleven) == Open(at_eleven.replace(hour=12))
    assert [holiday.text for holiday in calendar.holidays] == ["2026-12-24 12:00-24:00", "2026-12-25", "12-26"]
    assert settings.warnings == ()


def _hangup() -> FallbackStep:
    return FallbackStep(HangupDestination(HangupCause.BUSY), 15)


def test_without_hours_a_route_is_always_open_and_without_closed_it_takes_its_fallback(tmp_path: Path) -> None:
    settings = load(tmp_path, ("    closed: [{endpoint: night}, {hangup: busy}]\n", ""))
    assert settings.routes[0].closed is None
    settings = load(tmp_path, ("    hours: office\n    closed: [{endpoint: night}, {hangup: busy}]\n", ""))
    assert settings.routes[0].hours is None


def test_holidays_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "holidays.txt").write_text("# public holidays\n2026-05-01  # Labour Day\n\n10-03\n", encoding="utf-8")
    settings = load(tmp_path, ("zone: Europe/Berlin", "zone: Europe/Berlin\n    holidays_file: holidays.txt"))
    assert [holiday.text for holiday in office(settings).holidays][3:] == ["2026-05-01", "10-03"]


def test_a_bad_line_of_a_file_is_told_where_it_stands(tmp_path: Path) -> None:
    (tmp_path / "holidays.txt").write_text("2026-05-01\n1st of May\n", encoding="utf-8")
    with_file = ("zone: Europe/Berlin", "zone: Europe/Berlin\n    holidays_file: holidays.txt")
    assert problem(tmp_path, with_file).startswith('holidays.txt:2: "1st of May" is not a holiday; write 2026-12-25')
    (tmp_path / "holidays.txt").write_bytes(b"\xff")
    assert "it is not UTF-8 text; check its name and rights" in problem(tmp_path, with_file)
    (tmp_path / "holidays.txt").unlink()
    assert problem(tmp_path, with_file) == (
        "config.yaml:5: hours.office.holidays_file: the file holidays.txt cannot be read: No such file or directory; "
        "check its name and rights"
    )


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (
            "zone: Europe/Berlin",
            "zone: Europe/Brelin",
            '4: hours.office.zone: "Europe/Brelin" is not a time zone; did you mean "Europe/Berlin"?',
        ),
        (
            "zone: Europe/Berlin",
            "zone: new york",
            '4: hours.office.zone: "new york" is not a time zone; did you mean "America/New_York"?',
        ),
        ("zone: Europe/Berlin", "zone: europe/berlin", '; did you mean "Europe/Berlin"?'),
        ("zone: Europe/Berlin", "zone: Europe", '4: hours.office.zone: "Europe" is not a time zone; '),
        ("zone: Europe/Berlin", "zone: ../passwd", "; write one of the tz database, such as Europe/Berlin or UTC"),
        ("zone: Europe/Berlin", "zone: 1", "4: hours.office.zone: is the name of a time zone, such as Europe/Berlin"),
        ("    zone: Europe/Berlin\n", "", "3: hours.office.zone: is missing; add it"),
        (
            '"sat 10:00-13:00"',
            '"sat 10-13"',
            '5: hours.office.open[1]: "sat 10-13" is not an opening time; write days and times, such as mon-fri ',
        ),
        ('["mon-fri 09:00-12:00, 11:00-17:00", "sat 10:00-13:00"]', "mon", "5: hours.office.open: must be a list"),
        ('"12-26"', '"26.12."', '6: hours.office.holidays[2]: "26.12." is not a holiday; write 2026-12-25, '),
        ('"12-26"', "1226", "6: hours.office.holidays[2]: is a text; put it in quotes"),
        ("hours: office", "hours: offcie", '9: routes.sales.hours: there is no calendar "offcie" under hours; did you'),
        (
            "    hours: office\n",
            "",
            "9: routes.sales.closed: is what happens outside business hours, and this route has none; add hours: ",
        ),
        ("{endpoint: night}, {hangup: busy}", "{hangup: busy}, {endpoint: night}", "routes.sales.closed[0]: a hangup"),
        ("{endpoint: night}", "{user: ada}", 'routes.sales.closed[0].user: no user has the id or e-mail address "ada"'),
    ],
)
def test_what_cannot_be_is_told_with_its_place_and_remedy(tmp_path: Path, before: str, after: str, told: str) -> None:
    assert told in problem(tmp_path, (before, after))


def test_the_page_on_business_hours_shows_what_can_be_written(tmp_path: Path) -> None:
    example = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert example is not None
    file = tmp_path / "config.yaml"
    users = "defaults: {region: US}\ndirectory: {users: [{id: 456, devices: [PJSIP/ada]}]}\n"
    file.write_text(users + example[1], encoding="utf-8")
    document = load_document(file)
    settings = routing_settings(document, validate(document, RoutingSections))
    assert settings.warnings == ()
    openings, holidays = (
        re.findall(r"^\| `(.+?)` \|", PAGE.split(f"| `{key}` | |\n")[1].split("\n\n")[0], re.MULTILINE)
        for key in ("open", "holidays")
    )
    assert (len(openings), len(holidays)) == (5, 6)
    assert all(map(Opening.parse, openings))
    assert all(map(Holiday.parse, holidays))


def test_a_calendar_that_never_opens_and_one_that_nobody_keeps_are_warned_of(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        ('["mon-fri 09:00-12:00, 11:00-17:00", "sat 10:00-13:00"]', "[]"),
        ("routes:\n", "  shop: {zone: UTC, open: [sat 10:00-13:00]}\nroutes:\n"),
    )
    assert [warning.replace(f"{tmp_path}/", "") for warning in settings.warnings] == [
        "config.yaml:5: hours.office.open: never opens, so its routes are always closed; add times, such as mon-fri "
        "09:00-17:00",
        "config.yaml:7: hours.shop: no route keeps these hours; add hours: shop to one, or remove them",
    ]
