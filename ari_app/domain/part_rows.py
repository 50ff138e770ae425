"""A part of a call as programs want it told: names beside ids, digits for the call, whole seconds, moments as text.

VoIPline's rows are made of it, and webhooks with a template.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple, Protocol, Self

from ari_app.domain.call_digits import in_digits
from ari_app.domain.history import PartEntry
from ari_app.domain.parts import PartKind


class Named(NamedTuple):
    """A user: what people call him, and his extension."""

    name: str
    number: str


class People(Protocol):
    """The directory, as far as it tells names."""

    def user(self, user_id: str) -> Named:
        """The user with this id, or who is called by this endpoint."""

    def group(self, kind: PartKind, group_id: str) -> str:
        """The name of the queue or team with this id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartRow:
    """One part. `user` is the user whose it is, or of a queue or team who answered; `group` is its name, "" of a user.

    `duration_s` is ringing (in a queue, waiting) and talk together, in whole seconds like `talk_s`.
    """

    unique_call_id: str
    direction: str
    is_answered: bool
    caller_number: str | None
    caller_name: str | None
    called_number: str
    user: Named | None
    group: str
    began_at: str
    answered_at: str | None
    duration_s: int
    talk_s: int

    @classmethod
    def of(cls, entry: PartEntry, people: People) -> Self:
        """The part's row; of one that goes on, as far as it has come."""
        part = entry.part
        is_user = part.kind is PartKind.USER
        who = part.name if is_user else part.answered_by
        over = part.ended_at or part.answered_at or part.began_at
        return cls(
            unique_call_id=in_digits(entry.call_id),
            direction=part.direction.value,
            is_answered=part.answered_at is not None,
            caller_number=entry.caller_number or None,
            caller_name=entry.caller_name or None,
            called_number=entry.called_number,
            user=people.user(who) if who else None,
            group="" if is_user else people.group(part.kind, part.name),
            began_at=in_milliseconds(part.began_at),
            answered_at=None if part.answered_at is None else in_milliseconds(part.answered_at),
            duration_s=max(0, int((over - part.began_at).total_seconds())),
            talk_s=max(0, int(part.talk_s or 0)),
        )


def in_milliseconds(at: datetime) -> str:
    """ISO 8601 in UTC with Z, such as 2019-06-18T14:58:39.000Z."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
