"""Where the database is. Needs no database library: commands that only read the configuration start without one."""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from ari_app.storage.errors import StorageError

_SQLITE = re.compile(r"sqlite(?:\+\w+)?:///(?P<database>[^?]+)(?:\?.*)?")
_CREDENTIALS = re.compile(r"(?<=://).*(?=@)")


@dataclass(frozen=True, slots=True)
class StorageSettings:
    """Section `storage`: an SQLAlchemy URL without driver, "sqlite:////var/lib/agi-router/agi-router.db"."""

    url: str

    @classmethod
    def at(cls, path: Path) -> "StorageSettings":
        """An SQLite file; what a URL cannot hold is escaped, as in every URL."""
        return cls(f"sqlite:///{quote(str(path))}")

    @property
    def path(self) -> Path:
        """The SQLite file. Raises StorageError when the URL names none."""
        url = _SQLITE.fullmatch(self.url)
        if url is None or url["database"] == ":memory:":
            raise _not_sqlite(_CREDENTIALS.sub("***", self.url))
        return Path(unquote(url["database"]))


def _not_sqlite(url: str) -> StorageError:
    return StorageError(
        f"storage.url is {url}, which names no SQLite file, and only those can be used",
        "write it as sqlite:////var/lib/agi-router/agi-router.db (four slashes: an absolute path).",
    )
