"""One connection of the REST API: uvicorn's, with a deadline for whatever it waits for, and bounds for its bytes."""

import asyncio
from contextlib import suppress
from enum import Enum, auto
from typing import Final, assert_never

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from ari_app.web.places import NEVER, Places
from ari_app.web.problems import MEDIA_TYPE, ProblemError

HEAD_S = 10.0
"""From the connection, or the first byte of a next request, to the end of the request's head; TLS included."""

BODY_S = 30.0
"""From the end of the head to the end of the body."""

REST_S = 60
"""Between an answer and the next request."""

WRITE_S = 30.0
"""In which a reader has to take some of what is written, once what waits for him fills a buffer."""

CLOSE_S: Final = 5.0
"""In which the last bytes of an answer have to be gone."""

LONGEST_HEAD: Final = 16 * 1024
"""In bytes, the target of the request included."""

LONGEST_BODY: Final = 128 * 1024
"""In bytes. A call with all the parameters that it may have takes 100 kB, if all that is in them is escaped."""

LONGEST_UNREAD: Final = 4 * 1024 * 1024
"""In bytes: so much of a body is thrown away after its answer. Who is cut off at once may not come to read it."""


class _Phase(Enum):
    HEAD = auto()
    BODY = auto()
    ANSWER = auto()
    REST = auto()
    CLOSING = auto()


class Connection(H11Protocol):
    """From uvicorn, whose only deadline is the one between two requests.

    `due` is looked at now and then by who holds all connections, so that no request needs a timer.
    """

    def __init__(self, config: uvicorn.Config, state: ServerState, places: Places, source: str) -> None:
        super().__init__(config, state, {}, asyncio.get_running_loop())
        self.source = source
        self.opening: asyncio.Task[None] | None = None
        """Until the connection is made, and TLS is agreed on."""
        self.is_opening = False
        self._places = places
        self._phase = _Phase.HEAD
        self._body_bytes = 0
        self.due = self.loop.time() + HEAD_S

    # What asyncio calls.

    def connection_lost(self, exc: Exception | None) -> None:
        """It is closed."""
        super().connection_lost(exc)
        self._places.leave(self)

    def data_received(self, data: bytes) -> None:
        """Some bytes, cut anywhere."""
        if self._phase is _Phase.CLOSING:
            return
        if self._phase is _Phase.BODY:
            self._body_bytes += len(data)
            if self._body_bytes > LONGEST_UNREAD and self.cycle.response_complete:
                self.send_away()  # it has its answer, and goes on
                return
        super().data_received(data)
        self._look(_Phase.HEAD)

    def pause_writing(self) -> None:
        """The peer does not read what we write."""
        super().pause_writing()
        self.due = self.loop.time() + WRITE_S

    def resume_writing(self) -> None:
        """It does again."""
        super().resume_writing()
        self.due = self.loop.time() + _deadline_s(self._phase)

    # What uvicorn calls.

    def on_response_complete(self) -> None:
        """The answer is written; what came meanwhile is looked at."""
        super().on_response_complete()
        self._look(_Phase.HEAD if self.conn.trailing_data[0] else _Phase.REST)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002
        """Tell that this is no HTTP, where an answer can still be begun; and close."""
        if self.conn.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            self.send_away()
            return
        if self.conn.our_state is h11.SEND_RESPONSE:
            self.cycle.disconnected = True  # the body is broken: what its operation says is not sent any more
        if len(self.conn.trailing_data[0]) > LONGEST_HEAD:
            status, told = 431, f"the head of the request is longer than {LONGEST_HEAD} bytes"
        else:
            status, told = 400, "this is no HTTP/1.1"
        problem = ProblemError(status, "malformed_request", told, "Correct it, and ask again.").problem
        headers = [("content-type", MEDIA_TYPE), ("connection", "close"), ("cache-control", "no-store")]
        for event in (
            h11.Response(status_code=status, headers=headers, reason=problem.title),
            h11.Data(data=problem.model_dump_json().encode()),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self._close()

    # What the server calls.

    def send_away(self) -> None:
        """Close at once."""
        if self.transport is not None:
            self.transport.abort()
        elif self.opening is not None:
            self.opening.cancel()

    def finish(self) -> None:
        """Close as soon as the request that is being answered has its answer."""
        if self._phase in {_Phase.ANSWER, _Phase.BODY} and not self.cycle.response_complete:
            self.cycle.keep_alive = False
        elif self.transport is None:
            self.send_away()
        else:
            self._close()

    def _close(self) -> None:
        self._go_to(_Phase.CLOSING)
        with suppress(h11.LocalProtocolError):
            self.conn.send(h11.ConnectionClosed())
        self.transport.close()

    def _look(self, idle: _Phase) -> None:
        """What it waits for now; `idle` is that where no request has begun."""
        if self.transport.is_closing():
            self._go_to(_Phase.CLOSING)
            return
        match self.conn.their_state:
            case h11.IDLE:
                self._go_to(idle)
            case h11.SEND_BODY:
                self._go_to(_Phase.BODY)
            case _:
                self._go_to(_Phase.ANSWER)

    def _go_to(self, phase: _Phase) -> None:
        if phase is self._phase:
            return
        self._phase = phase
        self._body_bytes = 0
        self.due = self.loop.time() + (WRITE_S if self.flow.write_paused else _deadline_s(phase))
        if phase is _Phase.ANSWER:
            self._places.asks(self)
        else:
            self._places.rests(self)


def _deadline_s(phase: _Phase) -> float:
    match phase:
        case _Phase.HEAD:
            return HEAD_S
        case _Phase.BODY:
            return BODY_S
        case _Phase.ANSWER:
            return NEVER
        case _Phase.REST:
            return REST_S
        case _Phase.CLOSING:
            return CLOSE_S
        case _:
            assert_never(phase)
