"""Click to dial: from the request at the control socket to the INVITE at the agent's phone."""

import asyncio
import time
from dataclasses import dataclass

from bench.load import SETTLE_S
from bench.marks import read_marks
from bench.plan import CALM, TALK_MS
from bench.stage import USERS, Stage
from sandbox.sipp import Sipp

TALK_S = TALK_MS / 1000
SETUP_S = 2.0
"""Agent and customer each answer after 50 ms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clicks:
    """The delay of each call in which agent and customer came to speak, and how many others there were."""

    delays_ms: list[float]
    failed: int


async def click(stage: Stage, calls: int, *, rate: int = CALM) -> Clicks:
    """Ask for so many calls, `rate` of them each second, to as many customers, and wait for the last one's end."""
    customers = stage.new_callers(calls)
    heard_before = stage.phone_log.stat().st_size
    asked: dict[str, tuple[float, str]] = {}

    async def ask(index: int) -> None:
        await asyncio.sleep(index / rate)
        number, user = customers[index], str(USERS[index % len(USERS)])
        moment = time.time()
        asked[number] = (moment, await stage.router.place(user=user, number=number, talk_s=TALK_S))

    async with Sipp.provider(stage.asterisk.layout):
        await asyncio.gather(*map(ask, range(calls)))
        await stage.router.until(lambda status: status["live_calls"] == 0, SETUP_S + TALK_S)
    await asyncio.sleep(SETTLE_S)
    with stage.phone_log.open() as log:
        log.seek(heard_before)
        phone = read_marks(log)
    spoken = {record.call_id for record in await stage.router.records() if record.answered_at is not None}
    delays_ms = [
        (phone[number]["invite"] - moment) * 1000
        for number, (moment, call_id) in asked.items()
        if call_id in spoken and phone.get(number, {}).keys() >= {"invite", "bye"}
    ]
    return Clicks(delays_ms=delays_ms, failed=calls - len(delays_ms))
