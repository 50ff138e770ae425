"""One AGI call in the hands of its handler: what was asked, and the commands that answer it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from panoramisk.fast_agi import Request

from agi_router.fastagi.command import command, set_commands, variable_name
from agi_router.fastagi.connection import Connection
from agi_router.fastagi.errors import CommandError, HangUpError
from agi_router.fastagi.request import AgiRequest
from agi_router.routing.printable import printable


class Session:
    """Commands go one after the other. Each raises HangUpError as soon as the channel hangs up or the peer is gone."""

    def __init__(self, request: AgiRequest, connection: Connection) -> None:
        self.request = request
        self._connection = connection
        self._commands = Request(None, request.variables, connection, connection)

    async def get_variable(self, name: str) -> str | None:
        """The value of a variable of the channel; None when it is not set."""
        value, data = await self.send(command("GET VARIABLE", variable_name(name)))
        return data if value == "1" else None

    async def evaluate(self, expression: str) -> str:
        """What the dialplan would make of this: "${PJSIP_DIAL_CONTACTS(ada)}", "${CALLERID(num)}".

        An expression is code: nothing from outside may be in it but names that were checked.
        """
        _, data = await self.send(command("GET FULL VARIABLE", expression))
        return data

    async def set_variables(self, variables: Mapping[str, str]) -> None:
        """Set variables of the channel, by as few commands as they fit in.

        Raises ValueError when a name is no plain one, CommandError before anything is set when a value is too long.
        """
        for line in list(set_commands(variables)):
            await self.send(line)

    @asynccontextmanager
    async def until_hang_up(self) -> AsyncIterator[None]:
        """For what takes its time without a command: the block is cancelled, and HangUpError comes out of it."""
        task = asyncio.current_task()
        assert task is not None, "a handler runs in a task"
        if self._connection.gone is not None:
            raise self._connection.gone
        cancelling = task.cancelling()
        has_fired = False

        def cancel() -> None:
            nonlocal has_fired
            has_fired = task.cancel()

        self._connection.on_gone = cancel
        try:
            yield
        except asyncio.CancelledError:
            gone = self._connection.gone
            if gone is None or not has_fired or task.cancelling() - 1 > cancelling:
                raise  # somebody else cancels the task as well
            raise HangUpError(str(gone)) from None
        finally:
            self._connection.on_gone = None
            if has_fired:
                task.uncancel()

    async def send(self, line: str) -> tuple[str, str]:
        """Send a command that `command()` has made: the result, and what follows it in parentheses.

        Raises CommandError when Asterisk refuses it.
        """
        answer: dict[str, Any] = await self._commands.send_command(line)
        match answer:
            case {"result": (str() as result, str() as data), "status_code": 200}:
                return result, printable(data)
            case {"status_code": 511}:
                raise HangUpError("the channel was hung up")
            case {"error": "AGIResultHangup"}:
                # A hangup is a line of its own, which the connection keeps back. This is a value that reads "hangup".
                return "1", "hangup"
        raise CommandError(f"Asterisk refused {line.split(' ', 1)[0]}: {answer['error']} {answer['msg']}".rstrip())
