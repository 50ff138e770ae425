"""Where the database is. Needs no database library: commands that only read the configuration start without one."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from ari_app.storage.errors import StorageError

DEFAULT_FOLDER: Final = Path("/var/lib/agi-router")
_SQLITE: Final = re.compile(r"sqlite(?:\+\w+)?:///(?P<database>[^?]+)(?:\?.*)?")
_CREDENTIALS: Final = re.compile(r"(?<=://).*(?=@)")
_SECRET: Final = re.compile(r"(?<=password=)[^&]*")


@dataclass(frozen=True, slots=True)
class StorageSettings:
    """Section `storage`: sqlite:////var/lib/agi-router/agi-router.db, or postgresql://user:password@host/database.

    `folder` holds what a router with a database on a server keeps on its own host.
    """

    url: str = field(repr=False)
    folder: Path = DEFAULT_FOLDER

    @classmethod
    def at(cls, path: Path) -> "StorageSettings":
        """An SQLite file; what a URL cannot hold is escaped, as in every URL."""
        return cls(f"sqlite:///{quote(str(path))}")

    @property
    def is_postgresql(self) -> bool:
        """Whether the database is on a server."""
        return self.url.startswith(("postgresql://", "postgres://"))

    @property
    def path(self) -> Path:
        """The SQLite file. Raises StorageError when the URL names none."""
        url = _SQLITE.fullmatch(self.url)
        if url is None or url["database"] == ":memory:":
            raise _unknown(self.url)
        return Path(unquote(url["database"]))

    @property
    def name(self) -> str:
        """What people call it: the file, or the URL without its secrets. Raises StorageError for what names neither."""
        if not self.is_postgresql:
            return str(self.path)
        try:
            parts = urlsplit(self.url)
            _ = parts.port if "," not in parts.netloc else None
        except ValueError as error:
            raise _unknown(self.url) from error
        user, at, host = parts.netloc.rpartition("@")
        if not parts.path.strip("/") or "@" in user or parts.fragment:
            raise _unknown(self.url)
        return f"postgresql://{user.partition(':')[0]}{at}{host}{parts.path}"

    def beside(self, ending: str) -> Path:
        """A file that belongs to this database and is no part of it: its lock, its key, the router's socket."""
        if self.is_postgresql:
            return self.folder / f"{urlsplit(self.url).path.strip('/')}{ending}"
        return self.path.with_name(f"{self.path.name}{ending}")


@dataclass(frozen=True, slots=True)
class RetentionSettings:
    """How many days a call is kept, and after how many its numbers are masked; None: for ever, and never."""

    keep_days: int | None = None
    mask_numbers_after_days: int | None = None


def _unknown(url: str) -> StorageError:
    shown = _SECRET.sub("***", _CREDENTIALS.sub("***", url))
    return StorageError(
        f"storage.url is {shown}, which names neither an SQLite file nor a PostgreSQL database",
        "write it as sqlite:////var/lib/agi-router/agi-router.db (four slashes: an absolute path), "
        "or as postgresql://user:password@host:5432/database (in a password, %40 stands for @, %2F for /, %23 for #).",
    )
