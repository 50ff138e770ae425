"""Whose presence is known, and by which devices of Asterisk."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

TECHNOLOGY: Final = "PJSIP/"


@dataclass(frozen=True, slots=True)
class Person:
    """A user. `phones` are the devices of Asterisk that tell whether he is in a call, `dnd` the one that tells whether
    he wants not to be disturbed (None: there is none); `wrap_up_s` has the times of his teams by their ids.
    """

    name: str = ""
    phones: tuple[str, ...] = ()
    dnd: str | None = None
    wrap_up_s: Mapping[str, float] = field(default_factory=dict)

    @property
    def devices(self) -> tuple[str, ...]:
        """All devices whose state concerns him."""
        return self.phones if self.dnd is None else (*self.phones, self.dnd)


@dataclass(frozen=True, slots=True)
class Roster:
    """Users by their ids; `watched` are the devices whose states have to be known."""

    people: Mapping[str, Person] = field(default_factory=dict)
    watched: frozenset[str] = frozenset()
