"""One block of calls: placed at an even rate, each followed to its end."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from statistics import median

from bench import usage
from bench.errors import BenchError
from bench.marks import CallMarks, join_marks, read_marks
from bench.plan import TALK_MS
from bench.stage import SCENARIOS, Returning, Stage, Way
from sandbox.errors import SandboxError
from sandbox.layout import free_port
from sandbox.sipp import Sipp

PATIENCE_MS = 2000
"""Phones answer after 50 ms: who has not been answered by then has not been served, and hangs up."""

SETTLE_S = 0.5
"""After the last caller's BYE the phone's follows, the router writes its log, Asterisk takes channels apart."""

GRACE_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuSeconds:
    """What each process used."""

    app: float
    asterisk: float
    api: float

    def __sub__(self, earlier: "CpuSeconds") -> "CpuSeconds":
        return CpuSeconds(
            app=self.app - earlier.app, asterisk=self.asterisk - earlier.asterisk, api=self.api - earlier.api
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """The calls of one way at one rate. `errors` tells what else came, in sipp's words."""

    way: Way | Returning
    rate: int
    calls: Sequence[CallMarks]
    cpu: CpuSeconds
    errors: str

    @property
    def failed(self) -> int:
        """How many calls did not go through from INVITE to BYE."""
        return sum(not call.complete for call in self.calls)

    @property
    def failure(self) -> str:
        """What is known about the first call that failed."""
        reached = next((call.reached for call in self.calls if not call.complete), "everything")
        told = self.errors.strip().splitlines()[1:]  # below a heading
        return f"The first one came to: {reached}. sipp told: {told[0] if told else 'nothing'}"

    @property
    def delays_ms(self) -> list[float]:
        """The post-dial delay of each call that went through."""
        return [call.delay_ms for call in self.calls if call.complete and call.delay_ms is not None]

    @property
    def backlog_ms(self) -> float:
        """The median post-dial delay of the last fifth of the calls."""
        last = [call.delay_ms for call in self.calls[-len(self.calls) // 5 :] if call.delay_ms is not None]
        return median(last) if last else inf

    @property
    def placed_rate(self) -> float:
        """The rate at which calls really were placed: sipp, too, needs its share of the machine."""
        sent = [call.sent for call in self.calls if call.sent is not None]
        return (len(sent) - 1) / (max(sent) - min(sent)) if len(sent) > 1 else 0.0


async def run_block(stage: Stage, way: Way, *, rate: int, calls: int, talk_ms: int = TALK_MS) -> Block:
    """Place `calls` calls, `rate` of them each second, and wait for the end of the last one."""
    return await run_callers(stage, way, stage.new_callers(calls), rate=rate, talk_ms=talk_ms)


async def run_callers(
    stage: Stage, way: Way | Returning, callers: Sequence[str], *, rate: int, talk_ms: int = TALK_MS
) -> Block:
    """The same, a call from each of these callers."""
    before = _cpu(stage)
    target = (stage.asterisk.address, stage.asterisk.sip_port)
    marks, errors = await place(stage, target, way.number, callers, rate=rate, talk_ms=talk_ms)
    return Block(way=way, rate=rate, calls=marks, cpu=_cpu(stage) - before, errors=errors)


async def measuring_floor_ms(stage: Stage) -> list[float]:
    """The delays of calls with nothing between caller and phone: what measuring itself takes."""
    marks, errors = await place(stage, stage.phone, "floor", stage.new_callers(40), rate=40, talk_ms=100)
    if any(call.delay_ms is None for call in marks):
        raise BenchError(f"Even calls straight to the phones fail; is another sipp in the way? sipp told:\n{errors}")
    return [call.delay_ms for call in marks if call.delay_ms is not None]


async def place(
    stage: Stage, target: tuple[str, int], number: str, callers: Sequence[str], *, rate: int, talk_ms: int
) -> tuple[list[CallMarks], str]:
    """Have sipp place the calls; what became of each, and sipp's own words about what went wrong."""
    calls = len(callers)
    caller_log, caller_numbers = stage.folder / "caller.log", stage.folder / "callers.csv"
    caller_numbers.write_text("\n".join(("SEQUENTIAL", *callers)) + "\n")
    caller_log.unlink(missing_ok=True)
    heard_before = stage.phone_log.stat().st_size if stage.phone_log.exists() else 0
    sipp = Sipp(
        str(SCENARIOS / "caller"),
        *(f"{target[0]}:{target[1]}", "-s", number, "-inf", str(caller_numbers), "-d", str(talk_ms)),
        *("-m", str(calls), "-r", str(rate), "-l", str(calls), "-recv_timeout", str(PATIENCE_MS)),
        *("-trace_logs", "-log_file", str(caller_log)),
        local=(stage.asterisk.layout.carrier, free_port(stage.asterisk.layout.carrier)),
    )
    async with sipp:
        try:
            result = await sipp.result(calls / rate + talk_ms / 1000 + GRACE_S)
        except SandboxError as error:
            raise BenchError(str(error)) from error
    await asyncio.sleep(SETTLE_S)
    with stage.phone_log.open() as log:
        log.seek(heard_before)
        phone = read_marks(log)
    caller = read_marks(caller_log.read_text().splitlines()) if caller_log.exists() else {}
    return join_marks(callers, caller, phone), result.errors


def _cpu(stage: Stage) -> CpuSeconds:
    return CpuSeconds(
        app=usage.cpu_seconds(stage.router.pid),
        asterisk=usage.cpu_seconds(stage.asterisk.pid),
        api=usage.cpu_seconds(stage.api_pid),
    )
