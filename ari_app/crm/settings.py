"""How CRMs are connected. Needs no HTTP library: whoever only reads the configuration starts without one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from ari_app.crm.document.model import Document

FULL_EVERY_S: Final = 7 * 86_400.0
"""So often all contacts are read, for those that were deleted in the CRM."""


class SharedNumbers(StrEnum):
    """Whom a number means that several contacts have."""

    REFUSE = "refuse"  # nobody
    COMPANY = "company"  # the organization that all of them belong to
    MOST_RECENT = "most_recent"  # the one that was changed last
    ASK = "ask"  # somebody chooses later; until then nobody


class UnknownNumbers(StrEnum):
    """What becomes of a caller whom the CRM does not know."""

    IGNORE = "ignore"
    CREATE = "create"  # a contact is created


@dataclass(frozen=True, slots=True, kw_only=True)
class FindSettings:
    """`crm.NAME.find`: whether contacts are looked up at all, and what with them. `shows_name`: on phones."""

    is_on: bool = True
    deadline_s: float = 2.0
    shows_name: bool = True
    shared: SharedNumbers = SharedNumbers.REFUSE
    unknown: UnknownNumbers = UnknownNumbers.IGNORE


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivitySettings:
    """`crm.NAME.activities`: which calls the CRM is told, by their directions, and whether it gets recordings."""

    is_on: bool = True
    directions: frozenset[str] = frozenset({"inbound", "outbound"})
    recordings: bool = True
    deadline_s: float = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginSettings:
    """`crm.NAME.login`: where the browser comes back to after the CRM's user has consented (OAuth 2.0).

    `callback_port` is that of this host's loopback; 0: any free one, which the CRM has to allow (RFC 8252 section 7.3).
    """

    callback_host: str = "127.0.0.1"
    callback_port: int = 8765
    callback_path: str = "/callback"

    @property
    def redirect_uri(self) -> str:
        """What is to be registered at the CRM."""
        return f"http://{self.callback_host}:{self.callback_port}{self.callback_path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorSettings:
    """`crm.NAME`. `properties` are those of the document that the configuration gives; all others are asked for.

    `phone_book_every_s` and `users_every_s` are None where that is done on demand only. After
    `phone_book_full_every_s` a CRM that is asked for changes alone is asked for all it has; None: on demand only.
    """

    name: str
    document: Document
    properties: Mapping[str, str] = field(default_factory=dict, repr=False)
    ca_file: Path | None = None
    login: LoginSettings = field(default_factory=LoginSettings)
    find: FindSettings = field(default_factory=FindSettings)
    activities: ActivitySettings = field(default_factory=ActivitySettings)
    phone_book_every_s: float | None = None
    phone_book_full_every_s: float | None = FULL_EVERY_S
    users_every_s: float | None = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CrmSettings:
    """Section `crm`, in its order: the first CRM that knows a name has it shown."""

    connectors: tuple[ConnectorSettings, ...] = ()
