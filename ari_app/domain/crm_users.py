"""The users that CRMs list, as the router keeps them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from agi_router.directory.crm_users import CrmUser


@dataclass(frozen=True, slots=True, kw_only=True)
class CrmUserList:
    """The users of one CRM, as it told them at this moment; `connector` is a name of the configuration."""

    connector: str
    read_at: datetime
    users: tuple[CrmUser, ...]


class CrmUserLists(Protocol):
    """Keeps the last list of each connector over restarts."""

    async def all(self) -> Sequence[CrmUserList]:
        """Those that can be read. Raises UnavailableError."""

    async def keep(self, listed: CrmUserList) -> None:
        """In place of an earlier one of this connector. Raises UnavailableError."""
