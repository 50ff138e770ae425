"""The section `agi`: what it means, what is refused, and what is hardly meant."""

from ipaddress import ip_network
from pathlib import Path

import pytest

from agi_router.document import ConfigError
from agi_router.fastagi import AgiSettings
from ari_app.doctor.configuration import warnings
from ari_app.live.changes import restart_needed
from ari_app.settings import Settings, load_settings

REST = """\
asterisk: {ari: {username: router, password: 8f14e45f}}
defaults: {region: US, fallback: [{hangup: busy}]}
"""


def load(folder: Path, agi: str = "") -> Settings:
    file = folder / "agi-router.yaml"
    file.write_text(f"{REST}{agi}\n")
    return load_settings(file, {})


def test_the_door_is_closed_unless_it_is_asked_for(tmp_path: Path) -> None:
    assert load(tmp_path).agi is None
    assert load(tmp_path, "agi: {}").agi == AgiSettings(host="127.0.0.1", port=4573, max_connections=500)


def test_everything_can_be_given(tmp_path: Path) -> None:
    agi = load(tmp_path, "agi: {listen: 10.0.0.5:4580, allowed_networks: [10.0.0.7], max_connections: 50}").agi
    networks = (ip_network("10.0.0.7"),)
    assert agi == AgiSettings(host="10.0.0.5", port=4580, allowed_networks=networks, max_connections=50)


@pytest.mark.parametrize(
    ("listen", "host", "port"),
    [
        ("127.0.0.1", "127.0.0.1", 4573),
        ('"[::1]:4580"', "::1", 4580),
        ('"[::]"', "::", 4573),
        ("0.0.0.0:1", "0.0.0.0", 1),
    ],
)
def test_an_address_may_have_a_port(tmp_path: Path, listen: str, host: str, port: int) -> None:
    agi = load(tmp_path, f"agi: {{listen: {listen}}}").agi
    assert agi is not None
    assert (agi.host, agi.port) == (host, port)


@pytest.mark.parametrize("listen", ["pbx:4573", "4573", "127.0.0.1:0", "127.0.0.1:70000", "::1", "1.2.3.4.5", "''"])
def test_what_is_no_address_is_refused_with_an_example(tmp_path: Path, listen: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load(tmp_path, f'agi: {{listen: "{listen}"}}')
    [problem] = refused.value.problems
    assert problem.key == "agi.listen"
    assert "127.0.0.1:4573" in problem.message


@pytest.mark.parametrize(
    ("agi", "warned"),
    [
        ("{}", []),
        ("{listen: 10.0.0.5, allowed_networks: [10.0.0.0/8]}", []),
        ("{listen: 0.0.0.0}", ["agi.listen: on 0.0.0.0"]),
        ("{allowed_networks: [10.0.0.7]}", ["agi.allowed_networks: nobody reaches 127.0.0.1"]),
        ("{listen: 10.0.0.5, allowed_networks: [0.0.0.0/0]}", ["agi.allowed_networks: 0.0.0.0/0 holds public"]),
        ("{listen: 10.0.0.5, allowed_networks: [198.41.0.4]}", ["agi.allowed_networks: 198.41.0.4/32 holds public"]),
    ],
)
def test_what_is_hardly_meant_is_warned_of(tmp_path: Path, agi: str, warned: list[str]) -> None:
    told = [warning for warning in warnings(load(tmp_path, f"agi: {agi}")) if warning.startswith("agi")]
    assert len(told) == len(warned)
    assert all(warning.startswith(begins) for warning, begins in zip(told, warned, strict=True))


def test_the_door_changes_with_a_restart(tmp_path: Path) -> None:
    closed, opened = load(tmp_path), load(tmp_path, "agi: {}")
    moved = load(tmp_path, "agi: {listen: 10.0.0.5:4574, allowed_networks: [10.0.0.7]}")
    assert restart_needed(closed, opened) == restart_needed(opened, closed) == ("agi",)
    assert restart_needed(opened, moved) == ("agi.listen", "agi.allowed_networks")
