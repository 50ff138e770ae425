"""A call to a number outside, as it is counted and kept."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from agi_router.routing.volume_limits import DAY, Scope, ScopeKind


@dataclass(frozen=True, slots=True)
class OutgoingCall:
    """One call to a number outside, in E.164, for a caller of this route, or a program with this API key ("": none).

    `id` is never used again: the id of the leg's channel, or another one where there is no channel of ours.
    """

    id: str
    number: str
    route: str
    key: str = ""

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """In which scopes it counts."""
        own = ((ScopeKind.ROUTE, self.route), (ScopeKind.KEY, self.key))
        return (Scope(ScopeKind.ALL), *(Scope(kind, name) for kind, name in own if name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """What is known of a call to a number outside: all that a restart needs.

    `is_counted`: it is a call of its own, and not the next trunk of one that was counted. `talk_s` is set with
    `ended_at`; of a reservation that came to its end without a report there is an `ended_at`, and no `talk_s` yet.
    """

    call: OutgoingCall
    admitted_at: datetime
    is_counted: bool = True
    expires_at: datetime | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    talk_s: float | None = None

    @property
    def last_at(self) -> datetime:
        """The last moment at which something is known of it."""
        return self.ended_at or self.answered_at or self.admitted_at

    def counts_at(self, at: datetime) -> bool:
        """Whether it counts in any window then, or might, as it has not ended."""
        return self.ended_at is None or self.ended_at > at - DAY


class Journal(Protocol):
    """Keeps what happens to outgoing calls over a restart."""

    def keep(self, outgoing: Outgoing) -> None:
        """Keep this instead of what was known of the call with this id. Returns at once; never raises."""
        ...


class NoJournal:
    """A `Journal` that keeps nothing."""

    def keep(self, outgoing: Outgoing) -> None:
        """Let it go."""
