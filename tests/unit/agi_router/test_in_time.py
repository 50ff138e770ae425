"""What callers wait for only so long, also while the machine is busy."""

import asyncio
import time

import pytest

from agi_router.routing import in_time as module
from agi_router.routing.in_time import in_time


async def test_an_answer_counts_that_is_there_when_the_process_comes_back_after_the_limit() -> None:
    asked = asyncio.get_running_loop().create_future()

    async def answer() -> str:
        asyncio.get_running_loop().call_soon(hold_up)
        return str(await asked)

    def hold_up() -> None:
        time.sleep(0.05)  # the whole process, past the limit
        asyncio.get_running_loop().call_later(0.01, asked.set_result, "in time")

    assert await in_time(answer(), 0.02) == "in time"


async def test_what_does_not_come_is_cancelled_and_was_too_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GRACE_S", 0.01)
    is_cleaned_up = False

    async def never() -> None:
        nonlocal is_cleaned_up
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            is_cleaned_up = True

    with pytest.raises(TimeoutError):
        await in_time(never(), 0.01)
    assert is_cleaned_up


async def test_what_went_wrong_is_raised_and_who_asked_may_leave() -> None:
    async def fails() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        await in_time(fails(), 1)

    leaving = asyncio.create_task(in_time(asyncio.Event().wait(), 60))
    await asyncio.sleep(0)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
