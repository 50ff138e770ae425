"""The header of a WAV file: how long the sound is; and a header that Asterisk did not come to complete is put right.

Asterisk writes the sizes of such a file when it closes it. One that it was killed over says that it is empty, and no
player plays it. Header: http://soundfile.sapp.org/doc/WaveFormat/
"""

import struct
from collections.abc import AsyncIterator
from typing import Final

MEDIA_TYPE: Final = "audio/wav"
ENDING: Final = "wav"

_HEADER: Final = struct.Struct("<4sI4s4sIHHIIHH4sI")


class Wav:
    """What is learnt of one file while its pieces pass by."""

    def __init__(self, length: int | None) -> None:
        self._length = length
        self._size = 0
        self._byte_rate = 0

    async def passing(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The same pieces, with a header that tells the sizes as they are."""
        head = b""
        async for piece in pieces:
            self._size += len(piece)
            if self._size < _HEADER.size:
                head += piece
            elif self._size - len(piece) < _HEADER.size:
                yield self._mended(head + piece)
                head = b""
            else:
                yield piece
        if head:
            yield head

    @property
    def seconds(self) -> float | None:
        """How long the sound is, when all pieces have passed; None of what is no WAV file."""
        return (self._size - _HEADER.size) / self._byte_rate if self._byte_rate else None

    def _mended(self, start: bytes) -> bytes:
        fields = list(_HEADER.unpack_from(start))
        if (fields[0], fields[2], fields[3], fields[11]) != (b"RIFF", b"WAVE", b"fmt ", b"data"):
            return start
        self._byte_rate = fields[8]
        if self._length is None:
            return start
        fields[1], fields[12] = _fitting(self._length - 8), _fitting(self._length - _HEADER.size)
        return _HEADER.pack(*fields) + start[_HEADER.size :]


def _fitting(size: int) -> int:
    """As the header can say it: of more than 4 GiB players take all that comes."""
    return min(max(size, 0), 0xFFFFFFFF)
