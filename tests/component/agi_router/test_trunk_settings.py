"""Trunks: whose number they are shown, and the order in which they are tried."""

from pathlib import Path

import pytest

from agi_router.decide import RoutingSettings
from agi_router.directory.trunks import Trunk
from agi_router.directory.users import ExternalDevice
from agi_router.document import ConfigError, load_document, validate
from agi_router.routing.caller_id import CalledNumber, CallersOwn, OwnNumber
from agi_router.settings import RoutingSections, routing_settings

BASE = """\
directory: {users: [{id: a, devices: [{external: +14155550177, trunk: [spare, main]}]}]}
policy: {regions: [US]}
defaults: {region: US, fallback: [{external: +14155550123}, {external: +14155550124, trunk: main}]}
routes: {r: {request: {url: "http://127.0.0.1/"}, response: {format: text, type: auto}}}
trunks:
  - {name: main, endpoint: trunk, number_format: national, KEYS}
  - {name: spare, endpoint: spare, caller_id: caller}
"""


def load(folder: Path, keys: str, base: str = BASE) -> RoutingSettings:
    file = folder / "config.yaml"
    file.write_text(base.replace("KEYS", keys), encoding="utf-8")
    document = load_document(file, {})
    return routing_settings(document, validate(document, RoutingSections))


def main_trunk(folder: Path, keys: str) -> Trunk:
    return load(folder, keys).trunks[0]


def test_a_device_and_a_step_name_their_trunks_or_leave_it_to_all(tmp_path: Path) -> None:
    settings = load(tmp_path, "caller_id: caller")
    assert settings.users[0].devices == (ExternalDevice("+14155550177", ("spare", "main")),)
    named = [step.destination.trunks for step in settings.fallback]  # type: ignore[union-attr]
    assert named == [(), ("main",)]


def test_a_number_of_ours_is_shown_as_the_trunk_wants_numbers(tmp_path: Path) -> None:
    assert main_trunk(tmp_path, "caller_id: +14155550100").caller_id == OwnNumber("4155550100")


@pytest.mark.parametrize("keys", ["caller_id: called, numbers: [+14155550100]", "numbers: [(415) 555-0100]"])
def test_the_called_number_is_shown_where_our_numbers_are_listed(tmp_path: Path, keys: str) -> None:
    settings = load(tmp_path, keys)
    shown = settings.trunks[0].caller_id
    assert isinstance(shown, CalledNumber)
    assert (shown.ours, shown.region, settings.warnings) == ({"+14155550100": "4155550100"}, "US", ())


@pytest.mark.parametrize("keys", ["caller_id: caller", "trusted: true"])
def test_the_caller_shows_himself_where_that_is_wanted_and_to_a_pbx_of_ones_own(tmp_path: Path, keys: str) -> None:
    settings = load(tmp_path, keys)
    assert (settings.trunks[0].caller_id, settings.warnings) == (CallersOwn(), ())


def test_our_numbers_are_those_of_the_directory_unless_the_trunk_has_its_own(tmp_path: Path) -> None:
    text = BASE.replace("{users:", '{numbers: {"+14155550109": {user: a}, "900": {user: a}}, users:')
    for keys, number in (("setup_timeout_s: 3", "+14155550109"), ("numbers: [+14155550100]", "+14155550100")):
        settings = load(tmp_path, keys, text)
        shown = settings.trunks[0].caller_id
        assert isinstance(shown, CalledNumber)
        assert (list(shown.ours), settings.warnings) == ([number], ())


def test_without_caller_id_and_numbers_a_carrier_is_shown_none_and_that_is_a_warning(tmp_path: Path) -> None:
    settings = load(tmp_path, "setup_timeout_s: 3")
    assert settings.trunks[0].setup_timeout_s == 3
    assert settings.trunks[0].caller_id == CalledNumber({}, "US")
    (warning,) = settings.warnings
    assert "config.yaml:6: trunks[0]: has no caller_id, so its carrier is shown no number; set it to a" in warning


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("caller_id: nobody", 'trunks[0].caller_id: "nobody" is not a telephone number'),
        ("caller_id: called", "trunks[0].caller_id: shows the called number where it is yours; list yours in numbers"),
        ("numbers: [x]", 'trunks[0].numbers[0]: "x" is not a telephone number'),
        ("setup_timeout_s: 0", "trunks[0].setup_timeout_s: must be at least 1"),
    ],
)
def test_what_cannot_be_is_told_where_it_stands(tmp_path: Path, keys: str, said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load(tmp_path, keys)
    assert any(said in str(problem) for problem in raised.value.problems), raised.value.problems


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("[main, mian]", 'trunk: there is no trunk "mian"; did you mean "main"?'),
        ("[main, main]", "trunk: names a trunk twice; each is tried once"),
        ("[]", "trunk: is the name of a trunk, or a list of names in the order in which they are tried"),
        ("7", "trunk: is the name of a trunk, or a list"),
    ],
)
def test_names_of_trunks_are_known_and_stand_once(tmp_path: Path, named: str, said: str) -> None:
    file = tmp_path / "config.yaml"
    text = BASE.replace("[spare, main]", named).replace("KEYS", "caller_id: caller")
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as raised:
        document = load_document(file, {})
        routing_settings(document, validate(document, RoutingSections))
    assert any(said in str(problem) for problem in raised.value.problems), raised.value.problems
