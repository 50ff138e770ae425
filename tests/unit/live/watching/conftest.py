"""A directory, and a port that keeps what is told."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from agi_router.decide import RoutingSettings
from ari_app.live.event_types import event_types
from ari_app.settings import load_settings
from tests.fakes.notices import ToldNotices

CONFIG = """\
asterisk: {ari: {username: router, password: 8f14e45f}}
storage: {url: calls.db}
directory:
  users:
    - {id: "456", name: Ada, extension: "101", devices: [PJSIP/ada], dnd: "Custom:DND101"}
    - {id: "77", name: Bob, devices: [PJSIP/bob]}
  teams: [{id: "7", name: Sales, members: ["456"], wrap_up_s: 30}]
  queues: [{id: support, name: support-queue}]
trunks: [{name: main, endpoint: trunk}, {name: spare, endpoint: spare}]
policy: {regions: [US]}
defaults: {region: US}
routes:
  sales:
    request: {url: "https://api.example.com/?n={{callerNumber}}"}
    response: {type: user, path: user}
"""


@pytest.fixture
def routing(tmp_path: Path) -> RoutingSettings:
    file = tmp_path / "agi-router.yaml"
    file.write_text(CONFIG)
    return load_settings(file, {}).routing


@pytest.fixture
def notices() -> Iterator[ToldNotices]:
    """All that was told looks like the example that people are shown of its type."""
    notices = ToldNotices()
    yield notices
    for notice in notices.told:
        assert names(notice.data) == names(event_types()[notice.type].payload["data"])


def names(data: Mapping[str, Any]) -> dict[str, list[str]]:
    return {key: sorted(value) if isinstance(value, Mapping) else [] for key, value in data.items()}
