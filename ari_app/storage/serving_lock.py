"""One serving router per SQLite file: a lock that the kernel drops with the process, however that ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ari_app.storage.errors import StorageError


@contextmanager
def serving_lock(database: Path) -> Iterator[None]:
    """Hold `<database>.lock`, with our process id in it. Raises StorageError when another process holds it."""
    path = _lock_of(database)
    try:
        # The file stays for ever: removing it would let two processes lock two different files of the same name.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    except OSError as error:
        raise StorageError(
            f"the lock {path} cannot be opened: {error.strerror}",
            f"Let the router's user own the folder {path.parent}.",
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            raise StorageError(
                f"another agi-router (process {holder}) already serves with the database {database}",
                f"Stop it first ({_stopping(holder)}), or give this one its own storage.url.",
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
        yield
    finally:
        os.close(descriptor)


def _stopping(holder: str) -> str:
    # Process 1 is a container's: outside, and in any other container, that number means something else.
    return "docker stop, with its container" if holder == "1" else f"systemctl stop agi-router, or kill {holder}"


def lock_holder(database: Path) -> int | None:
    """The process that holds the lock, by the kernel's list: to try the lock might keep a starting router from it.

    None when nobody does, or where the kernel gives no list.
    """
    try:
        inode = _lock_of(database).stat().st_ino
        locks = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    for lock in locks:  # 1: FLOCK  ADVISORY  WRITE 4711 fe:01:131 0 EOF
        _, kind, _, access, pid, where, *_ = lock.split()
        if (kind, access) == ("FLOCK", "WRITE") and int(where.rpartition(":")[2]) == inode:
            return int(pid)
    return None


def _lock_of(database: Path) -> Path:
    return database.with_name(database.name + ".lock")
