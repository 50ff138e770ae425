"""The phone book is written: a few contacts in a transaction, so that calls never wait long for theirs."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ari_app.domain.contacts import Contact, ContactKind
from ari_app.domain.phone_book import CUT_SHORT, SyncRun, SyncState, numbers_of, ordered_by, searched_in
from ari_app.storage.failures import FAILURES, unusable
from ari_app.storage.phone_book_reader import known_among, run_of, with_ids
from ari_app.storage.schema import contact_numbers, contact_syncs, contacts
from ari_app.storage.serving import Database
from ari_app.storage.upsert import Upsert, upsert

BATCH: Final = 50
"""Contacts of one transaction: some milliseconds, for which a call that writes waits in memory."""
PAUSE_S: Final = 0.02
"""Between two of them: whoever waits for the one connection has it first."""
AT_ONCE: Final = 10
"""Contacts whose numbers are read before calls have their turn: some 2 ms."""
STALE_AT_ONCE: Final = 10_000

_READING: Final = "1"
"""How texts are folded and numbers read. Where that becomes another one, all contacts are written anew."""

_KEY: Final = [contacts.c.connector, contacts.c.kind, contacts.c.id]
_OF_CRM: Final = [each.name for each in contacts.c if each.name != "made_by" and not each.primary_key]
_PUT: Final = Upsert(contacts, _KEY, _OF_CRM)
_PUT_MADE: Final = Upsert(contacts, _KEY, [*_OF_CRM, "made_by"])
_PUT_NUMBER: Final = upsert(contact_numbers, ())
_PUT_RUN: Final = upsert(
    contact_syncs, [each.name for each in contact_syncs.c if each.name not in {"connector", "read_by"}]
)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A contact as it is to be written."""

    contact: Contact
    row: Mapping[str, Any]
    numbers: tuple[str, ...]


class WrittenPhoneBook:
    """Implements `ari_app.domain.phone_book.BookKeeper`. `region` tells how numbers without a plus are read."""

    def __init__(self, database: Database, region: Callable[[], str]) -> None:
        self._writer = database.writer
        self._reader = database.reader
        self._region = region
        self._renewing: set[str] = set()  # connectors whose copy was made by other rules

    async def begin(self, connector: str) -> SyncRun:
        """See the protocol."""
        of_it = select(contact_syncs).where(contact_syncs.c.connector == connector)
        try:
            async with self._writer.begin() as connection:
                row = (await connection.execute(of_it)).one_or_none()
                before = None if row is None else run_of(row)
                is_anew = row is None or row.read_by != self._read_by
                run = SyncRun(
                    connector=connector,
                    run=1 if before is None else before.run + 1,
                    state=SyncState.RUNNING,
                    started_at=datetime.now(UTC),
                    whole_at=None if before is None else before.whole_at,
                    full_at=None if before is None else before.full_at,
                    read_from={} if before is None or is_anew else before.read_from,
                )
                await connection.execute(_PUT_RUN.on(connection), _run_row(run))
        except FAILURES as error:
            raise unusable(self._writer, error) from error
        if is_anew:
            self._renewing.add(connector)
        return run

    async def put(self, run: SyncRun, told: Sequence[Contact]) -> int:
        """See the protocol."""
        by_key = {(contact.kind, contact.id): contact for contact in told}  # the last one counts
        each = list(by_key.values())
        written = 0
        for first in range(0, len(each), BATCH):
            written += await self._put(run, each[first : first + BATCH])
            await asyncio.sleep(PAUSE_S)
        return written

    async def delete_unseen(self, run: SyncRun, kinds: Sequence[ContactKind]) -> int:
        """See the protocol."""
        is_unseen = (
            contacts.c.connector == run.connector,
            contacts.c.kind.in_([kind.value for kind in kinds]),
            contacts.c.run < run.run,
        )
        return await self._delete_all(*is_unseen)

    async def end(self, run: SyncRun) -> None:
        """See the protocol."""
        read_by = update(contact_syncs).where(contact_syncs.c.connector == run.connector).values(read_by=self._read_by)
        try:
            async with self._writer.begin() as connection:
                await connection.execute(_PUT_RUN.on(connection), _run_row(run))
                if run.state is SyncState.DONE:
                    await connection.execute(read_by)
        except FAILURES as error:
            raise unusable(self._writer, error) from error
        if run.state is SyncState.DONE:
            self._renewing.discard(run.connector)

    async def put_one(self, contact: Contact, *, made_by: str = "") -> None:
        """See the protocol."""
        last = select(contact_syncs.c.run).where(contact_syncs.c.connector == contact.connector)
        try:
            async with self._writer.begin() as connection:
                run = (await connection.execute(last)).scalar_one_or_none() or 0
                put = _PUT_MADE if made_by else _PUT
                await self._write(connection, [self._entry(contact, run, made_by)], put)
        except FAILURES as error:
            raise unusable(self._writer, error) from error

    async def forget_others(self, connectors: Sequence[str]) -> int:
        """See the protocol."""
        deleted = await self._delete_all(contacts.c.connector.not_in(connectors))
        try:
            async with self._writer.begin() as connection:
                await connection.execute(delete(contact_syncs).where(contact_syncs.c.connector.not_in(connectors)))
        except FAILURES as error:
            raise unusable(self._writer, error) from error
        return deleted

    async def end_unended(self) -> None:
        """Runs of a router that was killed have broken off. Raises StorageError."""
        running = contact_syncs.c.state == SyncState.RUNNING.value
        values = {"state": SyncState.BROKEN_OFF.value, "ended_at": datetime.now(UTC), "failure": asdict(CUT_SHORT)}
        try:
            async with self._writer.begin() as connection:
                await connection.execute(update(contact_syncs).where(running).values(values))
        except FAILURES as error:
            raise unusable(self._writer, error) from error

    @property
    def _read_by(self) -> str:
        return f"{_READING} {self._region()}"

    async def _put(self, run: SyncRun, batch: Sequence[Contact]) -> int:
        """What is there as it was told is only marked; how many others there were."""
        try:
            known = {} if run.connector in self._renewing else await known_among(self._reader, batch)
            same = [known[contact] for contact in batch if contact in known]
            entries = await self._entries([contact for contact in batch if contact not in known], run.run)
            async with self._writer.begin() as connection:
                if same:
                    of_them = contacts.c.position.in_(same)
                    await connection.execute(update(contacts).where(of_them).values(run=run.run))
                if entries:
                    await self._write(connection, entries, _PUT)
        except FAILURES as error:
            raise unusable(self._writer, error) from error
        return len(entries)

    async def _entries(self, changed: Sequence[Contact], run: int) -> list[_Entry]:
        entries = []
        for first in range(0, len(changed), AT_ONCE):
            entries += [self._entry(contact, run, "") for contact in changed[first : first + AT_ONCE]]
            await asyncio.sleep(0)
        return entries

    def _entry(self, contact: Contact, run: int, made_by: str) -> _Entry:
        numbers = numbers_of(contact, self._region())
        own = {
            "ordered_by": ordered_by(contact),
            "searched": searched_in(contact, numbers),
            "run": run,
            "made_by": made_by,
        }
        told = {**asdict(contact), "kind": contact.kind.value, "phones": list(contact.phones)}
        return _Entry(contact, told | own, numbers)

    async def _write(self, connection: AsyncConnection, entries: Sequence[_Entry], put: Upsert) -> None:
        await connection.execute(put.on(connection), [entry.row for entry in entries])
        written = select(contacts.c.kind, contacts.c.id, contacts.c.position).where(
            with_ids([entry.contact for entry in entries])
        )
        positions = {(row.kind, row.id): row.position for row in await connection.execute(written)}
        await connection.execute(delete(contact_numbers).where(contact_numbers.c.position.in_(positions.values())))
        numbers = [
            {"number": number, "position": positions[entry.contact.kind.value, entry.contact.id]}
            for entry in entries
            for number in entry.numbers
        ]
        if numbers:
            await connection.execute(_PUT_NUMBER.on(connection), numbers)

    async def _delete_all(self, *conditions: Any) -> int:
        deleted = 0
        while positions := await self._positions(*conditions):
            for batch in _batches(positions):
                # What somebody has put in meanwhile is not meant any more.
                stale = delete(contacts).where(contacts.c.position.in_(batch), *conditions)
                try:
                    async with self._writer.begin() as connection:
                        deleted += (await connection.execute(stale)).rowcount
                except FAILURES as error:
                    raise unusable(self._writer, error) from error
                await asyncio.sleep(PAUSE_S)
        return deleted

    async def _positions(self, *conditions: Any) -> Sequence[int]:
        try:
            async with self._reader.connect() as connection:
                found = select(contacts.c.position).where(*conditions).limit(STALE_AT_ONCE)
                return (await connection.execute(found)).scalars().all()
        except FAILURES as error:
            raise unusable(self._reader, error) from error


async def open_phone_book(database: Database, region: Callable[[], str]) -> WrittenPhoneBook:
    """The writer of a router that begins to serve. Raises StorageError."""
    book = WrittenPhoneBook(database, region)
    await book.end_unended()
    return book


async def erase_contacts(connection: AsyncConnection, numbers: Sequence[str]) -> int:
    """Delete those that have one of these numbers (E.164 among other forms); how many they were."""
    if not numbers:
        return 0
    of_them = select(contact_numbers.c.position).where(contact_numbers.c.number.in_(numbers))
    return (await connection.execute(delete(contacts).where(contacts.c.position.in_(of_them)))).rowcount


def _batches(positions: Sequence[int]) -> Iterator[Sequence[int]]:
    return (positions[first : first + BATCH] for first in range(0, len(positions), BATCH))


def _run_row(run: SyncRun) -> dict[str, Any]:
    failure = None if run.failure is None else asdict(run.failure)
    read_from = {hook: at.isoformat() for hook, at in run.read_from.items()}
    return {**asdict(run), "state": run.state.value, "failure": failure, "read_from": read_from, "read_by": ""}
