"""Which bytes of a file a request wants: the header Range of RFC 9110, section 14."""

import re
from dataclasses import dataclass
from typing import Final

_RANGE: Final = re.compile(r"bytes=[ \t]*(?P<first>[0-9]*)-(?P<last>[0-9]*)[ \t]*", re.IGNORECASE)
_FAR: Final = 10**18
"""Behind the end of any file."""


@dataclass(frozen=True, slots=True)
class ByteRange:
    """From the byte `first` to the byte `last`, both included."""

    first: int
    last: int

    @property
    def length(self) -> int:
        """In bytes."""
        return self.last - self.first + 1


class NotSatisfiableError(Exception):
    """There is nothing of this file in that range: 416."""


def range_of(header: str, size: int) -> ByteRange | None:
    """The part that is wanted of a file of `size` bytes; None for all of it. Raises NotSatisfiableError.

    All of it is also sent for what is no range of bytes, and for several ranges at once, as section 14.2 allows: no
    player asks for those.
    """
    found = _RANGE.fullmatch(header)
    if found is None or not (found["first"] or found["last"]):
        return None
    if not found["first"]:
        length = min(_number(found["last"]), size)
        if not length:
            raise NotSatisfiableError
        return ByteRange(size - length, size - 1)
    first = _number(found["first"])
    last = _number(found["last"]) if found["last"] else _FAR
    if last < first:
        return None
    if first >= size:
        raise NotSatisfiableError
    return ByteRange(first, min(last, size - 1))


def _number(digits: str) -> int:
    """Of any length: Python reads no more than 4300 digits."""
    significant = digits.lstrip("0")
    return _FAR if len(significant) > len(str(_FAR)) - 1 else int(significant or "0")
