"""What the doctor says of Asterisk's modules and of its dialplan."""

import pytest

from agi_router.fastagi import AgiSettings
from ari_app.doctor.dialplan import CONTEXTS, FOR_AGI_DOOR, contexts_for, judge_agi_host, judge_dialplan
from ari_app.doctor.modules import NEEDED, judge_modules, modules_for

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
    assert [finding.id for finding in old] == [
        "dialplan:agi-router-queue",
        "dialplan:agi-router-voicemail",
        "dialplan:agi-router-voicemail-left",
    ]
    assert "agi-router dialplan agi-router.conf > " in old[0].remedy
    assert modules_for({"user"}) == NEEDED
    assert contexts_for({"user"}) == CONTEXTS


@pytest.mark.parametrize("gone", CONTEXTS)
def test_each_context_that_is_gone_is_an_error(gone: str) -> None:
    [finding] = judge_dialplan(CONTEXTS.keys() - {gone}, "agi-router")
    assert (finding.id, finding.status) == (f"dialplan:{gone}", "error")


def test_the_agi_door_needs_contexts_of_its_own() -> None:
    old = judge_dialplan(set(CONTEXTS), "agi-router", CONTEXTS, FOR_AGI_DOOR)
    assert [finding.id for finding in old] == [f"dialplan:{context}" for context in FOR_AGI_DOOR]
    assert all("agi-router dialplan agi-router-agi.conf > " in finding.remedy for finding in old)
    both = judge_dialplan({*CONTEXTS, *FOR_AGI_DOOR}, "agi-router", CONTEXTS, FOR_AGI_DOOR)
    assert [finding.status for finding in both] == ["ok"]


def test_whoever_has_an_agi_door_may_do_without_the_other_one() -> None:
    [alone] = judge_dialplan(set(FOR_AGI_DOOR), "desk", CONTEXTS, FOR_AGI_DOOR)
    assert (alone.status, "by the AGI door alone" in alone.found) == ("ok", True)
    [half] = judge_dialplan(FOR_AGI_DOOR.keys() - {"agi-router-agi-leg"}, "desk", CONTEXTS, FOR_AGI_DOOR)
    assert half.id == "dialplan:agi-router-agi-leg"


@pytest.mark.parametrize(
    ("host", "listens", "is_found"),
    [
        ("", ("127.0.0.1", 4573), True),
        ("", ("127.0.0.1", 4574), False),
        ("", ("10.0.0.5", 4573), False),
        ("10.0.0.5:4573", ("10.0.0.5", 4573), True),
        ("10.0.0.5", ("10.0.0.5", 4573), True),
        ("10.0.0.6:4573", ("10.0.0.5", 4573), False),
        ("10.0.0.5:4574", ("10.0.0.5", 4573), False),
        ("10.0.0.5:4573", ("0.0.0.0", 4573), True),
        ("router.example:4573", ("10.0.0.5", 4573), True),
        ("router.example:4574", ("10.0.0.5", 4573), False),
        ("[::1]:4573", ("::1", 4573), True),
        ("[::1]", ("::1", 4573), True),
        ("[::2]", ("::1", 4573), False),
    ],
)
def test_callers_must_look_for_the_agi_door_where_it_listens(
    host: str, listens: tuple[str, int], is_found: bool
) -> None:
    findings = judge_agi_host(host, AgiSettings(host=listens[0], port=listens[1]))
    assert [finding.status for finding in findings] == ([] if is_found else ["warning"])
    assert all(finding.id == "dialplan:agi-host" and "AGI_ROUTER_HOST" in finding.remedy for finding in findings)


def test_another_application_than_the_dialplans_is_a_warning() -> None:
    assert [finding.status for finding in judge_dialplan(set(CONTEXTS), "agi-router")] == ["ok"]
    assert [finding.id for finding in judge_dialplan(set(CONTEXTS), "desk")] == ["dialplan:app"]
