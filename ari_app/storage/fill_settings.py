"""Where Asterisk writes its calls itself. Needs no database library."""

from dataclasses import dataclass, field
from datetime import tzinfo
from pathlib import Path
from typing import Final, Literal

DRIVERS: Final = {
    "sqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+asyncpg",
    "mysql": "mysql+aiomysql",
    "mariadb": "mariadb+aiomysql",
}
"""SQLAlchemy's drivers by the scheme of the URL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FillSettings:
    """A table of Asterisk's: `table` is what its rows are, `name` what it is called. `timezone` is that of its times.

    None is the zone of this machine.
    """

    url: str = field(repr=False)
    table: Literal["cel", "cdr"]
    name: str
    timezone: tzinfo | None = None


def absolute_url(url: str, folder: Path) -> str:
    """The same, with an SQLite file's place beside the configuration made absolute."""
    scheme, _, path = url.partition(":///")
    return f"{scheme}:///{(folder / path).absolute()}" if scheme == "sqlite" and path else url
