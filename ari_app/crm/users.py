"""The users of CRMs, read at the start, again and again, and whenever somebody wants it."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, Self

import structlog

from agi_router.directory.crm_users import CrmUser
from agi_router.routing.errors import Failure
from ari_app.crm.user_map import CrmUserMap
from ari_app.domain.crm import Crm, HookError, HookName, Record
from ari_app.domain.crm_users import CrmUserList, CrmUserLists
from ari_app.domain.unavailable import UnavailableError

log = structlog.get_logger("agi_router.crm")

PAGE_S: Final = 20.0
LONGEST_S: Final = 300.0
"""For all pages together."""
MOST_USERS: Final = 50_000
FIRST_RETRY_S: Final = 15.0
"""After a first failure; then twice as long each time, up to the usual time between two readings."""
NOBODY: Final = Failure(
    "crm_no_users",
    "the CRM lists no users",
    "see what it answers: agi-router crm try DOC Users; may whoever is logged in see them all?",
)
TOO_LATE: Final = Failure(
    "crm_too_late", f"the CRM did not list all of its users within {LONGEST_S:g} s", "let its document ask larger pages"
)
TOO_MANY: Final = Failure(
    "crm_too_many_users",
    f"the CRM lists more than {MOST_USERS} users",
    "let its document ask for fewer: those who work",
)


class NotReadError(Exception):
    """The users of a CRM could not be read; what was known of them stays."""

    def __init__(self, failure: Failure, again_in_s: float | None = None) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.again_in_s = again_in_s


@dataclass(frozen=True, slots=True, kw_only=True)
class NotRead:
    """Why the last reading came to nothing, and when."""

    failure: Failure
    at: datetime


class UserReading:
    """Reads the users of connectors into a map, and keeps them. An async context, in which schedules run."""

    def __init__(self, lists: CrmUserLists, users: CrmUserMap) -> None:
        self.users = users
        self._lists = lists
        self._crms: Mapping[str, Crm] = {}
        self._turns: dict[str, asyncio.Lock] = {}
        self._failures: dict[str, NotRead] = {}
        self._hastened: dict[str, asyncio.Event] = {}
        self._schedules: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        try:
            self.users.take(await self._lists.all())
        except UnavailableError as error:
            log.warning("the users of CRMs that were kept can't be read", reason=str(error), remedy=error.remedy)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end_schedules()

    async def take(self, crms: Mapping[str, Crm], every_s: Mapping[str, float | None]) -> None:
        """Read these from now on, those with a time as often as it says and at once."""
        await self._end_schedules()
        self._crms = crms
        self._failures = {name: failure for name, failure in self._failures.items() if name in crms}
        self._schedules = [
            asyncio.create_task(self._read_every(name, every), name=f"users of {name}")
            for name, every in every_s.items()
            if every is not None and name in crms
        ]

    def failure(self, name: str) -> NotRead | None:
        """What became of the last reading, if that came to nothing."""
        return self._failures.get(name)

    async def read(self, name: str) -> None:
        """Read the users of this connector now. Raises NotReadError, and KeyError for a name that is none."""
        crm = self._crms[name]
        async with self._turns.setdefault(name, asyncio.Lock()):
            try:
                listed = CrmUserList(connector=name, read_at=datetime.now(UTC), users=await _users_of(crm))
            except NotReadError as error:
                self._failures[name] = NotRead(failure=error.failure, at=datetime.now(UTC))
                raise
            self._failures.pop(name, None)
            self.users.take([listed])
            await self._keep(listed)

    def hasten(self, name: str) -> None:
        """This CRM lets us in again: read its users now, if they are read by themselves at all."""
        if name in self._hastened:
            self._hastened[name].set()

    async def _keep(self, listed: CrmUserList) -> None:
        try:
            await self._lists.keep(listed)
        except UnavailableError as error:
            log.warning(
                "the users of a CRM can't be kept: after a restart they are unknown until the CRM is asked again",
                crm=listed.connector,
                reason=str(error),
                remedy=error.remedy,
            )

    async def _read_every(self, name: str, every_s: float) -> None:
        retry_s = min(FIRST_RETRY_S, every_s)
        hastened = self._hastened[name] = asyncio.Event()
        while True:
            hastened.clear()
            try:
                await self.read(name)
                wait_s, retry_s = every_s, min(FIRST_RETRY_S, every_s)
            except NotReadError as error:
                wait_s = max(retry_s, error.again_in_s or 0.0)
                retry_s = min(2 * retry_s, every_s)
                why = error.failure
                log.warning(
                    "the users of a CRM can't be read", crm=name, code=why.code, reason=why.message, remedy=why.remedy
                )
            except Exception:
                log.exception("the reading of a CRM's users broke off", crm=name)
                wait_s = every_s
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await hastened.wait()

    async def _end_schedules(self) -> None:
        for schedule in self._schedules:
            schedule.cancel()
        await asyncio.gather(*self._schedules, return_exceptions=True)
        self._schedules = []
        self._hastened.clear()


async def _users_of(crm: Crm) -> tuple[CrmUser, ...]:
    """All of them, each once. Raises NotReadError; nobody at all is a mistake rather than an empty company."""
    users: dict[str, CrmUser] = {}
    try:
        async with asyncio.timeout(LONGEST_S):
            async for page in crm.pages(HookName.USERS, {}, deadline_s=PAGE_S):
                for user in _of_records(page.records):
                    users.setdefault(user.id, user)
                if len(users) > MOST_USERS:
                    raise NotReadError(TOO_MANY)
    except HookError as error:
        raise NotReadError(error.failure, error.again_in_s) from error
    except TimeoutError:
        raise NotReadError(TOO_LATE) from None
    if not users:
        raise NotReadError(NOBODY)
    return tuple(users.values())


def _of_records(records: Iterable[Record]) -> Iterator[CrmUser]:
    """Those that have an id."""
    for record in records:
        said = {name: value.strip() for name, value in record.items()}
        names = (said.get("firstname", ""), said.get("lastname", ""))
        if said.get("user_id"):
            yield CrmUser(
                id=said["user_id"],
                name=said.get("name") or " ".join(filter(None, names)),
                email=said.get("email", ""),
                phone=said.get("phone", ""),
                extension=said.get("extension", ""),
            )
