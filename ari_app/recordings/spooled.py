"""A message as app_voicemail keeps it: `CONTEXT/MAILBOX/FOLDER/msgNNNN`, the sound in .wav, all else in .txt."""

import os
import re
import wave
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from ari_app.recordings.folder import FolderStore, open_file

MEDIA_TYPE: Final = "audio/wav"
ENDING: Final = "wav"
_LONGEST_TXT: Final = 64 * 1024
_NAME: Final = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}"
_PLACE: Final = re.compile(rf"(?:.*/)?(?P<place>{_NAME}/{_NAME}/{_NAME}/msg[0-9]{{4,6}})")


class NoMessageError(Exception):
    """There is no message, or none that can be read; the text says why."""


@dataclass(frozen=True, slots=True)
class MessagePlace:
    """Where a message is: `path` is relative to the spool, and leads nowhere else."""

    path: str

    @classmethod
    def parse(cls, file: str) -> Self | None:
        """By what VoiceMail() tells in VM_MESSAGEFILE, wherever Asterisk's own spool is; None of what is in no folder.

        With messages in IMAP or a database there is no file.
        """
        found = _PLACE.fullmatch(file)
        return None if found is None else cls(found["place"])


@dataclass(frozen=True, slots=True)
class Spooled:
    """What stands in the .txt of a message; `duration_s` are whole seconds, 0 where nothing was said."""

    message_id: str
    channel: str
    duration_s: int

    @classmethod
    def read(cls, spool: Path, place: MessagePlace) -> Self:
        """Raises NoMessageError."""
        path = spool / f"{place.path}.txt"
        try:
            with os.fdopen(open_file(path), "rb") as file:
                text = file.read(_LONGEST_TXT).decode("utf-8", "replace")
        except OSError as error:
            raise NoMessageError(f"{place.path}.txt cannot be read in the spool: {error.strerror}") from error
        said = dict(line.strip().partition("=")[::2] for line in text.splitlines())
        duration = said.get("duration", "")
        if not (duration.isascii() and duration.isdigit() and len(duration) < 9):
            raise NoMessageError(f"{place.path}.txt does not tell how long the message is")
        return cls(said.get("msg_id", ""), said.get("callerchan", ""), int(duration))


def seconds_of(spool: Path, place: MessagePlace) -> float:
    """The length of its sound. Raises NoMessageError where there is no 16-bit WAV of it."""
    path = spool / f"{place.path}.{ENDING}"
    try:
        with os.fdopen(open_file(path), "rb") as file, wave.open(file) as sound:
            seconds: float = round(sound.getnframes() / sound.getframerate(), 3)
            return seconds
    except (OSError, EOFError, wave.Error, ZeroDivisionError) as error:
        raise NoMessageError(f"{place.path}.{ENDING} is no WAV file: voicemail.conf needs format=wav") from error


async def sound_of(spool: Path, place: MessagePlace) -> AsyncGenerator[bytes]:
    """The file, piece by piece. Raises StoreError."""
    async with aclosing(FolderStore(spool).read(f"{place.path}.{ENDING}")) as pieces:
        async for piece in pieces:
            yield piece
