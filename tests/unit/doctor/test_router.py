"""What the doctor says of the router that runs, its configuration and its database."""

from datetime import timedelta
from pathlib import Path

import pytest

from agi_router.document import Position, Problem
from ari_app.asterisk.inspection import Application
from ari_app.control.client import NoRouterError
from ari_app.control.settings import ControlError
from ari_app.doctor.database import judge_database, judge_disk
from ari_app.doctor.reload import judge_reload
from ari_app.doctor.router import judge_application, judge_status
from ari_app.live.reload import problem_json
from ari_app.storage.inspection import StorageState
from ari_app.storage.revision import Revision
from tests.unit.doctor.topic import NOW


def state(current: str | None = "0001", *, known: tuple[str, ...] = ("0001",), why: str | None = None) -> StorageState:
    return StorageState(revision=Revision(current, known), user="root", owner="agi-router", write_error=why)


@pytest.mark.parametrize(
    ("found", "status", "remedy"),
    [
        (state(), "ok", ""),
        (state(known=("0001", "0002")), "error", "db upgrade"),
        (state(None), "error", "db upgrade"),
        (state("0009"), "error", "newer version"),
        (state(why="attempt to write a readonly database"), "error", "own the file"),
        (state(why="database is locked"), "error", "fuser -v"),
        (StorageState(revision=None, user="root", owner="", write_error=None), "warning", "first agi-router serve"),
        (StorageState(revision=None, user="root", owner="", write_error="no folder"), "error", "make the folder"),
    ],
)
def test_a_database_is_current_and_writable(found: StorageState, status: str, remedy: str) -> None:
    finding = judge_database("calls.db", found)
    assert finding.status == status
    assert remedy in finding.remedy


@pytest.mark.parametrize(
    ("free", "status"), [(10**12, "ok"), (10**9, "ok"), (10**8, "warning"), (10**7, "error"), (None, "skipped")]
)
def test_a_disk_has_room(free: int | None, status: str) -> None:
    assert judge_disk("/var/lib/agi-router", free).status == status


API_DOWN = {
    "origin": "https://api.example.com",
    "breaker": "open",
    "reason": {"code": "api_refused", "message": "api.example.com takes no connection", "remedy": "start it"},
}
RUNNING = {
    "upstreams": [API_DOWN | {"breaker": "closed", "reason": None}],
    "pid": 4711,
    "version": "0.1.0",
    "uptime_s": 12.0,
    "asterisk_connected": True,
    "live_calls": 2,
    "events_pending": 0,
    "events_lost": 0,
}
QUIET = Application(unwanted=frozenset(), allows_only=frozenset())


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({}, "ok"),
        ({"asterisk_connected": False}, "error"),
        ({"version": "0.0.9"}, "warning"),
        ({"upstreams": [API_DOWN]}, "warning"),
        ({"upstreams": [API_DOWN | {"breaker": "half_open"}]}, "warning"),
        ({"events_lost": 3}, "warning"),
        ({"events_pending": 3}, "ok"),
        ({"events_pending": 3000}, "warning"),
    ],
)
def test_a_router_is_connected_current_and_writes_its_record(change: dict[str, object], status: str) -> None:
    assert judge_status(RUNNING | change, "0.1.0").status == status


@pytest.mark.parametrize(
    ("application", "answer", "status"),
    [
        (QUIET, RUNNING, "ok"),
        (QUIET, ControlError("hangs", ""), "ok"),
        (QUIET, NoRouterError("none", ""), "warning"),
        (QUIET, RUNNING | {"asterisk_connected": False}, "warning"),
        (None, RUNNING, "error"),
        (None, NoRouterError("none", ""), "skipped"),
        (Application(frozenset({"ChannelVarset"}), frozenset()), RUNNING, "warning"),
        (Application(frozenset(), frozenset({"StasisStrat"})), RUNNING, "error"),
    ],
)
def test_asterisk_and_the_router_agree_on_the_application(
    application: Application | None, answer: dict[str, object] | ControlError, status: str
) -> None:
    finding = judge_application("agi-router", application, answer)
    assert (finding.id, finding.status) == ("application", status)
    assert bool(finding.remedy) == (status != "ok")


CONFIG = Path("/etc/agi-router/agi-router.yaml")
IN_FORCE: dict[str, object] = {
    "config": str(CONFIG),
    "config_loaded_at": NOW.isoformat(),
    "restart_needed_for": [],
    "reload_refused": None,
}
MISTAKE = Problem(Position(str(CONFIG), 19), "routes.sales.request.deadlin_s", "unknown key")


def refused(*problems: Problem) -> dict[str, object]:
    return {"reload_refused": {"at": NOW.isoformat(), "problems": [problem_json(problem) for problem in problems]}}


@pytest.mark.parametrize(
    ("change", "problems", "written_after", "said"),
    [
        ({}, [], timedelta(minutes=-1), ""),
        ({}, [], timedelta(minutes=1), "were written at 2026-11-21 00:01:00 UTC"),
        ({}, [MISTAKE], timedelta(minutes=1), "cannot be used"),
        (refused(MISTAKE), [MISTAKE], timedelta(minutes=1), "cannot be used"),
        (refused(MISTAKE), [], timedelta(minutes=-1), f"refused at 2026-11-21 00:00:00 UTC: {MISTAKE}"),
        (refused(MISTAKE, MISTAKE, MISTAKE), [], timedelta(minutes=-1), "unknown key, and 2 more"),
        ({"restart_needed_for": ["asterisk.ari.url"]}, [], timedelta(minutes=-1), "but for asterisk.ari.url"),
        ({"config": "/etc/other.yaml"}, [], timedelta(minutes=-1), "runs with another configuration: /etc/other.yaml"),
    ],
)
def test_a_router_whose_configuration_is_not_that_on_disk_is_found(
    change: dict[str, object], problems: list[Problem], written_after: timedelta, said: str
) -> None:
    finding = judge_reload(RUNNING | IN_FORCE | change, CONFIG, problems, written_at=NOW + written_after)
    assert (finding.id, finding.status) == ("reload", "warning" if said else "ok")
    assert said in finding.found
    assert bool(finding.remedy) == bool(said)


def test_a_router_that_does_not_tell_its_configuration_is_of_another_version() -> None:
    assert judge_reload(RUNNING, CONFIG).status == "skipped"
