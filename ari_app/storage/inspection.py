"""What a diagnosis asks of the database, beside a running router and without leaving a trace."""

import os
import pwd
import shutil
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from ari_app.storage.database import reading_engine, writing_engine
from ari_app.storage.errors import StorageError
from ari_app.storage.revision import Revision, revision
from ari_app.storage.settings import StorageSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageState:
    """`revision` is None when there is no file yet; `write_error` is None when `user`, who asks, can write."""

    revision: Revision | None
    user: str
    owner: str
    write_error: str | None


async def inspect_storage(settings: StorageSettings) -> StorageState:
    """The database's revision, and whether it can be written. Raises StorageError when it cannot be read."""
    path, user = settings.path, _name(os.geteuid())
    try:
        is_there = path.exists()
    except OSError as error:
        raise StorageError(
            f"{path} may not be read by this user: {error.strerror}",
            "Run the command as the router's user, or as root.",
        ) from error
    if not is_there:
        return StorageState(revision=None, user=user, owner="", write_error=_why_not_in(path.parent))
    reading = reading_engine(settings)
    try:
        stands = await revision(reading)
    finally:
        await reading.dispose()
    write_error = await _why_not_written(settings)
    return StorageState(revision=stands, user=user, owner=_name(path.stat().st_uid), write_error=write_error)


def free_bytes(path: Path) -> int | None:
    """What is left on the disk of this file; None when it has no folder."""
    try:
        return shutil.disk_usage(path.parent).free
    except OSError:
        return None


def _name(user_id: int) -> str:
    try:
        return pwd.getpwuid(user_id).pw_name
    except KeyError:
        return f"user {user_id}"


def _why_not_in(folder: Path) -> str | None:
    """The router makes the last folder of the path by itself, and no more."""
    existing = folder if folder.exists() else folder.parent
    if not existing.is_dir():
        return f"there is no folder {existing}"
    read_only = os.statvfs(existing).f_flag & os.ST_RDONLY
    writable = os.access(existing, os.W_OK | os.X_OK) and not read_only
    return None if writable else f"this user may not write into {existing}"


async def _why_not_written(settings: StorageSettings) -> str | None:
    """Takes the write lock, and the header that every commit changes, for a moment; then takes both back."""
    try:
        writing = writing_engine(settings)
    except StorageError as error:
        return str(error)
    try:
        async with writing.connect() as connection:
            transaction = await connection.begin()
            current = (await connection.execute(text("PRAGMA user_version"))).scalar_one()
            await connection.execute(text(f"PRAGMA user_version = {int(current)}"))
            await transaction.rollback()
    except DBAPIError as error:
        return str(error.orig)
    finally:
        await writing.dispose()
    return None
