"""Deletes what is on record of a number, at somebody's request: the calls in which it took part, whole."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Text, and_, cast, delete, func, or_, select, update

from ari_app.domain.history import Erased
from ari_app.storage.failures import FAILURES, unusable
from ari_app.storage.messages import erase_messages
from ari_app.storage.notice_retention import delete_notices_at, notices_with
from ari_app.storage.phone_book import erase_contacts
from ari_app.storage.retention import delete_calls
from ari_app.storage.schema import call_events, call_parts, calls, last_good_answers, notices, outgoing_calls
from ari_app.storage.serving import Database

BATCH: Final = 50
SETTLED: Final = timedelta(minutes=1)
"""So long after its end the last events of a call are on record: it would come back by one that is late."""

_SHORTEST: Final = 7
"""Digits by which a leg's contact names a number; fewer may be a part of anything."""


class StoredEraser:
    """Implements `ari_app.domain.history.Eraser`. Raises StorageError; what was deleted until then stays deleted."""

    def __init__(self, database: Database) -> None:
        self._writer = database.writer
        self._reader = database.reader

    async def erase(self, numbers: tuple[str, ...]) -> Erased:
        """See the protocol."""
        numbers = tuple(filter(None, numbers))  # whoever withholds his number is nobody, and many
        try:
            call_ids, in_progress = await self._calls(numbers)
            parts = events = told = 0
            for first in range(0, len(call_ids), BATCH):
                counted = await self._delete(call_ids[first : first + BATCH])
                parts, events, told = parts + counted[0], events + counted[1], told + counted[2]
            told += await self._untell(numbers)
            answers, outgoing, messages, contacts = await self._forget(numbers)
        except FAILURES as error:
            raise unusable(self._writer, error) from error
        return Erased(
            calls=len(call_ids),
            parts=parts,
            events=events,
            answers=answers,
            outgoing=outgoing,
            messages=messages,
            notices=told,
            contacts=contacts,
            in_progress=in_progress,
        )

    async def _calls(self, numbers: Sequence[str]) -> tuple[list[str], int]:
        """The calls with these numbers that are over, and how many are not."""
        written, names = _in_texts(numbers)
        legs = cast(calls.c.legs, Text)
        with_number = or_(
            calls.c.caller_number.in_(numbers),
            calls.c.called_number.in_(numbers),
            and_(calls.c.destination_type == "external", calls.c.destination.in_(numbers)),
            *(legs.contains(number, autoescape=True) for number in written),
        )
        settled_before = datetime.now(UTC) - SETTLED
        over, in_progress = [], 0
        columns = (calls.c.call_id, calls.c.caller_number, calls.c.called_number, calls.c.destination, calls.c.ended_at)
        async with self._reader.connect() as connection:
            for row in await connection.execute(select(*columns, legs.label("legs")).where(with_number)):
                sides = (row.caller_number, row.called_number, row.destination)
                if not set(sides) & set(numbers) and not names.search(row.legs):
                    continue
                if row.ended_at is not None and row.ended_at <= settled_before:
                    over.append(row.call_id)
                else:
                    in_progress += 1
        return over, in_progress

    async def _delete(self, call_ids: Sequence[str]) -> tuple[int, int, int]:
        """Delete a batch; gives how many parts, events and notices went with it."""
        async with self._writer.begin() as connection:
            counts = [
                (await connection.execute(select(func.count()).select_from(table).where(table.c.call_id.in_(call_ids))))
                for table in (call_parts, call_events, notices)
            ]
            parts, events, told = (count.scalar_one() for count in counts)
            await delete_calls(connection, call_ids)
        return parts, events, told

    async def _untell(self, numbers: Sequence[str]) -> int:
        """What others were told, and are to be told, in which the number stands; gives how many notices that was."""
        written, names = _in_texts(numbers)
        async with self._reader.connect() as connection:
            positions = await notices_with(connection, written, names)
        told = 0
        for first in range(0, len(positions), BATCH):
            async with self._writer.begin() as connection:
                told += await delete_notices_at(connection, positions[first : first + BATCH])
        return told

    async def _forget(self, numbers: Sequence[str]) -> tuple[int, int, int, int]:
        """The last good answers, to whom the calls went that the dial policy goes on to count, and text messages.

        And the contacts of the phone book that have one of them.
        """
        of_number = and_(outgoing_calls.c.number.in_(numbers), outgoing_calls.c.ended_at.is_not(None))
        async with self._writer.begin() as connection:
            answers = await connection.execute(delete(last_good_answers))
            outgoing = await connection.execute(update(outgoing_calls).where(of_number).values(number=""))
            messages = await erase_messages(connection, numbers)
            contacts = await erase_contacts(connection, numbers)
        return answers.rowcount, outgoing.rowcount, messages, contacts


def _in_texts(numbers: Sequence[str]) -> tuple[list[str], re.Pattern[str]]:
    """Those that are known for numbers in the middle of a text, and what finds them there, whole."""
    written = [number for number in numbers if sum(map(str.isdigit, number)) >= _SHORTEST]
    return written, re.compile("|".join(rf"(?<!\d){re.escape(number)}(?!\d)" for number in written) or r"(?!)")
