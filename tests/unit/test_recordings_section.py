"""The section `recordings`: where the files are kept, and for how long."""

from pathlib import Path

import pytest
import yaml

from agi_router.document import ConfigError
from ari_app.live.changes import restart_needed
from ari_app.settings import Settings, load_settings


def loaded(folder: Path, recordings: object = None, storage: object = None) -> Settings:
    document: dict[str, object] = {
        "asterisk": {"ari": {"username": "router", "password": "7f0c2b6d1e"}},
        "storage": storage or {"url": "calls.db"},
        "defaults": {"region": "US"},
    }
    if recordings is not None:
        document["recordings"] = recordings
    path = folder / "agi-router.yaml"
    path.write_text(yaml.safe_dump(document))
    return load_settings(path, {})


def test_files_are_kept_beside_the_database_unless_a_folder_is_named(tmp_path: Path) -> None:
    assert loaded(tmp_path).recordings.folder == tmp_path / "recordings"
    assert loaded(tmp_path, {"folder": "/srv/voices"}).recordings.folder == Path("/srv/voices")
    assert loaded(tmp_path, {"folder": "voices"}).recordings.folder == tmp_path / "voices"
    on_server = {"url": "postgresql://router@db/router", "folder": "/srv/router"}
    assert loaded(tmp_path, storage=on_server).recordings.folder == Path("/srv/router/recordings")


def test_a_recording_is_kept_as_long_as_its_call_unless_it_is_to_go_before(tmp_path: Path) -> None:
    assert loaded(tmp_path).recordings.keep_days is None
    assert loaded(tmp_path, {"keep_days": 30}, {"url": "calls.db", "keep_days": 90}).recordings.keep_days == 30


def test_a_recording_that_would_outlive_its_call_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"recordings\.keep_days") as caught:
        loaded(tmp_path, {"keep_days": 91}, {"url": "calls.db", "keep_days": 90})
    assert "lower this, or leave it out" in str(caught.value)


@pytest.mark.parametrize("wrong", [{"format": "mp3"}, {"keep_days": 0}, {"folder": ""}, {"keep": 3}])
def test_what_can_not_be_is_a_mistake(tmp_path: Path, wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="recordings"):
        loaded(tmp_path, wrong)


def test_a_change_needs_a_restart(tmp_path: Path) -> None:
    before = loaded(tmp_path)
    assert "recordings.format" in restart_needed(before, loaded(tmp_path, {"format": "wav16"}))
    assert not restart_needed(before, loaded(tmp_path))
