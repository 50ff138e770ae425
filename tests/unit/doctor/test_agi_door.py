"""What the doctor says of the AGI door, and of the modules that only it needs."""

from typing import Any

import pytest

from agi_router.fastagi import AgiSettings
from ari_app.control.client import NoRouterError
from ari_app.control.settings import ControlError
from ari_app.doctor.agi_door import agi_findings
from ari_app.doctor.modules import FOR_AGI_DOOR, NEEDED, judge_modules, modules_for

DOOR = {
    "listening": "127.0.0.1:4573",
    "connections": 3,
    "sessions": 2,
    "served": 40,
    "broken": 0,
    "refused": 0,
    "last_refusal": "",
}


@pytest.mark.parametrize(
    ("settings", "answer", "statuses"),
    [
        (None, {}, []),
        (None, {"agi": None}, []),
        (None, NoRouterError("none", ""), []),
        (AgiSettings(), {"agi": DOOR}, ["ok"]),
        (AgiSettings(), {"agi": DOOR | {"connections": 400}}, ["warning"]),
        (AgiSettings(), {"agi": DOOR | {"refused": 1, "last_refusal": "192.0.2.1: slow"}}, ["warning"]),
        (AgiSettings(), {"agi": DOOR | {"broken": 1, "refused": 1}}, ["error"]),
        (AgiSettings(), {"agi": None}, ["error"]),
        (AgiSettings(), NoRouterError("none", ""), ["skipped"]),
        (None, {"agi": DOOR}, ["warning"]),
    ],
)
def test_the_agi_door_is_open_and_not_besieged(
    settings: AgiSettings | None, answer: dict[str, Any] | ControlError, statuses: list[str]
) -> None:
    findings = agi_findings(settings, answer)
    assert [finding.status for finding in findings] == statuses
    assert all(bool(finding.remedy) == (finding.status != "ok") for finding in findings)


def test_the_agi_door_needs_modules_that_others_do_without() -> None:
    all_modules = {name: True for module in (*NEEDED, *FOR_AGI_DOOR) for name in module.any_of}
    without_agi = all_modules | {"res_agi.so": False, "app_dial.so": False}
    assert [finding.status for finding in judge_modules(without_agi, modules_for(set()))] == ["warning"]
    needed = modules_for(set(), has_agi_door=True)
    assert len(needed) == len({module.any_of for module in needed}), "none is told twice"
    assert [finding.status for finding in judge_modules(without_agi, needed)] == ["error", "error"]
    assert [finding.status for finding in judge_modules(all_modules, needed)] == ["ok"]
    telling = all_modules | {"func_hangupcause.so": False, "app_read.so": False}
    assert [finding.status for finding in judge_modules(telling, needed)] == ["warning", "warning"]
