"""The section `history`: which calls are on record, and where what was missed is found."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml

from agi_router.document import ConfigError
from ari_app.calls.pbx_calls import Source
from ari_app.live.changes import restart_needed
from ari_app.settings import Settings, load_settings

AMI = {"username": "router", "secret": "7f0c2b6d1e"}


def loaded(folder: Path, history: object = None, *, ami: bool = True) -> Settings:
    asterisk: dict[str, object] = {"ari": {"username": "router", "password": "7f0c2b6d1e"}}
    if ami:
        asterisk["ami"] = AMI
    document: dict[str, object] = {
        "asterisk": asterisk,
        "storage": {"url": "calls.db"},
        "routes": {
            "sales": {"request": {"url": "https://api.example.com/"}, "response": {"type": "user", "path": "to"}}
        },
        "defaults": {"region": "US"},
    }
    if history is not None:
        document["history"] = history
    path = folder / "agi-router.yaml"
    path.write_text(yaml.safe_dump(document))
    return load_settings(path, {})


def test_calls_of_the_pbx_are_on_record_where_asterisk_can_tell_of_them(tmp_path: Path) -> None:
    assert loaded(tmp_path).history.pbx_calls is Source.AUTO
    assert loaded(tmp_path, ami=False).history.pbx_calls is None
    assert loaded(tmp_path, {"pbx_calls": "off"}).history.pbx_calls is None
    assert loaded(tmp_path, {"pbx_calls": "off"}, ami=False).history.pbx_calls is None
    assert loaded(tmp_path, {"pbx_calls": "cdr"}).history.pbx_calls is Source.CDR


def test_a_table_beside_the_configuration_has_the_zone_of_the_section(tmp_path: Path) -> None:
    history = loaded(tmp_path, {"timezone": "Europe/Madrid", "fill_from": {"url": "sqlite:///cel.db", "table": "cel"}})
    fill = history.history.fill_from
    assert fill is not None
    assert (fill.url, fill.name, fill.timezone) == (f"sqlite:///{tmp_path}/cel.db", "cel", ZoneInfo("Europe/Madrid"))
    assert "cel.db" not in repr(fill)


@pytest.mark.parametrize(
    ("history", "says"),
    [
        ({"pbx_calls": "sometimes"}, "history.pbx_calls"),
        ({"timezone": "Madrid"}, "is no time zone"),
        ({"fill_from": {"url": "cel.db", "table": "cel"}}, "is no database"),
        ({"fill_from": {"url": "mongodb://x/y", "table": "cel"}}, "is no database"),
        ({"fill_from": {"url": "sqlite:////x", "table": "cells"}}, "history.fill_from.table"),
        ({"fill_from": {"url": "sqlite:////x", "table": "cel", "name": "cel; drop table"}}, "history.fill_from.name"),
        ({"fill_from": {"url": "sqlite:////x", "table": "cel", "name": "gespräche"}}, "history.fill_from.name"),
        ({"keep": 3}, "history.keep"),
    ],
)
def test_mistakes_are_told(tmp_path: Path, history: object, says: str) -> None:
    with pytest.raises(ConfigError) as told:
        loaded(tmp_path, history)
    assert says in str(told.value)


def test_calls_that_nothing_tells_of_cannot_be_wanted(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"asterisk\.ami"):
        loaded(tmp_path, {"pbx_calls": "cel"}, ami=False)


def test_a_change_waits_for_a_restart(tmp_path: Path) -> None:
    before, after = loaded(tmp_path), loaded(tmp_path, {"pbx_calls": "cdr", "timezone": "UTC"})
    assert restart_needed(before, after) == ("history.pbx_calls", "history.timezone")
