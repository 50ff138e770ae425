"""What must hold whatever a peer of the AGI door says, told without the code that it holds for."""

import asyncio
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any, ClassVar

from agi_router.fastagi import AgiSettings, CommandError, FastAgiDoor, HangUpError, Session
from agi_router.fastagi.connection import LONGEST_ANSWER, Connection
from tests.fakes.agi import AgiChannel, words
from tests.fuzz.rules import CONTROL, LONGEST_S, BrokenRuleError, Hang, time_limit

COMMAND = re.compile(rb'(SET VARIABLE|GET VARIABLE|GET FULL VARIABLE|VERBOSE)( "([^"\\]|\\["\\])*")+\n')
BUFFER = 8192  # Asterisk's, for one command
MOST_TURNS = 50
LONGEST_PIECE = 2000


class Wire(asyncio.Transport):
    """The socket of one peer, without a network: keeps what the door writes."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.is_open = True
        self._connection = connection

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 4573) if name == "peername" else default

    def write(self, data: Any) -> None:
        assert self.is_open, "the door writes to a closed connection"
        self.written.append(bytes(data))

    def close(self) -> None:
        if self.is_open:
            self.is_open = False
            asyncio.get_running_loop().call_soon(self._connection.connection_lost, None)

    abort = close


@dataclass(slots=True)
class AgiRules:
    """Lets peers talk to `door`, which has to be open; its handler uses all that a session can do.

    `outcomes` counts how it ended.
    """

    name: ClassVar = "AGI"
    outcomes: Counter[str] = field(default_factory=Counter)
    door: FastAgiDoor = field(init=False)
    _given: dict[str, str] = field(default_factory=dict)
    _broken_rule: AssertionError | None = None

    def __post_init__(self) -> None:
        self.door = FastAgiDoor(AgiSettings(port=0), self._handle)

    async def try_on(self, said: bytes) -> None:
        """Raises BrokenRuleError."""
        broken, refused = self.door.status().broken, self.door.status().refused
        try:
            with time_limit():
                await self._talk(said)
            assert self._broken_rule is None, str(self._broken_rule)
            assert self.door.status().broken == broken, "the handler failed"
        except AssertionError as rule:
            raise BrokenRuleError(str(rule), self.name, said, None) from rule
        except Hang:
            raise BrokenRuleError(f"took more than {LONGEST_S} s", self.name, said, None) from None
        except Exception as crash:
            raise BrokenRuleError(f"crashed: {crash!r}", self.name, said, None) from crash
        self.outcomes["refused"] += self.door.status().refused - refused

    async def _talk(self, said: bytes) -> None:
        connection = Connection(self.door, 60, 60)
        wire = Wire(connection)
        self._given = {}
        connection.connection_made(wire)
        for piece in _pieces(said):
            if not wire.is_open:
                break
            connection.data_received(piece)
            held = sum(len(kept) for kept in vars(connection).values() if isinstance(kept, bytes | bytearray))
            assert held <= LONGEST_ANSWER + LONGEST_PIECE, f"{held} bytes are kept"
            await asyncio.sleep(0)
        wire.close()
        for _ in range(MOST_TURNS):
            await asyncio.sleep(0)
            if not self._left():
                break
        assert not self._left(), "something is left of a peer that has gone"
        self._check_written(wire.written)

    def _left(self) -> int:
        status = self.door.status()
        return status.connections + status.sessions

    async def _handle(self, session: Session) -> None:
        request = session.request
        try:
            for text in (request.script, *request.arguments, request.caller_number, request.called_number):
                assert not CONTROL.search(text), f"control characters in {text!r}"
            self._given = {f"V{number}": value for number, value in enumerate(request.variables.values())}
            await session.set_variables(self._given)
            read = [await session.get_variable("NAME") or "", await session.evaluate("${A}${B}")]
            assert not CONTROL.search("".join(read)), f"control characters in {read!r}"
            self._given["ALONE"] = request.caller_name
            await session.set_variables({"ALONE": request.caller_name})
            self.outcomes["answered"] += 1
        except AssertionError as rule:
            self._broken_rule = rule
            raise
        except CommandError:
            self.outcomes["a command was refused"] += 1
        except HangUpError:
            self.outcomes["hung up"] += 1
            raise

    def _check_written(self, written: list[bytes]) -> None:
        asterisk = AgiChannel.__new__(AgiChannel)
        asterisk.variables, asterisk.expressions = {}, {}
        for line in written:
            assert COMMAND.fullmatch(line), f"sends {line!r}, which is no command of its own"
            assert len(line) <= BUFFER, f"a command has {len(line)} bytes"
            assert not CONTROL.search(line[:-1].decode()), f"control characters in {line!r}"
            asterisk.answer(words(line.decode()))
        for name, value in asterisk.variables.items():
            assert value == self._given[name], f"{name} is {value!r}, and should be {self._given[name]!r}"


def _pieces(said: bytes) -> Iterator[bytes]:
    """The bytes as a network may cut them; the same ones for the same bytes."""
    random, at = Random(said), 0
    longest = random.choice((20, 300, LONGEST_PIECE)) if len(said) < 2000 else LONGEST_PIECE
    while at < len(said):
        length = random.randint(1, longest)
        yield said[at : at + length]
        at += length
