"""What came of one question to the API: the steps to try, in order, and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from agi_router.routing.destination import Destination
from agi_router.routing.errors import Failure
from agi_router.routing.hours import Closed
from agi_router.routing.step import Step
from agi_router.routing.understood import Understood


@dataclass(frozen=True, slots=True, kw_only=True)
class SentRequest:
    """The request as it left, fit for a record: secrets are already masked. `body` is "" when none was sent."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedAnswer:
    """The API's answer.

    `body` is its text, cut to a size fit for a record; `elapsed_ms` counts from the moment its request left.
    """

    status: int
    body: str
    elapsed_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedAttempt:
    """A URL that came to nothing, and another one is asked after it.

    `request` is None when nothing was sent, `answer` when none came.
    """

    request: SentRequest | None = None
    answer: ReceivedAnswer | None = None
    failure: Failure


LookupProgress = SentRequest | FailedAttempt
"""What a lookup tells while it runs: a request is about to leave; an attempt failed and the next one follows."""


class Source(StrEnum):
    """Where the answer comes from that leads the call."""

    ANSWER = "answer"  # the API, just now
    CACHE = "cache"  # the API, a moment ago; it was not asked again
    LAST_GOOD = "last_good"  # what the API last said for this caller; it is down now


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The outcome of one lookup.

    `steps` starts with the answer's destination, when there is one, and goes on with the fallback chain.
    `request` and `answer` are those of the last attempt, `failed_attempts` what went before it.
    `understood` is what the answer says, also when that leads nowhere; `error` says why the API's answer gave no
    destination. With source LAST_GOOD both `error` and `destination` are set: what is known from `age_s` seconds ago
    stands in for the answer; `recall_error`, without a destination, tells why that leads nowhere by now.
    With `closed` the call came outside the route's business hours: nothing was asked, and `steps` are the chain for it.
    When all steps have failed, the call goes back to the dialplan.
    """

    route: str
    request: SentRequest | None = None
    answer: ReceivedAnswer | None = None
    failed_attempts: tuple[FailedAttempt, ...] = ()
    understood: Understood | None = None
    source: Source = Source.ANSWER
    age_s: float = 0.0
    destination: Destination | None = None
    error: Failure | None = None
    recall_error: Failure | None = None
    closed: Closed | None = None
    steps: tuple[Step, ...] = ()

    @property
    def value(self) -> str | None:
        """What the answer said, as text; None when nothing could be read."""
        return None if self.understood is None else self.understood.answered
