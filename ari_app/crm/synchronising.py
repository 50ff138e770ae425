"""The phone book is kept up to date: a CRM's contacts and organizations are read, page by page, into the router's copy.

Only a run that has read everything deletes what it has not seen. One that breaks off leaves the copy as it was, but for
the contacts that it has read; so does one that has asked only for what has changed, as a document can have it.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from agi_router.routing.errors import Failure
from ari_app.calls.clock import now
from ari_app.crm.activity_outcomes import NOT_LOGGED_IN
from ari_app.crm.contact_records import PHONES, contact_of, moment_of
from ari_app.crm.document.variables import CHANGED_SINCE, CHANGED_SINCE_MS, needed
from ari_app.domain.contacts import Contact, ContactKind
from ari_app.domain.crm import Crm, HookError, HookName, Record
from ari_app.domain.phone_book import CUT_SHORT, BookKeeper, SyncRun, SyncState, cleaned
from ari_app.domain.unavailable import UnavailableError

PAGE_S: Final = 60.0
"""How long a page may take. Nobody waits for it."""
SOON_S: Final = (5.0, 30.0)
"""After the start of the router, so that not all CRMs are read in one moment."""
AGAIN_S: Final = 300.0
"""After a run that broke off; after each further one twice as long, until it is the schedule's time."""
JITTER: Final = 0.1
PAGE_WAITS_S: Final = (1.0, 5.0, 20.0)
"""A page that has failed is asked for again after each of these; a run may have read for minutes until then."""
LONGEST_PATIENCE_S: Final = 300.0
"""A CRM that wants to be left alone for longer is read by the next run."""
AT_ONCE: Final = 50
"""Records that are read before calls have their turn: some 2 ms."""
OVERLAP: Final = timedelta(minutes=10)
"""What has changed is asked for from so long before the last reading: clocks differ, and searches learn late."""
LISTS: Final = (HookName.CONTACTS, HookName.ORGANIZATIONS)

log = structlog.get_logger("agi_router.phone_book")


class Synchronising:
    """Keeps the copy of one CRM, with one run at a time.

    `last` is the run that goes on, or the last one there was, also of an earlier router.
    """

    def __init__(
        self,
        crm: Crm,
        book: BookKeeper,
        *,
        last: SyncRun | None = None,
        full_every_s: float | None = None,
        page_waits_s: Sequence[float] = PAGE_WAITS_S,
    ) -> None:
        """`full_every_s`: after so long a run reads all that the CRM has; None: the first one, and when asked to."""
        self.name = crm.name
        self._full_every_s = full_every_s
        self._page_waits_s = page_waits_s
        self.last = last
        self._crm = crm
        self._book = book
        self._going: asyncio.Task[None] | None = None
        self._beginning = asyncio.Lock()
        self._again_s = 0.0  # as the CRM has asked for

    async def start(self, *, full: bool = False) -> SyncRun | Failure:
        """Begin a run, or join the one that goes on; how it stands, or why there can be none.

        `full`: one that reads all that the CRM has; one that reads less is broken off for it. Raises StorageError's kin
        when the database cannot keep it.
        """
        async with self._beginning:
            if self.last is not None and self._going is not None and not self._going.done():
                if self.last.is_full or not full:
                    return self.last
                await self.stop()
            lists = tuple(hook for hook in LISTS if hook in self._crm.abilities.hooks)
            if not lists:
                return _lists_nothing(self.name)
            begun = await self._book.begin(self.name)
            is_full = full or self._is_full_due(begun) or not self._since(begun, lists)
            self.last = run = replace(begun, is_full=is_full)
            self._going = asyncio.create_task(self._run(lists, run), name=f"phone book of {self.name}")
            return run

    async def finished(self) -> SyncRun | None:
        """Wait until no run goes on; the last one there was."""
        if self._going is not None:
            await asyncio.wait([self._going])
        return self.last

    async def stop(self) -> None:
        """End a run that goes on: it has broken off then."""
        if self._going is not None:
            self._going.cancel()
        await self.finished()

    async def keep_to(self, every_s: float) -> None:
        """Run again and again, this often, until cancelled. What has passed since the last router's run counts."""
        wait_s = self._first_wait(every_s)
        failures = 0
        while True:
            await asyncio.sleep(wait_s)
            if await self._is_brought_up_to_date():
                failures, wait_s = 0, every_s
            else:
                failures += 1
                wait_s = max(self._again_s, min(every_s, AGAIN_S * 2 ** min(failures - 1, 20)))
            wait_s *= random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - no secret

    async def _is_brought_up_to_date(self) -> bool:
        try:
            started = await self.start()
        except UnavailableError as error:
            log.warning("the phone book cannot be written", crm=self.name, reason=str(error), remedy=error.remedy)
            return False
        if isinstance(started, Failure):
            log.warning("no contacts are read", crm=self.name, reason=started.message, remedy=started.remedy)
            return False
        run = await self.finished()
        return run is not None and run.state is SyncState.DONE

    def _first_wait(self, every_s: float) -> float:
        soon_s = min(random.uniform(*SOON_S), every_s)  # noqa: S311 - no secret
        if self.last is None or self.last.whole_at is None or self.last.state is not SyncState.DONE:
            return soon_s
        due = self.last.whole_at + timedelta(seconds=every_s)
        return max(soon_s, (due - now()).total_seconds())

    def _is_full_due(self, run: SyncRun) -> bool:
        """Also where the last one was in a time that is still to come: a clock was set back."""
        if run.full_at is None or self._full_every_s is None:
            return run.full_at is None
        return not timedelta() <= now() - run.full_at < timedelta(seconds=self._full_every_s)

    def _since(self, run: SyncRun, lists: Sequence[HookName]) -> Mapping[HookName, datetime]:
        """From when on changes of these lists are asked for; without those that are read whole."""
        can = self._crm.abilities.lists_changes
        return {
            hook: min(run.read_from[hook.value], now()) - OVERLAP
            for hook in lists
            if hook in can and hook.value in run.read_from
        }

    async def _run(self, lists: Sequence[HookName], begun: SyncRun) -> None:
        """Read all lists, and keep what came of it."""
        run = begun
        self._again_s = 0.0
        try:
            for hook in lists:
                run = await self._read(hook, run)
            # A CRM that suddenly knows nobody is rather broken than empty.
            deletes = run.is_full and run.seen
            deleted = await self._book.delete_unseen(run, _kinds(lists)) if deletes else 0
            await self._end(replace(run, state=SyncState.DONE, deleted=deleted, hook="", page=0))
        except HookError as error:
            self._again_s = error.again_in_s or 0.0
            await self._break_off(error.failure)
        except UnavailableError as error:
            await self._break_off(Failure("database_unavailable", str(error), error.remedy))
        except asyncio.CancelledError:
            await self._break_off(CUT_SHORT)
            raise
        except Exception:
            log.exception("the contacts of a CRM cannot be read", crm=self.name)
            await self._break_off(
                Failure(
                    "internal", "the router failed to read the contacts", "look into the router's log for the reason"
                )
            )

    async def _read(self, hook: HookName, begun: SyncRun) -> SyncRun:
        """All pages of a list; the run with what it has read then."""
        self.last = run = replace(begun, hook=hook.value, page=1)
        began = now()
        met: dict[int, int] = {}
        since = {} if run.is_full else self._since(run, (hook,))
        pages = self._crm.pages(hook, _changed_since(since.get(hook)), deadline_s=PAGE_S, patience=self._is_tried_again)
        try:
            async for answer in pages:
                if (earlier := met.setdefault(_ids(hook, answer.records), run.page)) != run.page and answer.records:
                    raise HookError(_same_again(hook, run.page, earlier), is_undone=True)
                for first in range(0, len(answer.records), AT_ONCE):
                    self.last = run = await self._take(hook, answer.records[first : first + AT_ONCE], run)
                self.last = run = replace(run, page=run.page + 1)
        finally:
            if isinstance(pages, AsyncGenerator):
                await pages.aclose()  # its connection to the CRM with it
        self.last = run = replace(run, read_from={**run.read_from, hook.value: began})
        return run

    async def _is_tried_again(self, error: HookError, failures: int) -> bool:
        """Waits before it says so. What goes wrong is told meanwhile."""
        asked_for_s = error.again_in_s or 0.0
        is_passing = not error.is_final and error.status not in NOT_LOGGED_IN and error.sent is not None
        if not is_passing or failures > len(self._page_waits_s) or asked_for_s > LONGEST_PATIENCE_S:
            return False
        assert self.last is not None
        self.last = replace(self.last, failure=error.failure)
        told = {"crm": self.name, "hook": self.last.hook, "page": self.last.page, "reason": error.failure.message}
        log.info("a page of a CRM's contacts has failed; it is asked for once more", attempt=failures, **told)
        planned_s = self._page_waits_s[failures - 1] * random.uniform(1, 1 + JITTER)  # noqa: S311 - no secret
        await asyncio.sleep(max(planned_s, asked_for_s))
        return True

    async def _take(self, hook: HookName, records: Sequence[Record], run: SyncRun) -> SyncRun:
        read = organization_of if hook is HookName.ORGANIZATIONS else contact_of
        told = [read(self.name, record) for record in records]
        usable = [clean for contact in told if contact is not None and (clean := cleaned(contact)) is not None]
        changed = await self._book.put(run, usable)
        return replace(
            run,
            seen=run.seen + len(usable),
            changed=run.changed + changed,
            unusable=run.unusable + len(records) - len(usable),
        )

    async def _break_off(self, why: Failure) -> None:
        assert self.last is not None
        log.warning(
            "the contacts of a CRM were not read to the end; those of the copy stay",
            crm=self.name,
            hook=self.last.hook,
            page=self.last.page,
            reason=why.message,
            remedy=why.remedy,
        )
        try:
            await self._end(replace(self.last, state=SyncState.BROKEN_OFF, failure=why))
        except UnavailableError as error:
            log.warning("the phone book cannot be written", crm=self.name, reason=str(error), remedy=error.remedy)

    async def _end(self, run: SyncRun) -> None:
        at = now()
        ended = replace(run, ended_at=at)
        if run.state is SyncState.DONE:
            ended = replace(ended, whole_at=at, full_at=at if run.is_full else run.full_at)
        self.last = ended
        await self._book.end(ended)
        if ended.state is SyncState.DONE:
            told = {name: getattr(ended, name) for name in ("is_full", "seen", "changed", "deleted", "unusable")}
            log.info("the contacts of a CRM were read", crm=self.name, **told)


def _changed_since(since: datetime | None) -> Mapping[str, str]:
    if since is None:
        return {}
    seconds = int(since.timestamp())
    whole = datetime.fromtimestamp(seconds, UTC)
    return {CHANGED_SINCE: whole.isoformat().replace("+00:00", "Z"), CHANGED_SINCE_MS: str(seconds * 1000)}


def organization_of(connector: str, record: Record) -> Contact | None:
    """The organization of one record of Organizations; None where it has no id."""
    organization_id = record.get("company_id", "").strip()
    if not organization_id:
        return None
    return Contact(
        connector=connector,
        id=organization_id,
        kind=ContactKind.ORGANIZATION,
        name=record.get("company_name", ""),
        email=record.get("email", ""),
        phones=tuple(record.get(name, "") for name in PHONES),
        owner=record.get("owner_id", ""),
        url=record.get("url", ""),
        changed_at=moment_of(record.get("changed_at", "")),
    )


def _kinds(lists: Sequence[HookName]) -> tuple[ContactKind, ...]:
    """Which kinds a run over these lists has seen all of. People come from Contacts alone."""
    return tuple(ContactKind) if HookName.CONTACTS in lists else (ContactKind.ORGANIZATION,)


def _lists_nothing(name: str) -> Failure:
    return Failure(
        "crm_lists_no_contacts",
        f"the document of the CRM {name} has neither Contacts nor Organizations",
        "add one of these hooks to the document, or do without a copy of this CRM's contacts",
    )


def _ids(hook: HookName, records: Sequence[Record]) -> int:
    """The same for pages with the same records."""
    return hash(tuple(record.get(needed(hook), "") for record in records))


def _same_again(hook: HookName, page: int, earlier: int) -> Failure:
    return Failure(
        "crm_pages_repeat",
        f"{hook}.paging: page {page} has the records of page {earlier} once more",
        "look how the document turns the pages of this hook: agi-router crm try shows what is asked and answered",
    )
