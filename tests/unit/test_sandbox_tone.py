"""Tones are made as G.711 wants them, and recognised among others."""

import pytest

from sandbox import tone


def test_mu_law_follows_the_tables_of_g711() -> None:
    assert [tone.encode(sample) for sample in (0, -1, 32767, -32768, 1000, -1000)] == [
        0xFF,
        0x7F,
        0x80,
        0x00,
        0xCE,
        0x4E,
    ]
    assert tone.decode(0x00) == -32124
    assert tone.decode(0x80) == 32124


def test_every_code_survives_decoding_and_encoding() -> None:
    codes = [code for code in range(256) if code != 0x7F]  # 0x7F is minus zero, which comes back as zero
    assert [tone.encode(tone.decode(code)) for code in codes] == codes


@pytest.mark.parametrize("frequency_hz", [300, 500, 620, 1000, 1477, 3000])
def test_a_tone_is_heard_in_one_frame_and_no_other_is(frequency_hz: int) -> None:
    frame = tone.one_second(frequency_hz)[:160]
    assert tone.share(frame, frequency_hz) > 0.9
    assert tone.share(frame, frequency_hz + 200) < 0.2


def test_of_two_tones_at_once_neither_is_dominant_by_far() -> None:
    both = bytes(
        tone.encode((tone.decode(low) + tone.decode(high)) // 2)
        for low, high in zip(tone.one_second(500)[:800], tone.one_second(1000)[:800], strict=True)
    )
    assert tone.share(both, 500) == pytest.approx(0.5, abs=0.05)


def test_silence_is_no_tone() -> None:
    assert tone.share(bytes([tone.SILENCE]) * 160, 500) == 0.0


def test_a_tone_is_sound_and_silence_is_none() -> None:
    assert tone.is_sound(tone.one_second(500)[:160])
    assert not tone.is_sound(bytes([tone.SILENCE]) * 160)
