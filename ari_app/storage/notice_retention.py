"""How notices are forgotten: for their age, with their call, without its numbers, or for the number's owner.

A delivery goes with its notice, and its attempts with it: what is deleted here is not sent any more.
"""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, Text, bindparam, cast, delete, exists, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ari_app.domain.masking import mask_notice, mask_text
from ari_app.domain.webhooks import DeliveryState
from ari_app.storage.schema import calls, notices, webhook_attempts, webhook_deliveries, webhook_subscriptions

Place = tuple[datetime, int]
"""The moment and the position of a notice."""

LATE: Final = timedelta(days=1)
"""By so much a notice may stand behind others that are younger."""


async def delete_notices(connection: AsyncConnection, before: datetime, most: int) -> int:
    """Delete so many of those that are older and need not be sent any more; how many they were.

    What waits for a receiver that is disabled goes as well: it may be so for ever.
    """
    waits = (
        exists()
        .where(
            webhook_deliveries.c.position == notices.c.position,
            webhook_deliveries.c.state == DeliveryState.PENDING.value,
            webhook_deliveries.c.subscription_id == webhook_subscriptions.c.id,
            webhook_subscriptions.c.is_enabled,
        )
        .correlate(notices)
    )
    old = select(notices.c.position).where(notices.c.at < before, ~waits).order_by(notices.c.at).limit(most)
    positions = (await connection.execute(old)).scalars().all()
    await connection.execute(delete(notices).where(notices.c.position.in_(positions)))
    return len(positions)


async def delete_notices_of(connection: AsyncConnection, call_ids: Sequence[str]) -> int:
    """Delete what was told, or is to be told, of these calls; how many notices that was."""
    return (await connection.execute(delete(notices).where(notices.c.call_id.in_(call_ids)))).rowcount


async def mask_notices_of(connection: AsyncConnection, call_ids: Sequence[str]) -> None:
    """Hide the numbers in what was told of these calls, and in what is to be."""
    rows = (await connection.execute(_ROWS.where(notices.c.call_id.in_(call_ids)))).all()
    await _mask(connection, rows)


async def mask_notices_without_call(
    connection: AsyncConnection, after: Place | None, before: datetime, most: int
) -> Sequence[Place]:
    """Hide the numbers in so many notices that belong to no call, after this place and of before that moment.

    Where they stand, in their order.
    """
    due = _ROWS.where(notices.c.at < before, ~_has_call())
    if after is not None:
        at, position = after
        due = due.where(notices.c.at >= at, or_(notices.c.at > at, notices.c.position > position))
    rows = (await connection.execute(due.order_by(notices.c.at, notices.c.position).limit(most))).all()
    await _mask(connection, rows)
    return [(row.at, row.position) for row in rows]


async def notices_with(connection: AsyncConnection, numbers: Sequence[str], names: re.Pattern[str]) -> Sequence[int]:
    """The positions of those in which one of these numbers stands. Calls that go on keep theirs.

    All are looked through: not by the connection for which writers wait. `names` finds the numbers in a text, and not
    within longer ones.
    """
    if not numbers:
        return ()
    data = cast(notices.c.data, Text)
    goes_on = exists().where(calls.c.call_id == notices.c.call_id, calls.c.ended_at.is_(None))
    query = select(notices.c.position, data.label("data")).where(
        or_(*(data.contains(number, autoescape=True) for number in numbers)), ~goes_on
    )
    return [row.position for row in await connection.execute(query) if names.search(row.data)]


async def delete_notices_at(connection: AsyncConnection, positions: Sequence[int]) -> int:
    """Delete these; how many they were."""
    return (await connection.execute(delete(notices).where(notices.c.position.in_(positions)))).rowcount


async def _mask(connection: AsyncConnection, rows: Sequence[Row[Any]]) -> None:
    changed = []
    for row in rows:
        about, data = mask_notice(row.about, row.data)
        if (about, data) != (row.about, row.data):
            changed.append({"this": row.position, "new_about": about, "new_data": data})
    if changed:
        await connection.execute(_PUT_MASKED, changed)
    await _mask_answers(connection, [row.position for row in rows])


async def _mask_answers(connection: AsyncConnection, positions: Sequence[int]) -> None:
    """A receiver may answer by what it was sent."""
    of_these = select(webhook_deliveries.c.id).where(webhook_deliveries.c.position.in_(positions))
    answers = select(webhook_attempts).where(
        webhook_attempts.c.delivery_id.in_(of_these), webhook_attempts.c.answer != ""
    )
    changed = [
        {"of_delivery": row.delivery_id, "of_number": row.number, "new_answer": masked}
        for row in await connection.execute(answers)
        if (masked := mask_text(row.answer)) != row.answer
    ]
    if changed:
        await connection.execute(_PUT_ANSWER, changed)


def _has_call() -> ColumnElement[bool]:
    return exists().where(calls.c.call_id == notices.c.call_id)


_ROWS: Final[Select[Any]] = select(notices.c.position, notices.c.at, notices.c.about, notices.c.data)
_PUT_MASKED: Final = (
    update(notices)
    .where(notices.c.position == bindparam("this"))
    .values(about=bindparam("new_about"), data=bindparam("new_data"))
)
_PUT_ANSWER: Final = (
    update(webhook_attempts)
    .where(
        webhook_attempts.c.delivery_id == bindparam("of_delivery"),
        webhook_attempts.c.number == bindparam("of_number"),
    )
    .values(answer=bindparam("new_answer"))
)
