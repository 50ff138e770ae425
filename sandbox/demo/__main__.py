"""`python -m sandbox.demo [--once] [--attach FOLDER]`: exit status 0 when every call went as expected, 1 when not."""

import argparse
import asyncio
import io
import os
import signal
import sys
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, TypeVar

from sandbox.demo import premises
from sandbox.demo.beside import Beside
from sandbox.demo.company import CRM, Company, company
from sandbox.demo.part import PartLostError
from sandbox.demo.screen import Screen
from sandbox.demo.scripts import SCRIPTS, Script, perform
from sandbox.demo.teller import teller
from sandbox.errors import SandboxError

NOTICED_S = 1.0
"""So long after a call that broke off the loss of a part may be noticed."""
INTERRUPTED = 130  # as a shell tells of a command that Ctrl-C ended

T = TypeVar("T")


async def demo(screen: Screen, *, once: bool, beside: Beside | None) -> int:
    """The whole demo; gives its exit status. Ctrl-C ends it in order, and is success once all calls went well."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    performed = asyncio.Event()
    showing = asyncio.create_task(show(screen, performed, once=once, beside=beside), name="demo")
    stopping = asyncio.create_task(stop.wait(), name="stop")
    await asyncio.wait({showing, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not stop.is_set():
        return await showing
    showing.cancel()
    await asyncio.gather(showing, return_exceptions=True)
    screen.interrupted(performed=performed.is_set())
    return 0 if performed.is_set() else INTERRUPTED


async def show(screen: Screen, performed: asyncio.Event, *, once: bool, beside: Beside | None) -> int:
    """Start everything and perform the calls; then, unless `once`, stay for whoever wants to call.

    `performed` is set when all calls went as expected. Raises SandboxError when a part does not start, or is lost.
    """
    async with AsyncExitStack() as stack:
        with screen.starting() as waiting:
            running = await stack.enter_async_context(company(waiting, beside))
            telling = await stack.enter_async_context(teller(running.router, screen.tell))
        screen.cast(running)
        outcomes = []
        for number, script in enumerate(SCRIPTS, 1):
            screen.opens(number, script)
            outcomes.append(await unless_lost(running, script, perform(script, running, telling)))
        if not screen.summary(outcomes):
            return 1
        performed.set()
        if not once:
            # A demo that attaches once more to the same router finds its first key there.
            key = await running.router.make_key(f"demo-{os.urandom(3).hex()}", "*")
            screen.invite(running, key)
            await running.first_loss()
    return 0


async def unless_lost(running: Company, script: Script, performing: Coroutine[Any, Any, T]) -> T:
    """What this gives; raises PartLostError when a part is gone that the script does not take away itself."""
    watching = asyncio.create_task(running.first_loss(but=() if script.crm_up else (CRM,)), name="watch")
    performance = asyncio.create_task(performing, name=script.title)
    try:
        await asyncio.wait({performance, watching}, return_when=asyncio.FIRST_COMPLETED)
        if performance.done() and performance.exception() is not None:
            await asyncio.wait({watching}, timeout=NOTICED_S)  # by the loss of a part, perhaps: that is the news
            return await watching if watching.done() else await performance
        return await performance if performance.done() else await watching
    finally:
        performance.cancel()
        watching.cancel()
        await asyncio.gather(performance, watching, return_exceptions=True)


def main() -> int:
    """Run it."""
    arguments = argparse.ArgumentParser(prog="python -m sandbox.demo", description="Real calls, told as they happen.")
    arguments.add_argument("--once", action="store_true", help="end after the demo's own calls")
    arguments.add_argument(
        "--attach", type=Path, metavar="FOLDER", help="use the Asterisk and the router of sandbox.demo.premises"
    )
    given = arguments.parse_args()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without the marks of the story still shows its words
    screen = Screen()
    try:
        beside = premises.read(given.attach) if given.attach else None
        return asyncio.run(demo(screen, once=given.once, beside=beside))
    except PartLostError as lost:
        again = "Start everything again." if given.attach else "Start it again with: make demo"
        screen.fail(f"{lost} The demo cannot go on without it. {again}")
    except SandboxError as error:
        screen.fail(str(error))
    return 1


if __name__ == "__main__":
    sys.exit(main())
