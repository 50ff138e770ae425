"""The roster: which devices of Asterisk tell of whom, and which of them have to be followed."""

from pathlib import Path

import pytest

from agi_router.decide import RoutingSettings
from agi_router.document import load_document, validate
from agi_router.settings import RoutingSections, routing_settings
from ari_app.calls.roster import Person
from ari_app.live.roster import roster

CONFIG = """\
directory:
  users:
    - {id: "1", name: Ada, extension: "101", devices: [PJSIP/ada, desk, {external: "+12025550123"}]}
    - {id: "2", devices: [PJSIP/bob]}
    - {id: "3", devices: [PJSIP/carol]}
  teams:
    - {id: "7", members: ["1", "2"], wrap_up_s: 20}
    - {id: "8", members: ["1"]}
trunks: [{name: main, endpoint: trunk}]
policy: {regions: [US]}
defaults: {region: US, fallback: [DEFAULT]}
routes:
  sales:
    request: {url: "https://api.example.com/"}
    response: {type: user, path: to}
    ringing: {if_busy: IF_BUSY}
    fallback: [STEP]
"""
ADA = {"PJSIP/ada", "PJSIP/desk", "Custom:DND101"}
RECEPTION = "endpoint: PJSIP/reception"


def load(folder: Path, if_busy: str = "ring", step: str = RECEPTION, default: str = RECEPTION) -> RoutingSettings:
    file = folder / "c.yaml"
    text = CONFIG.replace("IF_BUSY", if_busy)
    file.write_text(text.replace("[STEP]", f"[{{{step}}}]").replace("[DEFAULT]", f"[{{{default}}}]"))
    document = load_document(file, {})
    return routing_settings(document, validate(document, RoutingSections))


def test_a_user_is_known_by_his_phones_his_dnd_and_the_wrap_up_of_his_teams(tmp_path: Path) -> None:
    people = roster(load(tmp_path)).people
    assert people["1"] == Person("Ada", ("PJSIP/ada", "PJSIP/desk"), "Custom:DND101", {"7": 20, "8": 0})
    assert people["2"] == Person("2", ("PJSIP/bob",), None, {"7": 20})


@pytest.mark.parametrize(
    ("if_busy", "step", "default", "followed"),
    [
        ("ring", "team: '7'", RECEPTION, set()),
        ("skip", "team: '7'", RECEPTION, ADA | {"PJSIP/bob", "PJSIP/carol"}),
        ("ring", "team: '7', if_busy: wait", RECEPTION, ADA | {"PJSIP/bob"}),
        ("ring", "user: '3', if_busy: skip", RECEPTION, {"PJSIP/carol"}),
        ("ring", f"{RECEPTION}, if_busy: skip", RECEPTION, {"PJSIP/reception"}),
        ("ring", RECEPTION, "user: '2', if_busy: skip", {"PJSIP/bob"}),
    ],
)
def test_devices_are_followed_for_those_only_whom_something_skips_or_waits_for(
    tmp_path: Path, if_busy: str, step: str, default: str, followed: set[str]
) -> None:
    assert roster(load(tmp_path, if_busy, step, default)).watched == followed
