"""One serving router per database: a lock that the kernel, or the server, drops with the process, however that ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ari_app.storage.errors import StorageError
from ari_app.storage.settings import StorageSettings


@contextmanager
def serving_lock(settings: StorageSettings) -> Iterator[None]:
    """Hold `<file>.lock`, with our process id in it. Raises StorageError when another process holds it.

    Of a database on a server the connection that writes holds the lock.
    """
    if settings.is_postgresql:
        yield
        return
    database, path = settings.path, settings.beside(".lock")
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


async def lock_holder(settings: StorageSettings) -> str | None:
    """Who holds the lock, for people. To try it might keep a starting router from it, so the lists of locks are asked.

    None when nobody does, or where the kernel gives no list. Raises StorageError when a server cannot be asked.
    """
    if not settings.is_postgresql:
        return _file_holder(settings)
    from ari_app.storage import postgresql  # noqa: PLC0415 - who has a file is spared its driver

    return await postgresql.lock_holder(settings)


def _file_holder(settings: StorageSettings) -> str | None:
    try:
        inode = settings.beside(".lock").stat().st_ino
        locks = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    for lock in locks:  # 1: FLOCK  ADVISORY  WRITE 4711 fe:01:131 0 EOF
        _, kind, _, access, pid, where, *_ = lock.split()
        if (kind, access) == ("FLOCK", "WRITE") and int(where.rpartition(":")[2]) == inode:
            return f"process {pid}"
    return None
