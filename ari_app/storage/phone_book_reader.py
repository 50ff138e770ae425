"""The phone book is read, beside any writer: searched page by page, and asked whose a number is."""

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final

import structlog
from sqlalchemy import ColumnElement, Row, and_, case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from agi_router.routing.errors import Failure
from agi_router.routing.in_time import in_time
from ari_app.domain.contacts import Contact, ContactKind
from ari_app.domain.phone_book import BookEntry, ContactFilter, SyncRun, SyncState
from ari_app.storage.call_reader import reading
from ari_app.storage.failures import FAILURES, reason, unusable
from ari_app.storage.schema import contact_numbers, contact_syncs, contacts
from ari_app.storage.settings import StorageSettings
from ari_app.storage.uncut import uncut

MOMENT_S: Final = 0.5
"""A call waits no longer for the name in the copy."""
MOST_OF_NUMBER: Final = 50

_IN_ORDER: Final = (contacts.c.ordered_by, contacts.c.position)

log = structlog.get_logger("agi_router.phone_book")


class StoredPhoneBook:
    """Implements `ari_app.domain.phone_book.ContactArchive` and `ari_app.domain.contacts.PhoneBook`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @uncut
    async def search(self, wanted: ContactFilter, *, offset: int, limit: int) -> tuple[Sequence[BookEntry], int]:
        """See the protocol."""
        conditions = _wanted(wanted)
        # The page is cut before its rows are read: of those before it the index alone is.
        of_page = select(contacts.c.position).where(*conditions).order_by(*_IN_ORDER).offset(offset).limit(limit)
        count = select(func.count()).select_from(contacts).where(*conditions)
        try:
            async with self._engine.connect() as connection:
                positions = (await connection.execute(of_page)).scalars().all()
                if offset or len(positions) == limit:
                    total = (await connection.execute(count)).scalar_one()
                else:
                    total = len(positions)
                found = select(contacts).where(contacts.c.position.in_(positions)).order_by(*_IN_ORDER)
                rows = (await connection.execute(found)).all()
                numbers = await _numbers(connection, positions)
        except FAILURES as error:
            raise unusable(self._engine, error) from error
        return [BookEntry(contact=contact_of(row), numbers=numbers[row.position]) for row in rows], total

    async def contact(self, connector: str, contact_id: str, kind: ContactKind | None = None) -> BookEntry | None:
        """See the protocol."""
        kinds = list(ContactKind) if kind is None else [kind]
        persons_first = case((contacts.c.kind == ContactKind.PERSON.value, 0), else_=1)
        is_it = (contacts.c.connector == connector, contacts.c.id == contact_id, contacts.c.kind.in_(kinds))
        return await self._first(select(contacts).where(*is_it).order_by(persons_first).limit(1))

    async def made_by(self, request_id: str) -> BookEntry | None:
        """See the protocol."""
        return await self._first(select(contacts).where(contacts.c.made_by == request_id).limit(1))

    @uncut
    async def sizes(self) -> Mapping[str, int]:
        """See the protocol."""
        query = select(contacts.c.connector, func.count().label("size")).group_by(contacts.c.connector)
        try:
            async with self._engine.connect() as connection:
                rows = await connection.execute(query)
                return {row.connector: row.size for row in rows}
        except FAILURES as error:
            raise unusable(self._engine, error) from error

    @uncut
    async def runs(self) -> Mapping[str, SyncRun]:
        """See the protocol."""
        try:
            async with self._engine.connect() as connection:
                return {row.connector: run_of(row) for row in await connection.execute(select(contact_syncs))}
        except FAILURES as error:
            raise unusable(self._engine, error) from error

    async def of_number(self, connector: str, number: str) -> Sequence[Contact]:
        """See the protocol."""
        try:
            return await in_time(self._of_number(connector, number), MOMENT_S)
        except (*FAILURES, TimeoutError) as error:
            log.warning("the phone book cannot be read; a call goes on without it", reason=reason(error))
            return ()

    @uncut
    async def _of_number(self, connector: str, number: str) -> Sequence[Contact]:
        with_number = select(contact_numbers.c.position).where(contact_numbers.c.number == number)
        query = select(contacts).where(contacts.c.position.in_(with_number), contacts.c.connector == connector)
        async with self._engine.connect() as connection:
            rows = await connection.execute(query.order_by(contacts.c.position).limit(MOST_OF_NUMBER))
            return tuple(map(contact_of, rows))

    @uncut
    async def _first(self, query: Any) -> BookEntry | None:
        try:
            async with self._engine.connect() as connection:
                row = (await connection.execute(query)).first()
                if row is None:
                    return None
                numbers = await _numbers(connection, [row.position])
        except FAILURES as error:
            raise unusable(self._engine, error) from error
        return BookEntry(contact=contact_of(row), numbers=numbers[row.position])


@asynccontextmanager
async def read_phone_book(settings: StorageSettings) -> AsyncIterator[StoredPhoneBook]:
    """Open it for reading only, beside a running router or without one. Raises StorageError with the reason."""
    async with reading(settings) as engine:
        yield StoredPhoneBook(engine)


async def known_among(engine: AsyncEngine, told: Sequence[Contact]) -> Mapping[Contact, int]:
    """Those that stand in the copy just so, with where they stand."""
    async with engine.connect() as connection:
        return {
            contact_of(row): row.position for row in await connection.execute(select(contacts).where(with_ids(told)))
        }


def with_ids(told: Sequence[Contact]) -> ColumnElement[bool]:
    """The rows of these contacts, of one connector or several."""
    ids = defaultdict(list)
    for contact in told:
        ids[contact.connector, contact.kind.value].append(contact.id)
    return or_(
        *(
            and_(contacts.c.connector == connector, contacts.c.kind == kind, contacts.c.id.in_(of_kind))
            for (connector, kind), of_kind in ids.items()
        )
    )


def contact_of(row: Row[Any]) -> Contact:
    """The contact of this row."""
    return Contact(
        connector=row.connector,
        id=row.id,
        kind=ContactKind(row.kind),
        name=row.name,
        company=row.company,
        company_id=row.company_id,
        job_title=row.job_title,
        email=row.email,
        phones=tuple(row.phones),
        owner=row.owner,
        url=row.url,
        changed_at=row.changed_at,
    )


def run_of(row: Row[Any]) -> SyncRun:
    """The run of this row."""
    return SyncRun(
        connector=row.connector,
        run=row.run,
        state=SyncState(row.state),
        started_at=row.started_at,
        ended_at=row.ended_at,
        hook=row.hook,
        page=row.page,
        seen=row.seen,
        changed=row.changed,
        unusable=row.unusable,
        deleted=row.deleted,
        failure=None if row.failure is None else Failure(**row.failure),
        whole_at=row.whole_at,
        is_full=row.is_full,
        full_at=row.full_at,
        read_from={hook: datetime.fromisoformat(at) for hook, at in row.read_from.items()},
    )


def _wanted(wanted: ContactFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [
        contacts.c.searched.contains(word, autoescape=True) for word in wanted.words
    ]
    if wanted.numbers:
        with_number = select(contact_numbers.c.position).where(contact_numbers.c.number.in_(wanted.numbers))
        conditions.append(contacts.c.position.in_(with_number))
    if wanted.connectors:
        conditions.append(contacts.c.connector.in_(wanted.connectors))
    if wanted.kinds:
        conditions.append(contacts.c.kind.in_([kind.value for kind in wanted.kinds]))
    return conditions


async def _numbers(connection: Any, positions: Sequence[int]) -> Mapping[int, tuple[str, ...]]:
    """In E.164, by the positions of their contacts."""
    found: dict[int, tuple[str, ...]] = dict.fromkeys(positions, ())
    query = select(contact_numbers).where(contact_numbers.c.position.in_(positions))
    for row in await connection.execute(query.order_by(contact_numbers.c.number)):
        found[row.position] += (row.number,)
    return found
