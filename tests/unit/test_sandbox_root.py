"""The tree is built once, whole or not at all. A script plays mmdebstrap."""

import threading
from pathlib import Path

import pytest

from sandbox.errors import SandboxError
from sandbox.root import asterisk_root


@pytest.fixture
def mmdebstrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The script; it makes the tree named by its last argument, and notes that it ran."""
    tools = tmp_path / "tools"
    tools.mkdir()
    script = tools / "mmdebstrap"
    script.write_text(f'#!/bin/sh\nfor last; do :; done\nmkdir "$last"\necho built >> {tmp_path}/builds\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    monkeypatch.setattr("os.geteuid", lambda: 0)  # a user's way goes through a real tar
    return script


def builds(tmp_path: Path) -> int:
    return len((tmp_path / "builds").read_text().splitlines())


def test_it_is_built_once_for_all_who_ask_at_the_same_time(tmp_path: Path, mmdebstrap: Path) -> None:
    root = tmp_path / "cache" / "root"
    askers = [threading.Thread(target=asterisk_root, args=[root]) for _ in range(4)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert asterisk_root(root) == root
    assert builds(tmp_path) == 1


def test_another_recipe_builds_it_anew(tmp_path: Path, mmdebstrap: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = asterisk_root(tmp_path / "root")
    (root / "from-before").touch()
    monkeypatch.setattr("sandbox.root.SUITE", "another")
    asterisk_root(root)
    assert builds(tmp_path) == 2
    assert not (root / "from-before").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["builds", "root", "root.lock", "tools"]


def test_a_build_that_fails_leaves_nothing_and_says_why(tmp_path: Path, mmdebstrap: Path) -> None:
    mmdebstrap.write_text('#!/bin/sh\nfor last; do :; done\nmkdir "$last"\necho "E: no mirror" >&2\nexit 1\n')
    with pytest.raises(SandboxError, match=r"(?s)Debian mirror.*E: no mirror"):
        asterisk_root(tmp_path / "root")
    assert [path.name for path in tmp_path.glob("root*")] == ["root.lock"]


def test_a_missing_tool_is_named_with_the_way_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SandboxError, match="apt-get install mmdebstrap"):
        asterisk_root(tmp_path / "root")
