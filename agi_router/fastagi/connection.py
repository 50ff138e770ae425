"""One TCP connection of the AGI door: bytes in, lines out; bounded, and noticed at once when it breaks."""

import asyncio
import re
from collections.abc import Callable
from typing import Final, Protocol, cast

from agi_router.fastagi.errors import HangUpError

LONGEST_HEADER: Final = 16 * 1024
"""In bytes. Asterisk's own lines take about 600; the arguments of AGI() may be 8 KB."""

LONGEST_ANSWER: Final = 64 * 1024
"""In bytes: the contacts of many devices make long values."""

MOST_UNASKED: Final = 100
"""Lines that answer nothing: a few are left over when Asterisk refuses a command."""

NEVER: Final = float("inf")

_HANGUP: Final = b"HANGUP"
_VALUE_BEGUN: Final = re.compile(rb"200 result=-?\d* \(")
_USAGE_BEGUN: Final = b"520-"
_USAGE_ENDS: Final = b"520 "
_ANSWER: Final = re.compile(rb"200 result=-?\d*( \(.*\))?|5\d\d .*")
"""Only these go on to panoramisk's parser: it fails on a line without a status, and takes its time on others."""


class Owner(Protocol):
    """Who is told of a connection's life: the door."""

    def arrived(self, connection: "Connection") -> None:
        """It is open."""

    def asked(self, connection: "Connection", header: bytes) -> None:
        """Its header is complete, in bytes without the empty line."""

    def refuse(self, connection: "Connection", why: str) -> None:
        """It keeps to no rule, and has to be aborted."""

    def left(self, connection: "Connection") -> None:
        """It is closed."""


class Connection(asyncio.Protocol):
    """Gives its header to the owner, then answer after answer to `readline`.

    It is the reader and the writer of panoramisk's Request. `due` is the moment of the loop's clock from which on the
    peer is too slow: the owner looks at it now and then, so that no command needs a timer of its own.
    """

    def __init__(self, owner: Owner, header_deadline_s: float, answer_deadline_s: float) -> None:
        self.source = ""
        self.gone: HangUpError | None = None
        self.on_gone: Callable[[], None] | None = None
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._answer_deadline_s = answer_deadline_s
        self.due = self._loop.time() + header_deadline_s
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._has_asked = False
        self._waiting: asyncio.Future[bytes] | None = None
        self._begun = b""  # an answer, of which more lines are to come
        self._unasked = 0

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The peer is there."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by its class
        peer = transport.get_extra_info("peername")
        self.source = peer[0] if peer else ""
        self._owner.arrived(self)

    def data_received(self, data: bytes) -> None:
        """Some bytes, cut anywhere."""
        if self.gone is not None:
            return
        looked_through = max(0, len(self._received) - 1)
        self._received += data
        if self._has_asked or self._take_header(looked_through):
            self._take_lines()

    def connection_lost(self, exc: Exception | None) -> None:
        """The peer has gone, or we have closed."""
        self.end(f"the connection broke: {exc}" if exc else "the connection is closed")
        self._owner.left(self)

    # What panoramisk's Request calls.

    def write(self, line: bytes) -> None:
        """Send a command, whose answer is awaited from now on. Raises HangUpError."""
        if self.gone is not None:
            raise self.gone
        assert self._transport is not None, "commands are sent on an open connection"
        self._begun = b""
        self._waiting = self._loop.create_future()
        self.due = self._loop.time() + self._answer_deadline_s
        self._transport.write(line)

    async def drain(self) -> None:
        """Nothing to wait for: a command is short, and the next one waits for its answer."""

    async def readline(self) -> bytes:
        """The answer, its line's end included. Raises HangUpError."""
        if self.gone is not None:
            raise self.gone
        if self._waiting is None:
            return b"\n"  # Request asks for the usage that follows a refusal, which was left out
        try:
            return await self._waiting
        finally:
            self._waiting = None

    # What the door calls.

    def end(self, why: str) -> None:
        """Nothing is read any more: whoever waits gets a HangUpError."""
        if self.gone is not None:
            return
        self.gone = HangUpError(why)
        self._received.clear()
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(self.gone)
        if self.on_gone is not None:
            self.on_gone()

    def close(self) -> None:
        """Send what is still to be sent, then close; the peer has the time of one answer to read it."""
        self.end("the door has closed the connection")
        self.due = self._loop.time() + self._answer_deadline_s
        if self._transport is not None:
            self._transport.close()

    def abort(self, why: str) -> None:
        """Close at once."""
        self.end(why)
        if self._transport is not None:
            self._transport.abort()

    def _take_header(self, looked_through: int) -> bool:
        end = self._received.find(b"\n\n", looked_through)
        if end < 0 and len(self._received) <= LONGEST_HEADER:
            return False
        if not 0 <= end <= LONGEST_HEADER:
            self._owner.refuse(self, f"the header is longer than {LONGEST_HEADER} bytes")
            return False
        header = bytes(self._received[:end])
        del self._received[: end + 2]
        self._has_asked = True
        self.due = NEVER
        self._owner.asked(self, header)
        return True

    def _take_lines(self) -> None:
        while self.gone is None and (end := self._received.find(b"\n")) >= 0:
            line = bytes(self._received[:end])
            del self._received[: end + 1]
            if line == _HANGUP:
                self.end("the channel was hung up")
            elif self._waiting is not None and not self._waiting.done():
                self._take_answer(self._waiting, line)
            elif line.startswith(b"agi_"):
                self._owner.refuse(self, "a value has a line break, and an empty line after it")
            else:
                self._unasked += 1
        if len(self._received) + len(self._begun) > LONGEST_ANSWER:
            self._owner.refuse(self, f"an answer is longer than {LONGEST_ANSWER} bytes")
        if self._unasked > MOST_UNASKED:
            self._owner.refuse(self, "the peer says what nobody asked")

    def _take_answer(self, waiting: asyncio.Future[bytes], line: bytes) -> None:
        """Hand an answer over once it is whole: a value with line breaks in it comes as several lines."""
        if self._begun.startswith(_USAGE_BEGUN):
            if line.startswith(_USAGE_ENDS):
                line = _USAGE_ENDS + self._begun.removeprefix(_USAGE_BEGUN)
            else:
                return
        elif self._begun:
            line = self._begun + b" " + line
        if line.startswith(_USAGE_BEGUN) or (_VALUE_BEGUN.match(line) and not line.endswith(b")")):
            self._begun = line
        elif _ANSWER.fullmatch(line):
            self.due = NEVER
            waiting.set_result(line.decode(errors="replace").encode() + b"\n")
        elif not line.startswith(b"100 "):  # which says that the answer is still to come
            self._owner.refuse(self, "the peer answers as no Asterisk does")
