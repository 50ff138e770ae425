"""Two parts of one call of the PBX, put together: the router was restarted in between, or a Cdr came late."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from ari_app.domain.causes import LegOutcome
from ari_app.domain.parts import ANSWERED, CallPart
from ari_app.domain.pbx_call import earliest, latest
from ari_app.domain.pbx_record import PbxRecord
from ari_app.domain.record import Disposition, LegRecord


def merged(before: PbxRecord, after: PbxRecord) -> PbxRecord:
    """The record of both. What was seen later is nearer to how it ended."""
    old, new = before.record, after.record
    starts = [at for at in (old.started_at, new.started_at) if at]
    answers = [at for at in (old.answered_at, new.answered_at) if at]
    was_answered = bool(answers) or Disposition.ANSWERED in {old.disposition, new.disposition}
    # What was not seen from its start has that from an id, in whole seconds: who saw it knows better.
    is_start_known = not old.recovered
    first = old if is_start_known else new
    record = replace(
        new,
        called_number=old.called_number or new.called_number,
        caller_number=old.caller_number or new.caller_number,
        caller_name=old.caller_name or new.caller_name,
        channel_id=old.channel_id or new.channel_id,
        started_at=old.started_at if is_start_known else min(starts, default=None),
        answered_at=min(answers, default=None),
        ended_at=None if new.ended_at is None else latest(old.ended_at, new.ended_at),
        disposition=Disposition.ANSWERED if was_answered and new.ended_at is not None else new.disposition,
        destination_type=new.destination_type or old.destination_type,
        destination=new.destination or old.destination,
        answered_by=new.answered_by or old.answered_by,
        agent=new.agent or old.agent,
        ended_by=new.ended_by or old.ended_by,
        cause=old.cause if new.cause is None else new.cause,
        direction=first.direction,
        recovered=True,
        legs=_merged_legs(old.legs, new.legs, is_start_known=is_start_known),
    )
    parts = _merged_parts(before.parts, after.parts, is_start_known=is_start_known)
    return PbxRecord(record=record, parts=parts, channels=before.channels | after.channels)


def lost(call: PbxRecord, ended_at: datetime) -> PbxRecord:
    """A call that is over, and nobody has seen how."""
    was_answered = call.record.answered_at is not None
    record = replace(
        call.record,
        ended_at=max(ended_at, call.record.answered_at or call.record.started_at or ended_at),
        ended_by="unknown",
        disposition=Disposition.ANSWERED if was_answered else Disposition.INTERRUPTED,
        recovered=True,
        legs=tuple(
            leg if leg.ended_at else replace(leg, ended_at=ended_at, outcome=LegOutcome.LOST.value)
            for leg in call.record.legs
        ),
    )
    parts = tuple(part if part.ended_at else _lost_part(part, ended_at) for part in call.parts)
    return replace(call, record=record, parts=parts)


def _lost_part(part: CallPart, ended_at: datetime) -> CallPart:
    outcome = ANSWERED if part.answered_at else LegOutcome.LOST.value
    return replace(part, ended_at=max(ended_at, part.answered_at or part.began_at), outcome=outcome)


def _merged_legs(old: Sequence[LegRecord], new: Sequence[LegRecord], *, is_start_known: bool) -> tuple[LegRecord, ...]:
    legs = {leg.channel_id or leg.endpoint: leg for leg in old}
    for leg in new:
        known = legs.get(leg.channel_id or leg.endpoint)
        legs[leg.channel_id or leg.endpoint] = (
            leg
            if known is None
            else replace(
                leg,
                dialled_at=known.dialled_at if is_start_known else min(known.dialled_at, leg.dialled_at),
                answered_at=known.answered_at or leg.answered_at,
                ended_at=leg.ended_at or known.ended_at,
                outcome=leg.outcome or known.outcome,
                cause=known.cause if leg.cause is None else leg.cause,
            )
        )
    ordered = sorted(legs.values(), key=lambda leg: (leg.dialled_at, leg.endpoint))
    return tuple(replace(leg, leg=f"leg-{number}") for number, leg in enumerate(ordered, start=1))


def _merged_parts(old: Sequence[CallPart], new: Sequence[CallPart], *, is_start_known: bool) -> tuple[CallPart, ...]:
    parts = list(old)
    for part in new:
        at = next((at for at, known in enumerate(parts) if _is_same(known, part)), None)
        if at is None:
            parts.append(part)
            continue
        known = parts[at]
        answers = [answered for answered in (known.answered_at, part.answered_at) if answered]
        parts[at] = replace(
            part,
            began_at=known.began_at if is_start_known else earliest(known.began_at, part.began_at),
            answered_at=min(answers, default=None),
            answered_by=part.answered_by or known.answered_by,
            ended_at=part.ended_at or known.ended_at,
            outcome=ANSWERED if answers and part.ended_at else part.outcome or known.outcome,
        )
    return tuple(sorted(parts, key=lambda part: (part.began_at, part.kind, part.name)))


def _is_same(known: CallPart, part: CallPart) -> bool:
    is_of_same = (known.kind, known.name, known.direction) == (part.kind, part.name, part.direction)
    return is_of_same and (known.ended_at is None or part.began_at <= known.ended_at)
