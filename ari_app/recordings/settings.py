"""What is configured of recordings as files; who is recorded is said by routes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

VOICEMAIL_SPOOL: Final = Path("/var/spool/asterisk/voicemail")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingSettings:
    """Section `recordings`. After `keep_days` a file is deleted and its row marked; None: it stays as long as its
    call does.

    `format` is Asterisk's name of the files' format, wav (8 kHz) or wav16 (16 kHz). With `keep_in_asterisk` what was
    fetched stays in Asterisk's spool, too. `voicemail_spool` is where messages of callers are, if this host has them.
    """

    folder: Path
    keep_days: int | None = None
    format: str = "wav"
    keep_in_asterisk: bool = False
    voicemail_spool: Path = VOICEMAIL_SPOOL
