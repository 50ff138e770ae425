"""One call's setup, phase by phase: what the caller's and the phone's sipp noted, and between them the call's trace."""

from collections.abc import Mapping, Sequence
from statistics import median, quantiles

from ari_app.domain import events as e
from bench.marks import CallMarks
from bench.stage import Stage

PHASES = {
    "INVITE sent, caller in the application": ("sent", "arrived"),
    "request prepared": ("arrived", "asked"),
    "API answers": ("asked", "told"),
    "decision": ("told", "step"),
    "contacts, leg created and in the application": ("step", "dialled"),
    "dial, INVITE at the phone": ("dialled", "invited"),
    "all: the post-dial delay": ("sent", "invited"),
    "phone answered, caller answered": ("picked_up", "answered"),
}
"""Each phase with the two moments between which it lies."""

_MOMENTS: Mapping[type[e.CallEvent], str] = {
    e.CallArrived: "arrived",
    e.RequestSent: "asked",
    e.AnswerReceived: "told",
    e.StepStarted: "step",
    e.LegDialled: "dialled",
    e.LegAnswered: "picked_up",
}


def moments(marks: CallMarks, trace: Sequence[e.CallEvent]) -> dict[str, float]:
    """Every moment of one call that is known, in seconds since the epoch."""
    known = {mark: getattr(marks, mark) for mark in ("sent", "invited", "answered")}
    told = {_MOMENTS[type(event)]: event.at.timestamp() for event in trace if type(event) in _MOMENTS}
    return {name: moment for name, moment in (known | told).items() if moment is not None}


def phase_table(calls: Sequence[Mapping[str, float]]) -> str:
    """Median and 95th percentile of each phase, in milliseconds, over the calls that went through it."""
    lines = ["  median     p95  ms"]
    for name, (begin, end) in PHASES.items():
        taken = [(call[end] - call[begin]) * 1000 for call in calls if begin in call and end in call]
        if len(taken) > 1:
            lines.append(f"{median(taken):8.2f} {quantiles(taken, n=20)[-1]:7.2f}  {name}")
    return "\n".join(lines)


async def traced(stage: Stage, calls: Sequence[CallMarks]) -> list[dict[str, float]]:
    """The moments of these calls, as far as the router's log has them."""
    numbers = {call.number: call for call in calls}
    return [
        moments(numbers[record.caller_number], await stage.router.trace(record.call_id))
        for record in await stage.router.records()
        if record.caller_number in numbers
    ]
