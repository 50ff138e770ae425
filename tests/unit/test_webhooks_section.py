"""The section `webhooks`: who delivers events, and how long they are kept."""

from pathlib import Path

import pytest
import yaml

from agi_router.document import ConfigError
from ari_app.live.changes import restart_needed
from ari_app.settings import Settings, load_settings
from ari_app.webhooks.settings import WebhookSettings


def loaded(folder: Path, webhooks: object = None) -> Settings:
    document: dict[str, object] = {
        "asterisk": {"ari": {"username": "router", "password": "7f0c2b6d1e"}},
        "storage": {"url": "calls.db"},
        "routes": {
            "sales": {"request": {"url": "https://api.example.com/"}, "response": {"type": "user", "path": "to"}}
        },
        "defaults": {"region": "US"},
    }
    if webhooks is not None:
        document["webhooks"] = webhooks
    path = folder / "agi-router.yaml"
    path.write_text(yaml.safe_dump(document))
    return load_settings(path, {})


def test_the_router_delivers_unless_another_process_does(tmp_path: Path) -> None:
    assert loaded(tmp_path).webhooks == WebhookSettings(
        deliver=True, keep_days=30, requests_per_receiver=4, ca_file=None
    )
    assert not loaded(tmp_path, {"deliver": False}).webhooks.deliver


@pytest.mark.parametrize(
    ("webhooks", "says"),
    [
        ({"keep_days": 0}, "webhooks.keep_days"),
        ({"requests_per_receiver": 0}, "webhooks.requests_per_receiver"),
        ({"requests_per_receiver": 1000}, "webhooks.requests_per_receiver"),
        ({"keepdays": 3}, 'did you mean "keep_days"'),
        ({"ca_file": "missing.pem"}, "cannot be read as PEM certificates"),
        ({"ca_file": "agi-router.yaml"}, "cannot be read as PEM certificates"),
    ],
)
def test_mistakes_are_told(tmp_path: Path, webhooks: object, says: str) -> None:
    with pytest.raises(ConfigError) as told:
        loaded(tmp_path, webhooks)
    assert says in str(told.value)


def test_a_change_waits_for_a_restart(tmp_path: Path) -> None:
    assert restart_needed(loaded(tmp_path), loaded(tmp_path, {"keep_days": 7})) == ("webhooks.keep_days",)
