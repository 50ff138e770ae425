"""Recordings in a store, for the tests of the API."""

import functools
import hashlib
import math
import struct
import wave
from collections.abc import AsyncIterator
from dataclasses import asdict
from datetime import UTC, datetime
from io import BytesIO
from typing import Any, Final

from sqlalchemy import insert

from ari_app.domain.recordings import RecordingKind, RecordingState, StoredRecording
from ari_app.storage.schema import recordings
from tests.component.web.rig import WebRig

CALL: Final = "20261121T012209-4a8f0c1e9b7d"
RECORDING: Final = f"{CALL}-1"


@functools.cache  # each sample is computed: a second of sound takes longer than most tests
def sound(seconds: float, *tones_hz: int) -> bytes:
    """A WAV file as Asterisk writes it (16 bit, 8 kHz), one tone after the other, each of so many seconds."""
    file = BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(8000)
        for tone in tones_hz:
            samples = (int(8000 * math.sin(2 * math.pi * tone * at / 8000)) for at in range(int(8000 * seconds)))
            wav.writeframes(b"".join(struct.pack("<h", sample) for sample in samples))
    return file.getvalue()


async def store(web: WebRig, content: bytes, recording_id: str = RECORDING, **changes: Any) -> StoredRecording:
    """Put a recording into the store, and on record."""
    place = f"2026/11/21/{recording_id}.wav"
    size, digest = await web.services.recordings.store.put(place, _pieces(content))
    assert digest == hashlib.sha256(content).hexdigest()
    return await put_on_record(web, recording_id, place=place, size=size, sha256=digest, **changes)


async def put_on_record(web: WebRig, recording_id: str = RECORDING, **changes: Any) -> StoredRecording:
    """Its row alone."""
    given: dict[str, Any] = {
        "id": recording_id,
        "call_id": CALL,
        "kind": RecordingKind.CALL,
        "state": RecordingState.STORED,
        "started_at": datetime(2026, 11, 21, 1, 22, 9, tzinfo=UTC),
    }
    recording = StoredRecording(**(given | changes))
    async with web.database.writer.begin() as connection:
        await connection.execute(insert(recordings).values(asdict(recording)))
    return recording


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    for begin in range(0, len(content), 65536):
        yield content[begin : begin + 65536]
