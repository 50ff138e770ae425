"""When nobody heard of the PBX's calls: what the history does not know it does not hide."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """From the last moment at which Asterisk was heard to the first at which it was heard again; None: not yet.

    `filled` when its calls were read from a table afterwards, which `source` names: cel or cdr.
    """

    id: int
    began_at: datetime
    ended_at: datetime | None
    filled: bool = False
    source: str = ""


class Gaps(Protocol):
    """What readers ask. Raises StorageError's kin when the database fails."""

    async def gaps(
        self, since: datetime | None = None, before: datetime | None = None, limit: int = 1000
    ) -> Sequence[Gap]:
        """The newest first: those that lie in this period, or reach into it."""
        ...
