"""The roster: which devices of Asterisk tell of whom, and which of them have to be followed."""

from dataclasses import replace
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
    - {id: "3", devices: [PJSIP/101]}
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
    fallback: [STEP]
"""
USERS = {"PJSIP/ada", "PJSIP/desk", "Custom:DND101", "PJSIP/bob", "PJSIP/101"}
RECEPTION = "endpoint: PJSIP/reception"
SKIPPED = f"{RECEPTION}, if_busy: skip"


def load(folder: Path, step: str = RECEPTION, default: str = RECEPTION) -> RoutingSettings:
    file = folder / "c.yaml"
    file.write_text(CONFIG.replace("[STEP]", f"[{{{step}}}]").replace("[DEFAULT]", f"[{{{default}}}]"))
    document = load_document(file, {})
    return routing_settings(document, validate(document, RoutingSections))


def test_a_user_is_known_by_his_phones_his_dnd_and_the_wrap_up_of_his_teams(tmp_path: Path) -> None:
    people = roster(load(tmp_path)).people
    ada = Person("Ada", ("PJSIP/ada", "PJSIP/desk"), "Custom:DND101", {"7": 20, "8": 0})
    assert replace(people["1"], member_names=()) == ada
    assert replace(people["2"], member_names=()) == Person("2", ("PJSIP/bob",), None, {"7": 20})


def test_queues_know_a_user_by_his_phones_and_his_extension_unless_it_is_another_s(tmp_path: Path) -> None:
    people = roster(load(tmp_path)).people
    assert people["1"].member_names == ("PJSIP/ada", "PJSIP/desk", "101", "ada", "desk")
    assert people["3"].member_names == ("PJSIP/101",)


def test_the_devices_of_all_users_are_followed(tmp_path: Path) -> None:
    assert roster(load(tmp_path)).watched == USERS


@pytest.mark.parametrize(("step", "default"), [(SKIPPED, RECEPTION), (RECEPTION, SKIPPED)])
def test_a_phone_of_nobody_is_followed_where_a_step_skips_it(tmp_path: Path, step: str, default: str) -> None:
    assert roster(load(tmp_path, step, default)).watched == USERS | {"PJSIP/reception"}
