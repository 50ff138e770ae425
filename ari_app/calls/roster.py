"""Whose presence is known, and by which devices of Asterisk."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

TECHNOLOGY: Final = "PJSIP/"


@dataclass(frozen=True, slots=True)
class Person:
    """A user. `phones` are the devices of Asterisk that tell whether he is in a call, `dnd` the one that tells whether
    he wants not to be disturbed (None: there is none); `wrap_up_s` has the times of his teams by their ids.
    `member_names` are the names by which queues may know him (see `ari_app.calls.memberships`).
    """

    name: str = ""
    phones: tuple[str, ...] = ()
    dnd: str | None = None
    wrap_up_s: Mapping[str, float] = field(default_factory=dict)
    member_names: tuple[str, ...] = ()

    @property
    def endpoints(self) -> tuple[str, ...]:
        """The names of the phones, without technology."""
        return tuple(phone.removeprefix(TECHNOLOGY) for phone in self.phones)

    @property
    def devices(self) -> tuple[str, ...]:
        """All devices whose state concerns him."""
        return self.phones if self.dnd is None else (*self.phones, self.dnd)


@dataclass(frozen=True, slots=True)
class Roster:
    """Users by their ids; `watched` are the devices whose states have to be known."""

    people: Mapping[str, Person] = field(default_factory=dict)
    watched: frozenset[str] = frozenset()
