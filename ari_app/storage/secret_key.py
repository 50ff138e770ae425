"""A random key in a file of its own, on the router's host: a copy of the database does not hold it."""

import os
import secrets
from pathlib import Path

from ari_app.storage.errors import StorageError
from ari_app.storage.settings import StorageSettings

KEY_BYTES = 32


def secret_key(settings: StorageSettings) -> bytes:
    """The key in the file `.key` of this database, mode 0600; made when there is none, or none that is whole.

    For the router that holds the serving lock. Raises StorageError when the file can be neither read nor made.
    """
    key = stored_key(settings)
    if len(key) == KEY_BYTES:
        return key
    path = settings.beside(".key")
    try:
        return _make(path)
    except OSError as error:
        raise _unusable(path, error) from error


def stored_key(settings: StorageSettings) -> bytes:
    """What stands in the file, b"" when there is none. Raises StorageError when it cannot be read."""
    path = settings.beside(".key")
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise _unusable(path, error) from error


def _make(path: Path) -> bytes:
    key = secrets.token_bytes(KEY_BYTES)
    path.parent.mkdir(mode=0o750, exist_ok=True)  # beside a file it is there
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(descriptor)
    new.replace(path)
    return key


def _unusable(path: Path, error: OSError) -> StorageError:
    return StorageError(
        f"the key {path} cannot be read or made: {error.strerror}",
        f"Let the router's user own the folder {path.parent} and that file.",
    )
