"""What a diagnosis asks of the database, beside a running router and without leaving a trace."""

import os
import pwd
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import text

from ari_app.storage.database import reading_engine, writing_engine
from ari_app.storage.errors import StorageError
from ari_app.storage.failures import FAILURES, reason, unusable
from ari_app.storage.revision import Revision, revision
from ari_app.storage.schema import metadata
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
    if settings.is_postgresql:
        return await _inspect_server(settings)
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


async def _inspect_server(settings: StorageSettings) -> StorageState:
    """Whether the tables may be written, or made, by the rights of the user: a running router's lock is left alone."""
    reading = reading_engine(settings)
    try:
        stands = await revision(reading)
        async with reading.connect() as connection:
            user, owner, is_standby, may_create = (await connection.execute(text(_RIGHTS))).one()
            rights = await connection.execute(text(_TABLE_RIGHTS), {"tables": list(metadata.tables)})
            forbidden = [name for name, may_write in rights if not may_write]
    except FAILURES as error:
        raise unusable(reading, error) from error
    finally:
        await reading.dispose()
    why = None
    if is_standby:
        why = "this server is a standby, which only reads"
    elif forbidden:
        why = f"{user} may not write {', '.join(sorted(forbidden))}"
    elif stands.current is None and not may_create:
        why = f"{user} may not make tables in it"
    return StorageState(revision=stands, user=user, owner=owner, write_error=why)


_RIGHTS: Final = """
SELECT current_user, pg_get_userbyid(datdba), pg_is_in_recovery(),
       coalesce(has_schema_privilege(current_schema(), 'CREATE'), false)
FROM pg_database WHERE datname = current_database()
"""
_TABLE_RIGHTS: Final = """
SELECT relname, has_table_privilege(oid, 'SELECT') AND has_table_privilege(oid, 'INSERT')
       AND has_table_privilege(oid, 'UPDATE') AND has_table_privilege(oid, 'DELETE')
FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace AND relname = ANY (:tables)
"""


def free_bytes(settings: StorageSettings) -> int | None:
    """What is left on the disk of the SQLite file; None when it has no folder."""
    try:
        return shutil.disk_usage(settings.path.parent).free
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
    except FAILURES as error:
        return reason(error)
    finally:
        await writing.dispose()
    return None
