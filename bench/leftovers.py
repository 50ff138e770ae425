"""What is still there when all calls are over: it has leaked."""

import asyncio

from agi_router.routing.volume_limits import Measure
from bench.stage import Stage

PATIENCE_S = 12.0
POLL_S = 0.2
AT_REST = ("live_calls", "calls_in_setup", "watched_channels", "dialplan_calls", "events_pending", "events_lost")


async def leftovers(stage: Stage) -> list[str]:
    """What is left, in words; empty as soon as nothing is, and so at the latest after PATIENCE_S."""
    deadline = asyncio.get_running_loop().time() + PATIENCE_S
    while (left := await _left(stage)) and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(POLL_S)
    return left


async def bridges(stage: Stage) -> list[int]:
    """How many channels each bridge of Asterisk holds."""
    lines = (await stage.asterisk.cli("bridge show all")).splitlines()
    # From the right, because a name may hold spaces: ... Chans Type Technology Duration
    return [int(columns[-4]) for columns in map(str.split, lines[1:]) if len(columns) > 4]


async def channels(stage: Stage) -> int:
    """How many channels Asterisk has."""
    return len((await stage.asterisk.cli("core show channels concise")).splitlines())


async def _left(stage: Stage) -> list[str]:
    left = []
    if count := await channels(stage):
        left.append(f"left behind: {count} channels in Asterisk")
    if held := await bridges(stage):
        left.append(f"left behind: {len(held)} bridges in Asterisk, with {held} channels")
    status = await stage.router.status()
    if status is None:
        left.append("the router does not answer")
    else:
        left += [f"left behind: {name} = {status[name]} in the router" for name in AT_REST if status[name]]
        counted = await stage.router.counters()
        left += [
            f"left behind: {value:g} calls that count as under way ({scope})"
            for (scope, measure), value in counted.items()
            if measure == Measure.CONCURRENT.value and value
        ]
    return left
