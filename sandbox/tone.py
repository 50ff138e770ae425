"""Tones in G.711 mu-law: made, and recognised again in what arrives."""

import math
from functools import cache

SAMPLE_RATE = 8000
MUSIC_ON_HOLD_HZ = 620
RINGING_HZ = (440, 480)  # of the United States, as indications.conf has it

_BIAS = 0x84
_CLIP = 32635
_LINE_NOISE = 50  # quieter than any tone of ours


def encode(sample: int) -> int:
    """One 16-bit linear sample as mu-law (ITU-T G.711)."""
    sign = 0x80 if sample < 0 else 0
    magnitude = min(abs(sample), _CLIP) + _BIAS
    exponent = magnitude.bit_length() - 8
    mantissa = (magnitude >> (exponent + 3)) & 0x0F
    return ~(sign | exponent << 4 | mantissa) & 0xFF


def decode(code: int) -> int:
    """One mu-law byte as a 16-bit linear sample."""
    code = ~code & 0xFF
    magnitude = (((code & 0x0F) << 3) + _BIAS << (code >> 4 & 0x07)) - _BIAS
    return -magnitude if code & 0x80 else magnitude


LINEAR = tuple(decode(code) for code in range(256))
SILENCE = encode(0)


@cache
def one_second(frequency_hz: int, amplitude: int = 8000) -> bytes:
    """A second of this tone. Whole frequencies fit a second exactly, so repeating it gives no click."""
    step = 2 * math.pi * frequency_hz / SAMPLE_RATE
    return bytes(encode(round(amplitude * math.sin(step * n))) for n in range(SAMPLE_RATE))


def is_sound(audio: bytes) -> bool:
    """Whether the audio is louder than line noise."""
    return sum(LINEAR[code] ** 2 for code in audio) >= len(audio) * _LINE_NOISE**2


def share(audio: bytes, frequency_hz: int) -> float:
    """How much of the audio's power is in this tone: about 1.0 for the pure tone, 0.0 for silence or another one.

    The Goertzel algorithm: one bin of a Fourier transform, without the others.
    """
    coefficient = 2 * math.cos(2 * math.pi * frequency_hz / SAMPLE_RATE)
    previous = before = 0.0
    power = 0
    for code in audio:
        sample = LINEAR[code]
        power += sample * sample
        previous, before = sample + coefficient * previous - before, previous
    if power < len(audio) * _LINE_NOISE**2:
        return 0.0
    tone = previous * previous + before * before - coefficient * previous * before
    return tone / (power * len(audio) / 2)
