"""Routes that a CRM decides, by the whole configuration."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from agi_router.document import ConfigError
from agi_router.routing.route import CrmRequest
from ari_app.settings import Settings, load_settings

USERS = {"request_path": "/users", "response_map": {"records": [{"id": "$user_id$"}]}}
OWNERLESS = {"request_path": "/find?q=$phone$", "response_map": {"records": [{"id": "$contact_id$"}]}}


def loaded(folder: Path, document: str = "generic", **hooks: Any) -> Settings:
    of_crm = {
        "id": "own",
        "name": "Own",
        "class": "crm",
        "base_url": "https://crm.example.com",
        "Users": USERS,
        **hooks,
    }
    (folder / "own.json").write_text(json.dumps(of_crm))
    configuration = {
        "asterisk": {"ari": {"username": "router", "password": "7f0c2b6d1e"}},
        "storage": {"url": "calls.db"},
        "crm": {"office": {"document": document}},
        "routes": {"owner": {"request": {"crm": "office"}}},
        "defaults": {"region": "US"},
    }
    path = folder / "agi-router.yaml"
    path.write_text(yaml.safe_dump(configuration))
    return load_settings(path, {})


def test_a_connector_whose_document_tells_the_owner_may_decide(tmp_path: Path) -> None:
    (owner,) = loaded(tmp_path).routing.routes
    assert owner.request == CrmRequest(crm="office")


@pytest.mark.parametrize(
    ("hooks", "told"),
    [
        ({}, "decides nothing: the document own has no hook FindContact"),
        ({"FindContact": OWNERLESS}, "decides nothing: FindContact of the document own does not tell who owns"),
    ],
)
def test_a_document_that_tells_no_owner_decides_nothing(tmp_path: Path, hooks: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError) as raised:
        loaded(tmp_path, "own.json", **hooks)
    [problem] = raised.value.problems
    assert problem.key == "routes.owner.request.crm"
    assert problem.message.startswith(told)
