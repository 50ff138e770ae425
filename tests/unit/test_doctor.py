"""What the doctor makes of the answers it gets: a verdict, and something to do."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import pytest

from agi_router.directory.trunks import Trunk
from agi_router.document import Position, Problem
from agi_router.lookup.reach import Reached
from agi_router.routing.errors import Failure
from ari_app import doctor
from ari_app.asterisk.aors import Aor, Contact
from ari_app.asterisk.devices import DeviceState
from ari_app.asterisk.inspection import Application, Greeting, Trouble, UnreachedError
from ari_app.asterisk.settings import AriSettings
from ari_app.calls.ports import NotFoundError, RefusedError, UnreachableError
from ari_app.control.client import NoRouterError
from ari_app.control.settings import ControlError
from ari_app.doctor.asterisk import (
    judge_clock,
    judge_description,
    judge_greeting,
    judge_recordings,
    judge_rights,
    judge_trouble,
    judge_version,
)
from ari_app.doctor.check import Check, carry_out
from ari_app.doctor.database import judge_database, judge_disk
from ari_app.doctor.devices import judge_endpoint, judge_trunk
from ari_app.doctor.dialplan import CONTEXTS, contexts_for, judge_dialplan
from ari_app.doctor.finding import Finding, Group, Topic, Verdict, is_healthy
from ari_app.doctor.host import HostName, judge_host_name
from ari_app.doctor.modules import NEEDED, judge_modules, modules_for
from ari_app.doctor.reload import judge_reload
from ari_app.doctor.router import judge_application, judge_status
from ari_app.doctor.routes import judge_route
from ari_app.doctor.tokens import judge_token
from ari_app.doctor.transfers import judge_transfers
from ari_app.live.reload import problem_json
from ari_app.storage.inspection import StorageState
from ari_app.storage.revision import Revision

ARI = AriSettings(url="http://127.0.0.1:8088", username="router", password="8f14e45f")
TOPIC = Topic("topic", Group.ASTERISK)
NOW = datetime(2026, 11, 21, tzinfo=UTC)


def reached(address: str = "127.0.0.1", elapsed_ms: float = 3, days_left: int | None = None) -> Reached:
    until = None if days_left is None else NOW + timedelta(days=days_left)
    return Reached(
        address=address, port=443, elapsed_ms=elapsed_ms, tls="TLSv1.3" if until else None, valid_until=until
    )


# --- findings


@pytest.mark.parametrize(
    ("status", "healthy", "strictly"),
    [
        (Verdict.OK, True, True),
        (Verdict.SKIPPED, True, True),
        (Verdict.WARNING, True, False),
        (Verdict.ERROR, False, False),
    ],
)
def test_only_errors_are_ill_and_warnings_too_when_asked_so(status: Verdict, healthy: bool, strictly: bool) -> None:
    finding = Finding(id="x", group=Group.ROUTER, status=status, found="")
    assert is_healthy([finding]) == healthy
    assert is_healthy([finding], strict=True) == strictly


async def test_a_check_that_hangs_becomes_a_finding_and_holds_up_no_other() -> None:
    async def hangs() -> list[Finding]:
        await asyncio.Event().wait()
        return []

    async def fine() -> list[Finding]:
        return [TOPIC.ok("fine")]

    hung, other = await carry_out([Check(TOPIC.of("slow"), hangs, deadline_s=0.01), Check(TOPIC, fine)])
    assert (hung.id, hung.status, hung.found) == ("topic:slow", "error", "no answer within 0.01 s")
    assert hung.remedy
    assert other.status == "ok"


@pytest.mark.parametrize("error", [NotFoundError("gone"), UnreachableError("away"), RefusedError("no")])
async def test_a_check_that_asterisk_refuses_becomes_a_finding(error: Exception) -> None:
    async def refused() -> list[Finding]:
        raise error

    [finding] = await carry_out([Check(TOPIC, refused)])
    assert (finding.id, finding.status) == ("topic", "error")
    assert str(error) in finding.found
    assert finding.remedy


@pytest.mark.parametrize("error", [UnreachableError("away"), TimeoutError()])
async def test_asterisk_that_falls_silent_midway_is_not_blamed_on_its_modules_or_files(
    error: UnreachableError | TimeoutError,
) -> None:
    async def silent() -> list[Finding]:
        raise UnreachableError("away")

    findings = [judge_rights(ARI, error), judge_description(error), *await carry_out([Check(TOPIC, silent)])]
    assert [finding.status for finding in findings] == ["error"] * 3
    assert all("core show uptime" in finding.remedy for finding in findings)
    refused = [judge_rights(ARI, RefusedError("no")), judge_description(RefusedError("no"))]
    assert not any("core show uptime" in finding.remedy for finding in refused)


def test_every_topic_has_its_place_in_the_operators_page() -> None:
    modules = [import_module(f"ari_app.doctor.{found.name}") for found in iter_modules(doctor.__path__)]
    topics = {thing for module in modules for thing in vars(module).values() if isinstance(thing, Topic)}
    page = (Path(__file__).parents[2] / "docs" / "doctor.md").read_text(encoding="utf-8")
    assert len(topics) > 15
    assert [topic.id for topic in topics if f"| `{topic.id}`" not in page and f"| `{topic.id}:" not in page] == []


# --- Asterisk


@pytest.mark.parametrize(
    ("version", "status"),
    [
        ("22.10.1", "ok"),
        ("22.10.1+dfsg+~cs6.17.60671434-1", "ok"),
        ("22.11.0", "ok"),
        ("20.20.1", "ok"),
        ("22.10.0", "warning"),
        ("22.9.4", "warning"),
        ("22.10.1-rc1", "warning"),
        ("20.20.0", "warning"),
        ("18.26.4", "warning"),
        ("21.12.2", "warning"),
        ("23.0.0", "warning"),
        ("certified/20.7-cert9", "warning"),
        ("GIT-master-1a2b3c", "warning"),
    ],
)
def test_a_version_below_its_branchs_floor_or_of_another_branch_is_a_warning(version: str, status: str) -> None:
    assert judge_version(version).status == status


def test_the_version_to_update_to_is_that_of_the_same_branch() -> None:
    assert "20.20.1" in judge_version("20.15.0").remedy
    assert "22.10.1" in judge_version("22.1.0").remedy


@pytest.mark.parametrize(
    ("version", "status", "found"),
    [
        ("22.2.0", "warning", "itself"),
        ("20.12.0", "warning", "itself"),
        ("22.3.0", "warning", "Refer-Sub"),
        ("22.10.1+dfsg", "warning", "Refer-Sub"),
        ("20.20.1", "warning", "Refer-Sub"),
        ("22.11.0", "ok", "the router"),
        ("20.21.0", "ok", "the router"),
        ("18.26.4", "skipped", "not known"),
        ("GIT-master-1a2b3c", "skipped", "not known"),
    ],
)
def test_an_asterisk_that_cannot_leave_transfers_to_the_router_or_crashes_by_them_is_a_warning(
    version: str, status: str, found: str
) -> None:
    finding = judge_transfers(version, by_router=True)
    assert finding.status == status
    assert found in finding.found
    assert judge_transfers(version, by_router=False).status == "ok"


@pytest.mark.parametrize("trouble", Trouble)
def test_each_way_not_to_reach_ari_has_words_and_a_remedy_of_its_own(trouble: Trouble) -> None:
    finding = judge_trouble(ARI, UnreachedError(trouble, "seen"))
    others = [judge_trouble(ARI, UnreachedError(other, "seen")) for other in Trouble if other is not trouble]
    assert finding.status == "error"
    assert finding.found not in [other.found for other in others]
    assert finding.remedy not in [other.remedy for other in others]


def test_a_slow_ari_is_a_warning() -> None:
    assert judge_greeting(ARI, Greeting(12, None)).status == "ok"
    assert judge_greeting(ARI, Greeting(700, None)).status == "warning"


def test_a_user_that_may_only_read_is_told_from_other_refusals() -> None:
    assert judge_rights(ARI, None).status == "ok"
    read_only = judge_rights(ARI, RefusedError("POST /ari/channels/create: 403 Write access denied"))
    other = judge_rights(ARI, TimeoutError())
    assert (read_only.status, other.status) == ("error", "error")
    assert "read_only = no" in read_only.remedy
    assert "read_only" not in other.remedy
    assert "no answer in time" in other.found


@pytest.mark.parametrize(("ahead_s", "status"), [(0.3, "ok"), (-1.9, "ok"), (3.0, "warning"), (-7200.0, "warning")])
def test_clocks_may_differ_by_two_seconds(ahead_s: float, status: str) -> None:
    assert judge_clock(ahead_s).status == status


def test_the_direction_of_the_clock_is_told() -> None:
    assert "30 s before" in judge_clock(30).found
    assert "30 s behind" in judge_clock(-30).found


def test_a_missing_folder_of_recordings_is_an_error() -> None:
    assert judge_recordings(fail=False).status == "ok"
    assert "/var/spool/asterisk/recording" in judge_recordings(fail=True).remedy


@pytest.mark.parametrize(
    ("host", "status"),
    [
        (HostName("pbx", is_in_hosts_file=True, resolved_ms=0.1), "ok"),
        (HostName("pbx", is_in_hosts_file=False, resolved_ms=2), "warning"),
        (HostName("pbx", is_in_hosts_file=False, resolved_ms=None), "warning"),
    ],
)
def test_a_host_name_outside_the_hosts_file_is_a_warning_even_when_it_resolves(host: HostName, status: str) -> None:
    assert judge_host_name(host).status == status


# --- modules and dialplan

ALL_MODULES = {name: True for module in NEEDED for name in module.any_of}


def test_all_modules_make_one_finding() -> None:
    [finding] = judge_modules(ALL_MODULES)
    assert finding.status == "ok"


def test_each_missing_module_is_named_with_what_it_does() -> None:
    loaded = ALL_MODULES.keys() - {"func_channel.so", "res_pjsip_rfc3326.so"}
    guard, elsewhere = sorted(judge_modules(dict.fromkeys(loaded, True)), key=lambda finding: finding.id)
    assert (guard.id, guard.status) == ("modules:func_channel", "error")
    assert "module load func_channel.so" in guard.remedy
    assert (elsewhere.id, elsewhere.status) == ("modules:res_pjsip_rfc3326", "warning")


def test_a_module_that_is_loaded_and_does_not_run_is_missing() -> None:
    [finding] = judge_modules(ALL_MODULES | {"chan_pjsip.so": False})
    assert "chan_pjsip.so is loaded but does not run" in finding.found


def test_one_of_two_bridge_modules_is_enough() -> None:
    assert judge_modules(ALL_MODULES | {"bridge_simple.so": False})[0].status == "ok"
    [neither] = judge_modules(ALL_MODULES | {"bridge_simple.so": False, "bridge_softmix.so": False})
    assert neither.status == "error"


def test_destinations_need_modules_and_contexts_of_their_own() -> None:
    types = {"user", "queue", "voicemail", "announcement"}
    missing = judge_modules(ALL_MODULES, modules_for(types))
    assert [finding.id for finding in missing if finding.status == "error"] == [
        "modules:res_stasis_playback",
        "modules:app_queue",
        "modules:app_voicemail",
    ]
    old = judge_dialplan(set(CONTEXTS), "agi-router", contexts_for(types))
    assert [finding.id for finding in old] == ["dialplan:agi-router-queue", "dialplan:agi-router-voicemail"]
    assert "agi-router dialplan > " in old[0].remedy
    assert modules_for({"user"}) == NEEDED
    assert contexts_for({"user"}) == CONTEXTS


@pytest.mark.parametrize("gone", CONTEXTS)
def test_each_context_that_is_gone_is_an_error(gone: str) -> None:
    [finding] = judge_dialplan(CONTEXTS.keys() - {gone}, "agi-router")
    assert (finding.id, finding.status) == (f"dialplan:{gone}", "error")


def test_another_application_than_the_dialplans_is_a_warning() -> None:
    assert [finding.status for finding in judge_dialplan(set(CONTEXTS), "agi-router")] == ["ok"]
    assert [finding.id for finding in judge_dialplan(set(CONTEXTS), "desk")] == ["dialplan:app"]


# --- devices and trunks


@pytest.mark.parametrize(
    ("device", "status"),
    [
        (DeviceState("online", ("PJSIP/ada/sip:ada@127.0.0.1",)), "ok"),
        (DeviceState("offline", ("PJSIP/ada/sip:ada@127.0.0.1",)), "warning"),
        (DeviceState("offline", ()), "warning"),
        (DeviceState("missing", ()), "error"),
    ],
)
def test_an_endpoint_must_exist_and_should_have_a_contact_that_answers(device: DeviceState, status: str) -> None:
    finding = judge_endpoint("ada", device, ["user 456"])
    assert (finding.id, finding.status) == ("endpoint:ada", status)
    assert "user 456" in finding.found


NO_AOR, EMPTY, CLOSED = Aor("desk", None), Aor("ada", (), max_contacts=5), Aor("ada", ())
AWAY, MANY_AWAY = Aor("ada", ("ada@@1",), max_contacts=5), Aor("ada", ("ada@@1", "ada@@2"))


@pytest.mark.parametrize(
    ("state", "aors", "status", "word", "remedy"),
    [
        ("missing", None, "error", "no such endpoint", "type = endpoint"),
        ("missing", (), "error", "no aor", "set aors = ada"),
        ("missing", (EMPTY,), "error", "cannot tell", "chan_pjsip.so"),
        ("offline", (NO_AOR,), "error", "no aor desk", "add [desk] with type = aor and max_contacts = 5"),
        ("offline", (NO_AOR, AWAY), "warning", "1 contact, and none answers", "network"),
        ("offline", (MANY_AWAY,), "warning", "2 contacts, and none answers", "network"),
        ("offline", (CLOSED,), "error", "max_contacts = 0", "set max_contacts = 5 in [ada]"),
        ("offline", (EMPTY,), "warning", "no phone is registered", "register one as ada"),
        ("offline", None, "warning", "no phone is registered", "register one as ada"),
    ],
)
def test_why_nothing_would_ring_is_told_apart(
    state: str, aors: tuple[Aor, ...] | None, status: str, word: str, remedy: str
) -> None:
    finding = judge_endpoint("ada", DeviceState(state, ()), ["user 456"], aors)
    assert (finding.id, finding.status) == ("endpoint:ada", status)
    assert word in finding.found
    assert remedy in finding.remedy


GOOD, BAD = Contact("sip:a", True, "Reachable", 4.2), Contact("sip:b", True, "Unreachable", None)
UNWATCHED, NEW = Contact("sip:c", False, "NonQualified", None), Contact("sip:d", True, "NonQualified", None)


@pytest.mark.parametrize(
    ("contacts", "status", "word"),
    [
        ((GOOD,), "ok", "4 ms"),
        ((BAD, GOOD), "ok", "1 others do not"),
        ((BAD,), "error", "does not answer"),
        ((UNWATCHED, BAD), "warning", "not watched"),
        ((NEW,), "warning", "not answered yet"),
        ((), "error", "no contact"),
    ],
)
def test_a_trunk_is_fine_when_one_of_its_contacts_answers(
    contacts: tuple[Contact, ...], status: str, word: str
) -> None:
    aors = (Aor("provider", tuple(contact.uri for contact in contacts)), NO_AOR)[: 2 if contacts else 1]
    finding = judge_trunk(Trunk(name="main", endpoint="provider"), aors, contacts)
    assert (finding.id, finding.status) == ("trunk:main", status)
    assert word in finding.found


@pytest.mark.parametrize(
    ("aors", "word", "remedy"),
    [
        (None, "no endpoint", "add [provider] with type = endpoint"),
        ((), "has no aor", "set aors = provider"),
        ((NO_AOR,), "names the aor desk", "add [desk] with type = aor and contact"),
    ],
)
def test_a_trunk_without_a_way_out_is_told_what_it_lacks(aors: tuple[Aor, ...] | None, word: str, remedy: str) -> None:
    finding = judge_trunk(Trunk(name="main", endpoint="provider"), aors, ())
    assert finding.status == "error"
    assert word in finding.found
    assert remedy in finding.remedy


# --- routes


@pytest.mark.parametrize(
    ("url", "outcome", "status"),
    [
        ("https://crm.example.com/", reached("93.184.216.34", days_left=90), "ok"),
        ("https://crm.example.com/", reached("93.184.216.34", days_left=13), "warning"),
        ("http://crm.example.com/", reached("93.184.216.34"), "warning"),
        ("http://10.0.0.5/", reached("10.0.0.5"), "ok"),
        ("http://[fd00::5]/", reached("fd00::5"), "ok"),
        ("https://crm.example.com/", reached("93.184.216.34", elapsed_ms=500, days_left=90), "warning"),
        ("https://crm.example.com/", Failure("network_denied", "denied", "allow it"), "error"),
    ],
)
def test_a_route_is_as_good_as_the_way_to_its_api(url: str, outcome: Reached | Failure, status: str) -> None:
    finding = judge_route("sales", url, outcome, NOW)
    assert (finding.id, finding.status) == ("route:sales", status)


# --- database


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


# --- the router

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


TOKEN = {
    "route": "sales",
    "endpoint": "the token endpoint at login.example.com",
    "grant": "refresh_token",
    "is_usable": True,
    "obtained_at": "2026-03-01T09:00:00+00:00",
    "valid_until": "2026-03-01T10:00:00+00:00",
    "failure": None,
    "next_try_at": None,
}
REVOKED = {
    "failure": {"code": "oauth_refused", "message": "invalid_grant", "remedy": "authorise again"},
    "next_try_at": "2026-03-01T09:15:00+00:00",
}


@pytest.mark.parametrize(
    ("state", "verdict", "said"),
    [
        (TOKEN, "ok", "valid until 2026-03-01 10:00:00 UTC"),
        (TOKEN | {"valid_until": None}, "ok", "until the API refuses it"),
        (TOKEN | REVOKED, "warning", "cannot be renewed: invalid_grant (oauth_refused)"),
        (TOKEN | REVOKED | {"is_usable": False}, "error", "authorise again; it is asked again at 2026-03-01 09:15"),
        (TOKEN | {"is_usable": False, "obtained_at": None, "valid_until": None}, "warning", "no token has come yet"),
        (None, "warning", "restart it"),
    ],
)
def test_the_token_of_a_route_is_judged(state: Mapping[str, Any] | None, verdict: str, said: str) -> None:
    finding = judge_token("sales", state)
    assert (finding.id, finding.status) == ("token:sales", verdict)
    assert said in f"{finding.found} {finding.remedy}"
