"""Commands find the running router's socket also by a configuration with mistakes."""

from pathlib import Path

import pytest

from agi_router.document import ConfigError
from ari_app.settings import load_control

STORAGE = "storage:\n  url: state/calls.db   # here\n\n"
BROKEN = "routes: {sales: [\n"
NO_YAML = "routes:\n  sales: {\nlog: {level: debug}\n"


def socket(folder: Path, text: str, *, file: str = "agi-router.yaml") -> Path:
    (folder / file).write_text(text)
    return load_control(folder / "agi-router.yaml", {}).socket


@pytest.mark.parametrize(
    "mistake",
    [
        "",
        "asterisk: {ari: {usrname: router}}\n",
        'asterisk: {ari: {password: "${NOT_SET}"}}\n',
        "nonsense: true\n",
        NO_YAML,
        BROKEN,
        "routes:\n\tsales:\n",
        "log: {level: debug}\nlog: {level: info}\n",
    ],
)
@pytest.mark.parametrize("storage_first", [True, False])
def test_a_mistake_elsewhere_does_not_matter(tmp_path: Path, mistake: str, storage_first: bool) -> None:
    if mistake == BROKEN and not storage_first:
        mistake = "routes: {sales: [\n# an open bracket swallows nothing here\n"
    text = STORAGE + mistake if storage_first else mistake + STORAGE
    assert socket(tmp_path, text) == tmp_path / "state/calls.db.sock"


def test_the_socket_may_be_named_or_left_out(tmp_path: Path) -> None:
    assert socket(tmp_path, f"control: {{socket: c.sock}}\n{NO_YAML}") == tmp_path / "c.sock"
    assert socket(tmp_path, NO_YAML) == Path("/var/lib/agi-router/agi-router.db.sock")


def test_in_a_folder_the_other_files_are_read_too(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(STORAGE)
    (tmp_path / "b.yaml").write_text(NO_YAML)
    assert load_control(tmp_path, {}).socket == tmp_path / "state/calls.db.sock"


@pytest.mark.parametrize(
    "text",
    [
        "storage: {url: [}\n",
        "{storage: {url: calls.db}, routes: [}\n",
        "  storage:\n    url: calls.db\n" + NO_YAML,
        'storage: {url: "${PLACE}/calls.db"}\n' + NO_YAML,
        "storage: {url: calls.db, path: x}\n",
        'control: {socket: "${PLACE}"}\n',
    ],
)
def test_a_mistake_in_these_sections_is_told_rather_than_guessed_around(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError):
        socket(tmp_path, text)
