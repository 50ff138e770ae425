"""Reading that is carried to its end, though nobody waits for it any more."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec, TypeVar

GivenP = ParamSpec("GivenP")
ReadT = TypeVar("ReadT")

_going: set[asyncio.Task[Any]] = set()


def uncut(read: Callable[GivenP, Coroutine[Any, Any, ReadT]]) -> Callable[GivenP, Coroutine[Any, Any, ReadT]]:
    """A reading of milliseconds whose caller may be cancelled at any moment, as one is whose client leaves.

    SQLAlchemy ends the connection of a statement that is cut off: that is a new connection for the next one, and with
    aiosqlite 0.22 a task that waits for ever for the old one's end.
    """

    @wraps(read)
    async def to_its_end(*args: GivenP.args, **kwargs: GivenP.kwargs) -> ReadT:
        reading = asyncio.create_task(read(*args, **kwargs))
        _going.add(reading)  # a task that nobody holds may be collected before its end
        reading.add_done_callback(_going.discard)
        return await asyncio.shield(reading)

    return to_its_end


async def readings_over() -> None:
    """Wait for those of this loop: a connection that comes back to a disposed pool would never be closed."""
    loop = asyncio.get_running_loop()
    await asyncio.gather(*(each for each in _going if each.get_loop() is loop), return_exceptions=True)
