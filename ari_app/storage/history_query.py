"""The history's questions as SQL: what of the tables a filter takes, and in which order."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, Tuple, and_, func, literal, or_, select

from ari_app.domain.history import CallFilter, Order, Period
from ari_app.domain.parts import PartKind
from ari_app.domain.record import Disposition
from ari_app.storage.cursor import Cursor
from ari_app.storage.schema import UtcDateTime, call_parts, calls

_OF_CALL: Final = (
    calls.c.route,
    calls.c.caller_number,
    calls.c.caller_name,
    calls.c.called_number,
    calls.c.disposition,
    calls.c.source,
    calls.c.linkedid,
)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: its rows in no order, their count, and the columns of an order in which no two are equal.

    `name` tells it from all others.
    """

    name: str
    rows: Select[Any]
    count: Select[int]
    key: tuple[ColumnElement[Any], ...]

    def page(self, order: Order, after: Cursor | None) -> Select[Any]:
        """Its rows in this order, from behind the cursor on."""
        newest_first = order is Order.NEWEST_FIRST
        ordered = self.rows.order_by(*(column.desc() if newest_first else column.asc() for column in self.key))
        if after is None:
            return ordered
        values = (literal(after.at, UtcDateTime()), literal(after.call_id), literal(after.number))[: len(self.key)]
        here, there = Tuple(*self.key), Tuple(*values)
        return ordered.where(here < there if newest_first else here > there)


def about_calls(wanted: CallFilter) -> Question:
    """Which calls there are."""
    conditions = (*_period(calls.c.first_event_at, wanted.period), *_parts(wanted, None), *_calls(wanted))
    return Question(
        f"calls {wanted}",
        select(calls).where(*conditions),
        select(func.count()).select_from(calls).where(*conditions),
        (calls.c.first_event_at, calls.c.call_id),
    )


def about_parts(kind: PartKind, wanted: CallFilter) -> Question:
    """Which parts of this kind there are, beside what their calls were."""
    names = _names(wanted)[kind]
    own = [
        call_parts.c.kind == kind.value,
        *([call_parts.c.name.in_(names)] if names else []),
        *([call_parts.c.call_id.in_(wanted.call_ids)] if wanted.call_ids else []),
        *_period(call_parts.c.began_at, wanted.period),
        *_parts(wanted, kind),
    ]
    of_calls = _calls(wanted)
    with_calls = call_parts.join(calls, calls.c.call_id == call_parts.c.call_id)
    counted = select(func.count()).select_from(with_calls if of_calls else call_parts)
    return Question(
        f"{kind} {wanted}",
        select(call_parts, *_OF_CALL).select_from(with_calls).where(*own, *of_calls),
        counted.where(*own, *of_calls),
        (call_parts.c.began_at, call_parts.c.call_id, call_parts.c.part),
    )


def _calls(wanted: CallFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.call_ids:
        conditions.append(calls.c.call_id.in_(wanted.call_ids))
    if wanted.numbers:
        went_to = and_(calls.c.destination_type == "external", calls.c.destination.in_(wanted.numbers))
        by_or_to = (calls.c.caller_number.in_(wanted.numbers), calls.c.called_number.in_(wanted.numbers))
        conditions.append(or_(*by_or_to, went_to))
    if wanted.directions:
        conditions.append(calls.c.direction.in_([direction.value for direction in wanted.directions]))
    if wanted.dispositions:
        conditions.append(_disposition(wanted.dispositions))
    if wanted.sources:
        conditions.append(calls.c.source.in_(wanted.sources))
    return conditions


def _disposition(dispositions: Sequence[Disposition]) -> ColumnElement[bool]:
    values = [disposition.value for disposition in dispositions]
    if len(values) == 1:
        return calls.c.disposition == values[0]
    # Of several, among them the most frequent one, SQLite would sort all calls for each page by the index of this; it
    # walks them in their order when it can't take that.
    is_frequent = Disposition.ANSWERED in dispositions
    return (func.coalesce(calls.c.disposition, "") if is_frequent else calls.c.disposition).in_(values)


def _parts(wanted: CallFilter, but: PartKind | None) -> list[ColumnElement[bool]]:
    """Who must have taken part, but for the kind whose parts are asked for."""
    call_id = calls.c.call_id if but is None else call_parts.c.call_id
    others = call_parts.alias("others")
    return [
        call_id.in_(select(others.c.call_id).where(others.c.kind == kind.value, others.c.name.in_(names)))
        for kind, names in _names(wanted).items()
        if names and kind is not but
    ]


def _names(wanted: CallFilter) -> dict[PartKind, tuple[str, ...]]:
    return {PartKind.USER: wanted.users, PartKind.TEAM: wanted.teams, PartKind.QUEUE: wanted.queues}


def _period(column: ColumnElement[Any], period: Period) -> list[ColumnElement[bool]]:
    bounds = []
    if period.since is not None:
        bounds.append(column >= period.since)
    if period.before is not None:
        bounds.append(column < period.before)
    return bounds
