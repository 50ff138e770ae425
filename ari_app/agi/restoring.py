"""A call that the dialplan asks about, or reports, and that began before a restart: known again from the log."""

import asyncio
from collections.abc import Sequence
from typing import Final, assert_never

import structlog

from agi_router.fastagi.answer import OF_ANY_STEP
from agi_router.routing.decider import Decider
from agi_router.routing.destination import AnnouncementDestination, QueueDestination
from ari_app.agi.call import Dialling, DialplanCall, Doing, Playing, Queueing
from ari_app.agi.results import PlacedLeg
from ari_app.calls.arrival import arrival_on_record, info_on_record
from ari_app.calls.clock import now
from ari_app.domain import events as e
from ari_app.domain.call_log import CallReader
from ari_app.domain.record import CallRecord, highest_leg

log = structlog.get_logger(__name__)

LOG_DEADLINE_S: Final = 2.0


async def trace_of(reader: CallReader, call_id: str) -> Sequence[e.CallEvent]:
    """What the log has of this call; nothing where it can't be read: a caller must not wait for it."""
    try:
        async with asyncio.timeout(LOG_DEADLINE_S):
            return await reader.trace(call_id)
    except Exception:
        log.exception("the call log can't be read; a call of before the restart goes on without it", call=call_id)
        return ()


def restore(call: DialplanCall, record: CallRecord, trace: Sequence[e.CallEvent], decider: Decider) -> None:
    """Let the call go on where its record ends: with the rest of its route's fallback."""
    call.known_as(arrival_on_record(record))
    call.treat(decider.treatment(record.route))
    described = next((event for event in reversed(trace) if isinstance(event, e.CallerDescribed)), None)
    call.show(decider.shown(info_on_record(record)), described)
    call.step, call.leg_count, call.answered_at = record.step, highest_leg(record), record.answered_at
    chain = decider.fallback(record.route, now())
    here = [(step.destination.type, step.destination.value) for step in chain]
    at = (record.destination_type, record.destination)
    call.steps = list(chain[here.index(at) + 1 :] if at in here else chain)
    call.doing = _doing(record, trace)
    call.variables = OF_ANY_STEP
    call.tell(e.CallRecovered(at=now(), found=_found(record, call.doing)))


def _found(record: CallRecord, doing: Doing | None) -> str:
    if record.answered_at is not None:
        return "talking"
    match doing:
        case Dialling():
            return "dialled"  # whether somebody has answered by now only its report will tell
        case Queueing():
            return "queue"
        case Playing() | None:
            return "waiting"
        case _:
            assert_never(doing)


def _doing(record: CallRecord, trace: Sequence[e.CallEvent]) -> Doing | None:
    """What the dialplan did when the record ended."""
    last = next((event for event in reversed(trace) if isinstance(event, e.StepStarted | e.StepEnded)), None)
    if not isinstance(last, e.StepStarted) and record.answered_at is None:
        return None
    match record.destination_type:
        case QueueDestination.type:
            return Queueing(record.destination)
        case AnnouncementDestination.type:
            return Playing(tuple(record.destination.split(",")))
        case _:
            open_legs = [leg for leg in record.legs if leg.ended_at is None]
            return Dialling(
                tuple(
                    PlacedLeg(role=leg.leg, endpoint=leg.endpoint, contact=leg.contact, user=leg.user)
                    for leg in open_legs
                )
            )
