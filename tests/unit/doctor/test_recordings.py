"""What the doctor says of the folder of recordings."""

from pathlib import Path

import pytest
import yaml

from ari_app.doctor.finding import Verdict
from ari_app.doctor.recordings import judge_room, recordings_checks
from ari_app.settings import Settings, load_settings


def loaded(folder: Path, **defaults: object) -> Settings:
    document = {
        "asterisk": {"ari": {"username": "router", "password": "7f0c2b6d1e"}},
        "storage": {"url": "calls.db"},
        "defaults": {"region": "US", **defaults},
    }
    path = folder / "agi-router.yaml"
    path.write_text(yaml.safe_dump(document))
    return load_settings(path, {})


def test_where_nothing_is_recorded_nothing_is_looked_at(tmp_path: Path) -> None:
    settings = loaded(tmp_path)
    assert recordings_checks(settings.routing, settings.recordings.folder) == []


async def test_a_folder_that_is_none_is_an_error(tmp_path: Path) -> None:
    settings = loaded(tmp_path, recording="always")
    (check,) = recordings_checks(settings.routing, settings.recordings.folder)
    (fine,) = await check.find()
    assert fine.status is not Verdict.ERROR
    settings.recordings.folder.write_text("a file")
    (finding,) = await check.find()
    assert (finding.status, finding.id) == (Verdict.ERROR, "recordings-folder")


@pytest.mark.parametrize(
    ("free", "status"), [(40 * 1024**2, Verdict.ERROR), (1024**3, Verdict.WARNING), (3 * 1024**3, Verdict.OK)]
)
def test_little_room_is_told_before_there_is_none(free: int, status: Verdict) -> None:
    assert judge_room(Path("/srv/recordings"), free).status is status
