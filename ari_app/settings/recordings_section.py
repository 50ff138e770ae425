"""The section `recordings`: where the files are kept, and for how long. Who is recorded is said by routes."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from agi_router.document import ConfigError, Document, Problem, Section
from ari_app.recordings.settings import VOICEMAIL_SPOOL, RecordingSettings
from ari_app.storage.settings import RetentionSettings, StorageSettings

FOLDER = "recordings"


class RecordingsSection(Section):
    """`recordings`."""

    folder: str | None = Field(default=None, min_length=1)
    keep_days: int | None = Field(default=None, ge=1, le=36_500)
    format: Literal["wav", "wav16"] = "wav"
    keep_in_asterisk: bool = False
    voicemail_spool: str = Field(default=str(VOICEMAIL_SPOOL), min_length=1)


def recording_settings(
    document: Document, section: RecordingsSection, storage: StorageSettings, retention: RetentionSettings
) -> RecordingSettings:
    """What the section means. Raises ConfigError for recordings that would outlive their calls."""
    if section.keep_days and retention.keep_days and section.keep_days > retention.keep_days:
        at = document.position(("recordings", "keep_days"))
        message = (
            f"a call is deleted after {retention.keep_days} days (storage.keep_days), and its recordings go with it: "
            "lower this, or leave it out"
        )
        raise ConfigError([Problem(at, "recordings.keep_days", message)])
    folder = _beside(storage) if section.folder is None else (document.directory / Path(section.folder)).absolute()
    return RecordingSettings(
        folder=folder,
        keep_days=section.keep_days,
        format=section.format,
        keep_in_asterisk=section.keep_in_asterisk,
        voicemail_spool=(document.directory / section.voicemail_spool).absolute(),
    )


def _beside(storage: StorageSettings) -> Path:
    return (storage.folder if storage.is_postgresql else storage.path.parent) / FOLDER
