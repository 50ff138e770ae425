"""`policy.limits` and its like: what loads, and how each mistake is told."""

from pathlib import Path

import pytest

from agi_router.decide import RoutingSettings
from agi_router.document import ConfigError, load_document, validate
from agi_router.routing.volume_limits import DEFAULT_LIMITS, NO_LIMITS, VolumeLimits, VolumePolicy
from agi_router.settings import RoutingSections, routing_settings


def load(tmp_path: Path, policy: str) -> RoutingSettings:
    file = tmp_path / "c.yaml"
    file.write_text(f"defaults: {{region: US}}\npolicy: {policy}\n")
    document = load_document(file, {})
    return routing_settings(document, validate(document, RoutingSections))


def warnings(tmp_path: Path, policy: str) -> list[str]:
    return [text for text in load(tmp_path, policy).warnings if "policy." in text and "no routes" not in text]


def test_there_are_limits_without_a_word(tmp_path: Path) -> None:
    assert load(tmp_path, "{regions: [US]}").volume == VolumePolicy(DEFAULT_LIMITS, NO_LIMITS, NO_LIMITS, 0.8)


def test_what_is_not_named_stays_and_off_and_null_are_none(tmp_path: Path) -> None:
    limits = '{concurrent: 5, calls_per_minute: off, calls_per_day: null, minutes_per_day: "off"}'
    volume = load(tmp_path, f"{{limits: {limits}, warn_at: 1}}").volume
    assert volume == VolumePolicy(VolumeLimits(concurrent=5, to_one_number_per_hour=60), NO_LIMITS, NO_LIMITS, 1.0)


def test_routes_and_keys_have_those_that_are_named(tmp_path: Path) -> None:
    volume = load(tmp_path, "{route_limits: {concurrent: 3}, key_limits: {calls_per_minute: 6}}").volume
    assert volume.route_limits == VolumeLimits(concurrent=3)
    assert volume.key_limits == VolumeLimits(calls_per_minute=6)


@pytest.mark.parametrize(
    ("policy", "told"),
    [
        ("{limits: {concurrent: 0}}", "policy.limits.concurrent"),
        ("{limits: {concurrent: true}}", "policy.limits.concurrent"),
        ("{limits: {concurrent: 2.5}}", "policy.limits.concurrent"),
        ("{limits: {concurrent: none}}", "write off for no limit"),
        ("{limits: {concurent: 2}}", 'did you mean "concurrent"?'),
        ("{max_concurrent: 2}", "policy.max_concurrent: unknown key"),
        ("{warn_at: 80}", "policy.warn_at"),
    ],
)
def test_mistakes_are_told(tmp_path: Path, policy: str, told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load(tmp_path, policy)
    assert told in str(refused.value.problems[0])


def test_a_limit_that_another_one_hides_is_warned_of(tmp_path: Path) -> None:
    [warning] = warnings(tmp_path, "{limits: {concurrent: 5}, route_limits: {concurrent: 5, calls_per_minute: 5}}")
    assert "policy.route_limits.concurrent: has no effect: policy.limits.concurrent is 5" in warning


def test_no_limit_at_all_is_warned_of_where_numbers_are_dialled(tmp_path: Path) -> None:
    off = ", ".join(f"{measure}: off" for measure in VolumeLimits.__dataclass_fields__)
    [warning] = warnings(tmp_path, f"{{regions: [US], limits: {{{off}}}}}")
    assert "policy.limits: are all off" in warning
    assert not warnings(tmp_path, f"{{limits: {{{off}}}}}")
