"""What the doctor says of Asterisk's modules and of its dialplan."""

import pytest

from ari_app.doctor.dialplan import CONTEXTS, contexts_for, judge_dialplan
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
