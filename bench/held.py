"""Calls held at the same time: each of them must be a bridge of two, and the memory they take is theirs."""

import asyncio
from dataclasses import dataclass
from typing import Final

from bench import usage
from bench.errors import BenchError
from bench.leftovers import bridges, channels
from bench.load import run_block
from bench.plan import HOLD_RATE
from bench.stage import Stage, Way

STABLE_S: Final = 1.0
POLL_S: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """`calls` calls held at the same time, all of them bridged; memory in KB, before and meanwhile."""

    calls: int
    app_at_rest_kb: int
    app_holding_kb: int
    asterisk_at_rest_kb: int
    asterisk_holding_kb: int


async def hold(stage: Stage, way: Way, calls: int) -> Held:
    """Build up so many calls, look at every bridge, weigh the processes, and see every call end.

    Raises BenchError when a call is not bridged, or does not end by its caller's BYE.
    """
    app, asterisk = stage.router.pid, stage.asterisk.pid
    at_rest = usage.resident_kb(app), usage.resident_kb(asterisk)
    build_up_s = calls / HOLD_RATE
    talk_ms = round((build_up_s + 3 * STABLE_S) * 1000)
    talking = asyncio.create_task(run_block(stage, way, rate=HOLD_RATE, calls=calls, talk_ms=talk_ms))
    try:
        await _all_bridged(stage, way, calls, build_up_s + 2 * STABLE_S)
        holding = usage.resident_kb(app), usage.resident_kb(asterisk)
        block = await talking
    finally:
        talking.cancel()
        await asyncio.gather(talking, return_exceptions=True)
    if block.failed:
        raise BenchError(f"{block.failed} of {calls} held calls ({way.value}) did not end by their caller's BYE.")
    return Held(
        calls=calls,
        app_at_rest_kb=at_rest[0],
        app_holding_kb=holding[0],
        asterisk_at_rest_kb=at_rest[1],
        asterisk_holding_kb=holding[1],
    )


async def _all_bridged(stage: Stage, way: Way, calls: int, patience_s: float) -> None:
    """Every call is one bridge with exactly two channels, and there is no other channel."""
    in_bridges: list[int] = []
    try:
        async with asyncio.timeout(patience_s):
            while (in_bridges := await bridges(stage)) != [2] * calls or await channels(stage) != 2 * calls:
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        raise BenchError(
            f"{calls} calls ({way.value}) are not {calls} bridges of two channels: {await channels(stage)} channels, "
            f"{len(in_bridges)} bridges, of which {in_bridges.count(2)} hold two."
        ) from None
