"""The phone book of a running router, and who writes to it."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from ari_app.crm.phone_books import Schedule, keeping_phone_books
from ari_app.crm.settings import CrmSettings
from ari_app.domain.crm import Crm
from ari_app.live.contacts import ContactDesk
from ari_app.live.once import Once
from ari_app.storage.phone_book import open_phone_book
from ari_app.storage.phone_book_reader import StoredPhoneBook
from ari_app.storage.serving import Database


@asynccontextmanager
async def phone_book_of(
    settings: CrmSettings, crms: Mapping[str, Crm], database: Database, once: Once, region: Callable[[], str]
) -> AsyncIterator[ContactDesk]:
    """The desk of contacts; copies are brought up to date until the block ends. Raises StorageError."""
    book, archive = await open_phone_book(database, region), StoredPhoneBook(database.reader)
    schedule = {
        each.name: Schedule(every_s=each.phone_book_every_s, full_every_s=each.phone_book_full_every_s)
        for each in settings.connectors
    }
    async with keeping_phone_books(crms.values(), schedule, book, archive) as books:
        yield ContactDesk(crms=crms, archive=archive, book=book, books=books, once=once)
