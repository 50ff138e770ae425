"""What goes wrong with a request to a CRM, on demand."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Trouble(StrEnum):
    """How a request ends that does not end well."""

    STATUS = "status"  # an answer of this status
    HANG = "hang"  # no answer, as long as the client waits
    DISCONNECT = "disconnect"  # the connection is cut instead of an answer
    GARBAGE = "garbage"  # 200, and what is no JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One trouble. `is_done`: the CRM does what it is asked to do all the same, and only then fails.

    `retry_after` is sent with a status. Before all of it, the CRM takes `delay_s` seconds.
    """

    trouble: Trouble = Trouble.STATUS
    status: int = 500
    is_done: bool = False
    retry_after: str | None = None
    delay_s: float = 0.0


class Faults:
    """The faults of a CRM to come: `next` for the next requests, `mishap` for any."""

    def __init__(self) -> None:
        self.mishap: Callable[[str, str], Fault | None] = lambda _method, _path: None
        """Is asked for each request, by its method and path, that no other fault is ordered for."""
        self._ordered: list[tuple[re.Pattern[str], Fault]] = []

    def next(self, *faults: Fault, of: str = "") -> None:
        """Let the next requests fail, one for each fault, whose "METHOD /path" holds `of`, a regular expression."""
        self._ordered += [(re.compile(of), fault) for fault in faults]

    def clear(self) -> None:
        """From now on all is well."""
        self._ordered.clear()
        self.mishap = lambda _method, _path: None

    def take(self, method: str, path: str) -> Fault | None:
        """The fault of this request."""
        for index, (wanted, fault) in enumerate(self._ordered):
            if wanted.search(f"{method} {path}"):
                del self._ordered[index]
                return fault
        return self.mishap(method, path)
