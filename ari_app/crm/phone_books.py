"""The copies of all CRMs: each is brought up to date by its schedule, and those of CRMs that are gone are deleted."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog

from ari_app.crm.synchronising import Synchronising
from ari_app.domain.crm import Crm
from ari_app.domain.phone_book import BookKeeper, ContactArchive
from ari_app.domain.unavailable import UnavailableError

log = structlog.get_logger("agi_router.phone_book")

PhoneBooks = Mapping[str, Synchronising]
"""By the names of their connectors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How often a CRM is read, and how often all of it; seconds, None: when somebody asks."""

    every_s: float | None = None
    full_every_s: float | None = None


@asynccontextmanager
async def keeping_phone_books(
    crms: Iterable[Crm], schedules: Mapping[str, Schedule], book: BookKeeper, archive: ContactArchive
) -> AsyncIterator[PhoneBooks]:
    """Keep them until the block ends, by their schedules; those without one are read when somebody asks.

    Raises StorageError's kin when the database cannot be read.
    """
    last = await archive.runs()
    books = {}
    for crm in crms:
        full_every_s = schedules.get(crm.name, Schedule()).full_every_s
        books[crm.name] = Synchronising(crm, book, last=last.get(crm.name), full_every_s=full_every_s)
    tasks = [
        asyncio.create_task(books[name].keep_to(schedule.every_s), name=f"schedule of the phone book of {name}")
        for name, schedule in schedules.items()
        if schedule.every_s is not None
    ]
    tasks.append(asyncio.create_task(_forget_others(book, list(books)), name="phone books of CRMs that are gone"))
    try:
        yield books
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(each.stop() for each in books.values()))


async def _forget_others(book: BookKeeper, names: list[str]) -> None:
    try:
        forgotten = await book.forget_others(names)
    except UnavailableError as error:
        log.warning("contacts of CRMs that are gone stay for now", reason=str(error), remedy=error.remedy)
        return
    if forgotten:
        log.info("contacts of CRMs that are no longer configured were deleted", contacts=forgotten)
