"""What is heard in a recording."""

import wave
from pathlib import Path

from sandbox.tone import SAMPLE_RATE, encode, share

PIECES_PER_SECOND = 50


def seconds_with(file: Path, *frequencies_hz: int) -> float:
    """How long all of these tones are in the recording together."""
    with wave.open(str(file)) as recording:
        assert (recording.getframerate(), recording.getsampwidth(), recording.getnchannels()) == (SAMPLE_RATE, 2, 1)
        samples = memoryview(recording.readframes(recording.getnframes())).cast("h")
    step = SAMPLE_RATE // PIECES_PER_SECOND
    pieces = [bytes(encode(sample) for sample in samples[at : at + step]) for at in range(0, len(samples), step)]
    heard = [piece for piece in pieces if all(share(piece, hz) > 0.2 for hz in frequencies_hz)]
    return len(heard) / PIECES_PER_SECOND
