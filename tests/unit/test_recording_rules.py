"""Who is recorded, as the configuration and answers say it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from agi_router.document import ConfigError
from agi_router.routing.carried import carried
from agi_router.routing.path import JsonPath
from agi_router.routing.recorded import AnnouncedTo, RecordingMode, RecordingRule
from agi_router.routing.route import Carries
from ari_app.settings import Settings, load_settings


def loaded(folder: Path, *, defaults: Any = None, route: Any = None, **sections: Any) -> Settings:
    sales: dict[str, Any] = {
        "request": {"url": "https://api.example.com/"},
        "response": {"type": "user", "path": "to", "record": "record"},
    }
    document: dict[str, Any] = {
        "asterisk": {"ari": {"username": "router", "password": "7f0c2b6d1e"}},
        "storage": {"url": "calls.db"},
        "defaults": {"region": "US"} | ({} if defaults is None else {"recording": defaults}),
        "routes": {"sales": sales | ({} if route is None else {"recording": route})},
        **sections,
    }
    path = folder / "agi-router.yaml"
    path.write_text(yaml.safe_dump(document))
    return load_settings(path, {})


def rule_of(settings: Settings) -> RecordingRule:
    (route,) = settings.routing.routes
    return route.treatment.recording


def test_by_default_nobody_is_recorded(tmp_path: Path) -> None:
    settings = loaded(tmp_path)
    assert rule_of(settings) == settings.routing.click_to_dial.recording == RecordingRule()
    assert RecordingRule().mode is RecordingMode.OFF


def test_a_route_has_the_rule_of_defaults_unless_it_says_its_own(tmp_path: Path) -> None:
    told = {"mode": "always", "announcement": "custom/recorded", "announce_to": "customer"}
    always = RecordingRule(
        mode=RecordingMode.ALWAYS, announcement=("custom/recorded",), announce_to=AnnouncedTo.CUSTOMER
    )
    assert rule_of(loaded(tmp_path, defaults=told)) == always
    assert rule_of(loaded(tmp_path, defaults=told, route="on_demand")).mode is RecordingMode.ON_DEMAND
    assert rule_of(loaded(tmp_path, defaults=told, route="off")) == RecordingRule()
    assert RecordingRule.from_json(always.as_json()) == always


def test_calls_that_are_asked_for_have_the_rule_of_their_campaign_or_click_to_dial_or_defaults(tmp_path: Path) -> None:
    campaigns = [{"id": "12", "recording": "always"}, {"id": "13"}]
    settings = loaded(tmp_path, defaults="on_demand", campaigns=campaigns)
    assert settings.routing.click_to_dial.recording.mode is RecordingMode.ON_DEMAND
    first, second = settings.routing.campaigns
    assert first.recording is not None
    assert (first.recording.mode, second.recording) == (RecordingMode.ALWAYS, None)
    settings = loaded(tmp_path, defaults="on_demand", click_to_dial={"recording": "off"})
    assert settings.routing.click_to_dial.recording.mode is RecordingMode.OFF


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"mode": "always", "announce_to": "both"}, "add an announcement"),
        ({"mode": "off", "announcement": "custom/recorded"}, "set mode"),
        ("sometimes", "on_demand"),
        ({"announcement": "custom/recorded"}, "mode"),
        ({"mode": "always", "announcement": "../secret"}, "announcement"),
    ],
)
def test_what_can_not_be_meant_is_a_mistake(tmp_path: Path, wrong: Any, said: str) -> None:
    with pytest.raises(ConfigError, match="recording") as caught:
        loaded(tmp_path, route=wrong)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("given", "record"),
    [
        (True, True),
        ("Yes", True),
        (1, True),
        ("off", False),
        (False, False),
        (0, False),
        (None, None),
        ("", None),
    ],
)
def test_an_answer_says_it_in_many_words(given: object, record: bool | None) -> None:
    read = carried(Carries(record=(JsonPath.parse("record"),)), {"record": given})
    assert read.get("record") == record
    assert "notes" not in read


@pytest.mark.parametrize("given", ["maybe", 2, [True], {"a": 1}])
def test_what_an_answer_says_otherwise_is_left_aside_with_a_note(given: object) -> None:
    read = carried(Carries(record=(JsonPath.parse("record"),)), {"record": given})
    assert "record" not in read
    (note,) = read["notes"]
    assert note.startswith("record: ")
