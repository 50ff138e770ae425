"""How a connector's login stands: what is told of it to people and programs, without a secret in it."""

import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from agi_router.lookup.tokens import TokenState
from agi_router.routing.errors import Failure
from ari_app.domain.crm import HookName

MANY_STRANGERS: Final = 5
"""So many numbers of which a CRM knows none by its status alone: rather its search stands somewhere else."""
FIRST_PAUSE_S: Final = 15.0
LONGEST_PAUSE_S: Final = 900.0


class LoginState(StrEnum):
    """Whether a CRM lets the router in."""

    UNTRIED = "untried"  # all is there, and the CRM has not been asked yet
    OK = "ok"
    NEEDED = "needed"  # something is missing that only a person can give
    REFUSED = "refused"  # the CRM, or the server of its tokens, does not let the router in


class Result(StrEnum):
    """What came of a request."""

    OK = "ok"
    REFUSED = "refused"  # 4xx, or what the document takes for a refusal
    FAILED = "failed"  # 5xx, an answer that cannot be read, or none
    UNSENT = "unsent"  # no connection, no token, no place, or an open breaker


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a connector stands. `since` is when `state` began, `remedy` "" when there is nothing to do.

    `missing` are the properties that nobody gave. `failure` is why the last request that failed did, at `failed_at`;
    others may have been answered since. `token` is that of OAuth. `doubt` is why callers may be unknown by a mistake of
    the document, "" without one.
    """

    state: LoginState
    since: datetime
    remedy: str = ""
    missing: tuple[str, ...] = ()
    failure: Failure | None = None
    failed_at: datetime | None = None
    answered_at: datetime | None = None
    token: TokenState | None = None
    doubt: str = ""


class Experience:
    """What a connector has seen of its CRM since the router started, or since its login was changed."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[HookName, Result]] = Counter()
        self.refused: Failure | None = None
        self.failure: Failure | None = None
        self.failed_at: datetime | None = None
        self.answered_at: datetime | None = None
        self._refused_at: datetime | None = None
        self._strangers: set[str] = set()
        self._has_searched = False
        self._refusals = 0
        self._pause_ends = 0.0
        self._state = LoginState.UNTRIED
        self._since = datetime.now(UTC)

    def answered(self, hook: HookName) -> None:
        """The CRM did what it was asked, so it let the router in."""
        self.counts[hook, Result.OK] += 1
        self.answered_at = datetime.now(UTC)
        self._let_in()

    def searched(self, number: str, status: int) -> None:
        """A search for a contact was answered: with a good status, or with one that means nobody."""
        if status < 300:
            self._has_searched = True
            self._strangers.clear()
        elif not self._has_searched and len(self._strangers) < MANY_STRANGERS:
            self._strangers.add(number)

    @property
    def finds_nobody(self) -> bool:
        """Whether every search, for many numbers, came to a status that also a wrong path would have."""
        return len(self._strangers) >= MANY_STRANGERS

    def failed(self, hook: HookName, result: Result, failure: Failure, *, is_refused_login: bool) -> None:
        """It did not. `is_refused_login`: because of who asks."""
        self.counts[hook, result] += 1
        self.failure, self.failed_at = failure, datetime.now(UTC)
        if is_refused_login:
            self.refused, self._refused_at = failure, self._refused_at or self.failed_at
            if not self.pause_s:  # whoever was on the way together is refused together: that is one refusal
                self._refusals += 1
                pause_s = min(FIRST_PAUSE_S * 2 ** min(self._refusals - 1, 10), LONGEST_PAUSE_S)
                self._pause_ends = time.monotonic() + pause_s

    def forget_login(self) -> None:
        """There is another one: what was said of the one before does not count."""
        self.answered_at = None
        self._let_in()

    @property
    def pause_s(self) -> float:
        """For how long the CRM is not asked, 0 when it may be.

        Who asks with a refused password again and again is locked out, and then the right one is refused as well.
        """
        return max(0.0, self._pause_ends - time.monotonic())

    def _let_in(self) -> None:
        self.refused = self._refused_at = None
        self._refusals, self._pause_ends = 0, 0.0

    def since(self, state: LoginState) -> datetime:
        """When this state began; where nothing tells that, when it was first looked at."""
        if state is not self._state:
            began = {LoginState.OK: self.answered_at, LoginState.REFUSED: self._refused_at}.get(state)
            self._state, self._since = state, began or datetime.now(UTC)
        return self._since
