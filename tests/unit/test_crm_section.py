"""The section `crm`: which CRMs are connected, and what is done with them."""

import json
from pathlib import Path

import pytest
import yaml

from agi_router.document import ConfigError
from ari_app.crm.settings import ActivitySettings, FindSettings, LoginSettings, SharedNumbers, UnknownNumbers
from ari_app.live.changes import restart_needed
from ari_app.settings import Settings, load_settings
from ari_app.settings.crm_section import ConnectorSection
from tests.component.agi_router.test_configuration_page import PAGE, keys

URL = "https://crm.example.com/api"


def loaded(folder: Path, crm: object = None) -> Settings:
    document: dict[str, object] = {
        "asterisk": {"ari": {"username": "router", "password": "7f0c2b6d1e"}},
        "storage": {"url": "calls.db"},
        "routes": {
            "sales": {"request": {"url": "https://api.example.com/"}, "response": {"type": "user", "path": "to"}}
        },
        "defaults": {"region": "US"},
    }
    if crm is not None:
        document["crm"] = crm
    path = folder / "agi-router.yaml"
    path.write_text(yaml.safe_dump(document))
    return load_settings(path, {"TOKEN": "s3cret-of-the-crm"})


def test_no_crm_is_connected_by_itself(tmp_path: Path) -> None:
    assert loaded(tmp_path).crm.connectors == ()


def test_a_connector_needs_no_more_than_its_document(tmp_path: Path) -> None:
    [connector] = loaded(tmp_path, {"office": {"document": "generic"}}).crm.connectors
    assert (connector.name, connector.document.id) == ("office", "generic")
    assert (connector.find, connector.activities, connector.login) == (
        FindSettings(),
        ActivitySettings(),
        LoginSettings(),
    )
    assert (connector.phone_book_every_s, connector.users_every_s) == (None, 3600)


def test_all_of_it_can_be_said(tmp_path: Path) -> None:
    given = {
        "document": "generic",
        "properties": {"Base URL": URL, "Access token": "${TOKEN}"},
        "login": {"callback_port": 9000, "callback_host": "localhost", "callback_path": "/back"},
        "find": {"enabled": False, "deadline_s": 1, "show_name": False, "shared": "company", "unknown": "create"},
        "activities": {"enabled": False, "directions": ["inbound"], "recordings": False, "deadline_s": 30},
        "phone_book": {"every": "30m"},
        "users": {"every": "never"},
    }
    [connector] = loaded(tmp_path, {"office": given}).crm.connectors
    assert connector.properties == {"Base URL": URL, "Access token": "s3cret-of-the-crm"}
    assert "s3cret" not in repr(connector)
    assert connector.login.redirect_uri == "http://localhost:9000/back"
    assert connector.find == FindSettings(
        is_on=False, deadline_s=1, shows_name=False, shared=SharedNumbers.COMPANY, unknown=UnknownNumbers.CREATE
    )
    assert connector.activities == ActivitySettings(
        is_on=False, directions=frozenset({"inbound"}), recordings=False, deadline_s=30
    )
    assert (connector.phone_book_every_s, connector.users_every_s) == (1800, None)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"document": "generik"}, 'crm.office.document: there is no file "{folder}/generik"'),
        ({"document": "generik"}, 'did you mean "generic"?'),
        ({}, "crm.office.document: is missing"),
        ({"document": "generic", "properties": {"Base Url": URL}}, 'did you mean "Base URL"?'),
        ({"document": "generic", "properties": {"Base URL": "crm.example.com"}}, "is no http or https address"),
        ({"document": "generic", "properties": {"Access token": "CHANGE_ME"}}, "is a placeholder"),
        ({"document": "generic", "properties": {"Access token": "${MISSING}"}}, "MISSING is not set"),
        ({"document": "generic", "ca_file": "missing.pem"}, "crm.office.ca_file: {folder}/missing.pem cannot be read"),
        ({"document": "generic", "phone_book": {"every": "soon"}}, "crm.office.phone_book.every: is a length of time"),
        ({"document": "generic", "phone_book": {"every": "32d"}}, "up to 31d"),
        ({"document": "generic", "find": {"shared": "companies"}}, 'did you mean "company"?'),
        ({"document": "generic", "activities": {"directions": []}}, "crm.office.activities.directions"),
        ({"document": "generic", "login": {"callback_path": "back"}}, "crm.office.login.callback_path"),
    ],
)
def test_mistakes_are_told_where_they_stand(tmp_path: Path, given: object, says: str) -> None:
    with pytest.raises(ConfigError) as told:
        loaded(tmp_path, {"office": given})
    assert says.format(folder=tmp_path) in str(told.value)


def test_mistakes_of_the_document_are_told_with_its_own_lines(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text(json.dumps({"id": "mine", "name": "Mine", "class": "crm"}, indent=2))
    with pytest.raises(ConfigError) as told:
        loaded(tmp_path, {"office": {"document": "mine.json", "ca_file": "missing.pem"}})
    assert f"{tmp_path}/mine.json:" in str(told.value)
    assert "the hook Users is missing" in str(told.value)
    assert "crm.office.ca_file" in str(told.value)


def test_a_change_waits_for_a_restart(tmp_path: Path) -> None:
    one, other = {"document": "generic"}, {"document": "generic", "find": {"deadline_s": 1}}
    before, after = loaded(tmp_path, {"a": one, "b": one}), loaded(tmp_path, {"a": one, "b": other, "c": one})
    assert restart_needed(before, after) == ("crm.b", "crm.c")
    assert restart_needed(loaded(tmp_path), before) == ("crm.a", "crm.b")


def test_every_key_is_described() -> None:
    section = PAGE.split("\n### crm\n")[1].split("\n### ")[0]
    missing = [key for key in keys(ConnectorSection) if f"`{key}`" not in section and f".{key}`" not in section]
    assert [key for key in missing if key not in {"login", "find", "activities", "phone_book", "users"}] == []
