"""The loop on which these tests run does not count the time in which their process is held up."""

import asyncio
import signal
import time

HELD_UP_S = 0.5


async def test_who_works_for_long_takes_nobody_his_time() -> None:
    async with asyncio.timeout(HELD_UP_S):
        time.sleep(2 * HELD_UP_S)  # noqa: ASYNC251 - as if the process were stopped
        await asyncio.sleep(0.01)


async def test_a_process_that_was_stopped_while_it_waited_has_waited_no_longer() -> None:
    before = signal.signal(signal.SIGALRM, lambda *_: time.sleep(2 * HELD_UP_S))
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    try:
        async with asyncio.timeout(HELD_UP_S):
            await asyncio.to_thread(time.sleep, 0.05)
    finally:
        signal.signal(signal.SIGALRM, before)


async def test_deadlines_pass_all_the_same() -> None:
    began = time.monotonic()
    try:
        async with asyncio.timeout(3 * HELD_UP_S / 5):
            await asyncio.Event().wait()
    except TimeoutError:
        assert time.monotonic() - began >= 3 * HELD_UP_S / 5
    else:
        raise AssertionError("an event that nobody sets")
