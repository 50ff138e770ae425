"""What is on record of deliveries, for people who look after them, and what is to be sent again."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ari_app.domain.history import Period
from ari_app.domain.notices import NoticeType
from ari_app.domain.webhooks import DeliveryState

ALWAYS: Final = Period()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFilter:
    """Which deliveries: all that is given holds, of several values one. `period` is that of their notices."""

    states: frozenset[DeliveryState] = frozenset()
    types: frozenset[NoticeType] = frozenset()
    subject: str = ""
    call_id: str = ""
    period: Period = ALWAYS


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryEntry:
    """A delivery as lists show it, without what it carries.

    `notice_id` is the `webhook-id`, `at` the notice's moment; `due_at` is None of one that is over, `finished_at` of
    one that is not.
    """

    id: int
    notice_id: str
    type: str
    subject: str
    call_id: str
    at: datetime
    state: DeliveryState
    attempts: int
    due_at: datetime | None
    finished_at: datetime | None
    is_replay: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What waits for a subscription: how many deliveries, and since when the first of them was told."""

    pending: int
    oldest_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a subscription does. `failed` were given up; `oldest_pending_at` is the moment of a notice.

    `failing_since` is the first attempt that failed since one was delivered.
    """

    pending: int = 0
    failed: int = 0
    oldest_pending_at: datetime | None = None
    last_success_at: datetime | None = None
    failing_since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayFilter:
    """Which notices are to be sent again; with `only_failed` those whose delivery was given up."""

    period: Period
    types: frozenset[NoticeType] = frozenset()
    only_failed: bool = False


@dataclass(frozen=True, slots=True)
class Replayed:
    """How many were put in line again. `next` is where to go on when there are more than were asked for."""

    count: int
    next: int | None
