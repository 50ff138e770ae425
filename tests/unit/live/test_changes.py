"""What a reload tells of a changed configuration: names and keys, never a value."""

from pathlib import Path

import pytest

from ari_app.live.changes import changes, restart_needed
from ari_app.settings import Settings, load_settings

CONFIG = """\
asterisk: {ari: {username: router, password: 8f14e45f}}
storage: {url: calls.db}
directory:
  users:
    - {id: "456", name: Ada, devices: [PJSIP/ada]}
    - {id: "77", name: Bob, devices: [PJSIP/bob]}
trunks: [{name: main, endpoint: trunk}, {name: spare, endpoint: spare}]
policy: {regions: [US]}
defaults: {region: US}
routes:
  sales:
    request: {url: "https://api.example.com/?n={{callerNumber}}", auth: {type: bearer, token: geheim-eins}}
    response: {type: user, path: user}
  support:
    request: {url: "https://api.example.com/?n={{callerNumber}}"}
    response: {type: user, path: user}
"""


def load(folder: Path, *replaced: tuple[str, str]) -> Settings:
    text = CONFIG
    for old, new in replaced:
        assert old in text
        text = text.replace(old, new, 1)
    file = folder / "agi-router.yaml"
    file.write_text(text)
    return load_settings(file, {})


def sentences(folder: Path, *replaced: tuple[str, str]) -> list[str]:
    found = changes(load(folder), load(folder, *replaced))
    return [sentence for change in found for sentence in change.sentences()]


def test_an_unchanged_configuration_has_no_changes(tmp_path: Path) -> None:
    assert changes(load(tmp_path), load(tmp_path)) == ()
    assert restart_needed(load(tmp_path), load(tmp_path)) == ()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("  support:", "  service:", ["routes added: service", "routes removed: support"]),
        ("path: user}", "path: owner}", ["routes changed: sales (response.path)"]),
        ("geheim-eins", "geheim-zwei", ["routes changed: sales (request.auth)"]),
        ("[PJSIP/bob]", "[PJSIP/bob2]", ["users changed: 77 (devices)"]),
        ('    - {id: "77", name: Bob, devices: [PJSIP/bob]}\n', "", ["users removed: 77"]),
        ("{name: main, endpoint: trunk}, ", "", ["trunks removed: main"]),
        ("regions: [US]", "regions: [US, GB]", ["policy changed: regions"]),
        (
            "defaults: {",
            "network: {allowed_networks: [10.0.0.0/8]}\ndefaults: {",
            ["network changed: allowed_networks"],
        ),
        ("region: US}", "region: US, fallback: [{hangup: busy}]}", ["defaults.fallback changed"]),
        ("storage:", "log: {level: debug}\nstorage:", ["log changed: level"]),
        ("storage:", "calls: {max_in_setup: 5}\nstorage:", ["calls changed: max_in_setup"]),
        (
            "region: US}",
            "region: US, timeout_s: 20}",
            ["routes changed: sales (ringing.timeout_s), support (ringing.timeout_s)"],
        ),
        (
            "{name: main, endpoint: trunk}, {name: spare, endpoint: spare}",
            "{name: spare, endpoint: spare}, {name: main, endpoint: trunk}",
            ["trunks changed: order"],
        ),
    ],
)
def test_what_changed_is_told_by_name_and_key(tmp_path: Path, old: str, new: str, told: list[str]) -> None:
    assert sentences(tmp_path, (old, new)) == told


def test_no_value_is_told(tmp_path: Path) -> None:
    assert "geheim" not in repr(changes(load(tmp_path), load(tmp_path, ("geheim-eins", "geheim-zwei"))))


def test_of_many_names_the_first_ten_are_told(tmp_path: Path) -> None:
    users = "".join(f'\n    - {{id: "{1000 + i}", devices: [PJSIP/p{i}]}}' for i in range(25))
    [told] = sentences(tmp_path, ("  users:", f"  users:{users}"))
    assert told == f"users added: {', '.join(str(1000 + i) for i in range(10))} and 15 more"


@pytest.mark.parametrize(
    ("old", "new", "keys"),
    [
        ("username: router", "username: router, url: https://pbx:8089", ("asterisk.ari.url",)),
        ("8f14e45f", "9a14e45f", ("asterisk.ari.password",)),
        ("url: calls.db", "url: others.db", ("storage.url",)),
        ("storage:", "control: {socket: c.sock}\nstorage:", ("control.socket",)),
        ("{url: calls.db}", "{url: calls.db, keep_days: 30}", ("storage.keep_days",)),
        ("path: user}", "path: owner}", ()),
    ],
)
def test_what_a_running_router_does_not_take_is_told(tmp_path: Path, old: str, new: str, keys: tuple[str, ...]) -> None:
    changed = load(tmp_path, (old, new))
    assert restart_needed(load(tmp_path), changed) == keys
    assert bool(changes(load(tmp_path), changed)) is (keys == ())
