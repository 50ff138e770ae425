"""The database: there, up to date, writable, and with room to grow."""

from collections.abc import Sequence
from typing import Final

from ari_app.doctor.check import Check
from ari_app.doctor.finding import Finding, Group, Topic
from ari_app.storage.inspection import StorageState, free_bytes, inspect_storage
from ari_app.storage.settings import StorageSettings

DATABASE = Topic("database", Group.DATABASE)
DISK = Topic("disk", Group.DATABASE)

# A call takes about 5 KB: enough for a month of 1000 calls a day, and for none at all.
LITTLE_BYTES: Final = 500 * 1024 * 1024
TOO_LITTLE_BYTES: Final = 20 * 1024 * 1024


def database_checks(settings: StorageSettings) -> list[Check]:
    """Both look at the same file."""

    async def database() -> Sequence[Finding]:
        return [judge_database(settings.name, await inspect_storage(settings))]

    async def disk() -> Sequence[Finding]:
        if settings.is_postgresql:
            return [
                DISK.skipped("the database is on a server, whose disks cannot be seen from here", "watch them there")
            ]
        return [judge_disk(str(settings.path.parent), free_bytes(settings))]

    return [Check(DATABASE, database), Check(DISK, disk)]


def judge_database(path: str, state: StorageState) -> Finding:
    """One finding: what is worst."""
    stands = state.revision
    if stands is None:
        if state.write_error:
            return DATABASE.error(
                f"there is no database at {path}, and it cannot be made: {state.write_error}",
                "make the folder and let the router's user own it, or name another place in storage.url",
            )
        return DATABASE.warning(f"there is no database at {path} yet", "the first agi-router serve makes it")
    if stands.is_newer:
        return DATABASE.error(
            f"{path} was made by a newer agi-router: its revision is {stands.current}, this one knows {stands.head}",
            "run that newer version, or name another database in storage.url",
        )
    if state.write_error and "locked" in state.write_error:
        return DATABASE.error(
            f"{path} cannot be written, another program keeps it locked: {state.write_error}",
            f"find that program, such as an open sqlite3 or a backup, and end it: fuser -v {path}",
        )
    if state.write_error and path.startswith("postgresql:"):
        return DATABASE.error(
            f"{path} cannot be written by {state.user}; it belongs to {state.owner}: {state.write_error}",
            f"give {state.user} these rights, best by making it the owner of database and tables; or name its user, "
            "and the server that writes, in storage.url",
        )
    if state.write_error:
        return DATABASE.error(
            f"{path} cannot be written by {state.user}; it belongs to {state.owner}: {state.write_error}",
            "let the router's user own the file and its folder, and see that the disk is neither full nor read-only",
        )
    if stands.current is None and path.startswith("postgresql:"):
        return DATABASE.warning(f"{path} is empty", "the first agi-router serve makes its tables")
    if stands.is_older:
        return DATABASE.error(
            f"{path} is at revision {stands.current or 'none'}, this version needs {stands.head}",
            "run agi-router db upgrade as the router's user, or restart the router, which does it by itself",
        )
    return DATABASE.ok(f"{path}: revision {stands.current}, belongs to {state.owner}, {state.user} can write it")


def judge_disk(folder: str, free: int | None) -> Finding:
    """Whether the call log has room to grow."""
    if free is None:
        return DISK.skipped(f"there is no folder {folder}", "see the finding database")
    found = f"{free / 1024**2:.0f} MiB are free in {folder}"
    if free < TOO_LITTLE_BYTES:
        return DISK.error(found, "make room: calls go on, but soon they cannot be put on record")
    if free < LITTLE_BYTES:
        return DISK.warning(found, "make room before the call log cannot grow any more")
    return DISK.ok(f"{free / 1024**3:.1f} GiB are free in {folder}" if free >= 10 * 1024**3 else found)
