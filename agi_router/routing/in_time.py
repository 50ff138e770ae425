"""A limit for what callers wait for, which a machine that is busy does not cut short."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

T = TypeVar("T")

GRACE_S: Final = 0.25
"""So long after the limit was seen to have passed. A process that is held up comes back to the answer and to the end of
its limit in the same moment, and asyncio.timeout() would take the limit."""


async def in_time(work: Coroutine[Any, Any, T], limit_s: float) -> T:
    """What comes of this within the limit, or in the grace after it; else it is cancelled. Raises TimeoutError."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task}, timeout=max(0.0, limit_s))
        await asyncio.wait({task}, timeout=GRACE_S)
        if not task.done():
            raise TimeoutError
        return task.result()
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
            if not task.cancelled():
                task.exception()  # which comes too late for anybody
