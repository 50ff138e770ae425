"""The keys of a phone on the wire: named telephone events in RTP (RFC 4733, section 2.3), and SIP INFO."""

import struct
from dataclasses import dataclass
from typing import Final

DIGITS: Final = "0123456789*#ABCD"
PAYLOAD_TYPE: Final = 101
MARKER: Final = 0x80
INFO_TYPE: Final = "application/dtmf-relay"

_EVENT = struct.Struct("!BBH")
_END = 0x80
_VOLUME = 10  # -dBm0
_FRAMES = 5  # 100 ms
_LAST_ONES = 3  # the end is sent three times, as packets get lost


@dataclass(frozen=True, slots=True)
class EventPacket:
    """What stands in one RTP packet of a key. All packets of a key have the timestamp of the first."""

    marker: int
    payload: bytes


def telephone_event(digit: str, frame_samples: int) -> list[EventPacket]:
    """The packets of one key, one for each frame of `frame_samples`."""
    code = DIGITS.index(digit)
    packets = [
        EventPacket(MARKER if frame == 1 else 0, _EVENT.pack(code, _VOLUME, frame * frame_samples))
        for frame in range(1, _FRAMES + 1)
    ]
    end = EventPacket(0, _EVENT.pack(code, _VOLUME | _END, _FRAMES * frame_samples))
    return packets + [end] * _LAST_ONES


def key_of(payload: bytes) -> str | None:
    """The key whose last packet this payload is; None while it is held."""
    code, end_and_volume, _ = _EVENT.unpack_from(payload)
    return DIGITS[code] if end_and_volume & _END and code < len(DIGITS) else None


def info_body(digit: str) -> bytes:
    """The body of the INFO that says that this key was pressed."""
    return f"Signal={digit}\r\nDuration=100\r\n".encode()
