"""The header of a WAV file as its pieces pass by."""

import struct
from collections.abc import AsyncIterator

import pytest

from ari_app.recordings.wav import Wav

HEADER = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 0, b"WAVE", b"fmt ", 16, 1, 1, 8000, 16_000, 2, 16, b"data", 0)


async def pieces() -> AsyncIterator[bytes]:
    yield HEADER[:20]
    yield HEADER[20:] + bytes(16_000)


@pytest.mark.parametrize(
    ("length", "riff", "data"), [(16_044, 16_036, 16_000), (5 * 2**30, 2**32 - 1, 2**32 - 1), (10, 2, 0)]
)
async def test_a_header_tells_its_sizes_as_far_as_it_can(length: int, riff: int, data: int) -> None:
    wav = Wav(length)
    passed = b"".join([piece async for piece in wav.passing(pieces())])
    assert len(passed) == 16_044
    assert struct.unpack_from("<I", passed, 4) == (riff,)
    assert struct.unpack_from("<I", passed, 40) == (data,)
    assert wav.seconds == 1.0
