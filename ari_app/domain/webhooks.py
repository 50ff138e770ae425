"""Who is told what, and how far that has come: subscriptions, their deliveries, and each attempt at one."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from ari_app.domain.notices import Notice, NoticeType


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeFilter:
    """Which notices: all that is given holds, of several values one. The empty filter takes every notice."""

    types: frozenset[NoticeType] = frozenset()
    users: frozenset[str] = frozenset()
    teams: frozenset[str] = frozenset()
    queues: frozenset[str] = frozenset()
    numbers: frozenset[str] = frozenset()
    routes: frozenset[str] = frozenset()
    directions: frozenset[str] = frozenset()

    def takes(self, notice: Notice) -> bool:
        """Whether this one is wanted."""
        about = notice.about
        return (
            (not self.types or notice.type in self.types)
            and (not self.users or not self.users.isdisjoint(about.users))
            and (not self.teams or not self.teams.isdisjoint(about.teams))
            and (not self.queues or not self.queues.isdisjoint(about.queues))
            and (not self.numbers or not self.numbers.isdisjoint(about.numbers))
            and (not self.routes or about.route in self.routes)
            and (not self.directions or about.direction in self.directions)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A receiver. `secrets` sign what it is sent, the newest first: while one is replaced both do, until
    `old_secret_until`. Without secrets nothing can be sent: the key that has sealed them is lost.

    `template` is the name of one that is shipped or configured, "" for the notice as it is. `headers` go with every
    request. `disabled_reason` tells people why it gets nothing, when it was not they who switched it off.
    """

    id: str
    name: str
    url: str
    secrets: tuple[str, ...] = field(repr=False)
    old_secret_until: datetime | None = None
    wanted: NoticeFilter = field(default_factory=NoticeFilter)
    template: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    is_enabled: bool = True
    disabled_reason: str = ""
    created_at: datetime
    changed_at: datetime


class Receivers:
    """Which subscription takes what, as it stands by now, disabled ones as well: what they take waits for them.

    Whoever keeps the subscriptions tells it here. While there are none, nothing is derived or written.
    """

    def __init__(self, wanted: Mapping[str, NoticeFilter] | None = None) -> None:
        self._changed = asyncio.Event()
        self.know(wanted or {})

    @property
    def changed(self) -> asyncio.Event:
        """Set when they are others: take it, look, then wait for it. Each is set once."""
        return self._changed

    def know(self, wanted: Mapping[str, NoticeFilter]) -> None:
        """These are all subscriptions from now on, by their ids."""
        self._wanted = dict(wanted)
        filters = self._wanted.values()
        every = frozenset(NoticeType)
        self._types = frozenset[NoticeType]().union(*(of.types or every for of in filters))
        self._changed.set()
        self._changed = asyncio.Event()

    def __bool__(self) -> bool:
        return bool(self._wanted)

    def may_want(self, kind: NoticeType) -> bool:
        """Whether a notice of this type can be for anybody: others need not be made at all."""
        return kind in self._types

    def wanting(self, notice: Notice) -> Sequence[str]:
        """The ids of the subscriptions that take this notice."""
        return [id_ for id_, wanted in self._wanted.items() if wanted.takes(notice)]


class DeliveryState(StrEnum):
    """How far a delivery has come."""

    PENDING = "pending"  # due at a moment, or waits for an earlier one of its subject
    DELIVERED = "delivered"
    FAILED = "failed"  # given up after the last attempt: replay it by hand


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One notice on its way to one subscription. `attempts` are those made so far."""

    id: int
    subscription_id: str
    notice: Notice
    state: DeliveryState
    attempts: int
    due_at: datetime
    is_replay: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One request to a receiver. `status` is None when none came; `error` says why it does not count, "" if it does."""

    number: int
    at: datetime
    url: str
    elapsed_ms: float
    status: int | None = None
    error: str = ""
    answer: str = ""


class Outbox(Protocol):
    """What is to be delivered, shared by all processes that deliver. Everything raises UnavailableError."""

    async def claim(self, subscription_id: str, limit: int, until: datetime) -> Sequence[Delivery]:
        """Take what is due for this subscription, of each subject the oldest only; nobody else gets it before `until`.

        Whoever dies with claims leaves them to others after that moment.
        """

    async def settle(
        self, delivery: Delivery, attempt: Attempt | None, state: DeliveryState, due_at: datetime
    ) -> datetime | None:
        """Put the attempt on record, and the delivery where it stands now; the claim ends.

        No attempt: nothing had to be sent. What comes after it in its subject is not due before `due_at` either. Gives
        since when this receiver fails, None when the last one that it got was delivered.
        """

    async def release(self, deliveries: Sequence[Delivery]) -> None:
        """Give back what was claimed and not sent: it is due at once."""

    async def hasten(self, subscription_id: str) -> None:
        """Have all that waits for its next attempt due at once: the receiver is expected to work now."""

    async def next_due(self, subscription_id: str) -> datetime | None:
        """When something is due next, or a claim of somebody else ends; None while nothing waits."""
