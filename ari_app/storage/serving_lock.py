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
    path = database.with_name(database.name + ".lock")
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
                f"Stop it first (systemctl stop agi-router, or kill {holder}), or give this one its own storage.url.",
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
        yield
    finally:
        os.close(descriptor)
