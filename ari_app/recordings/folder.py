"""A folder as a store: each file is whole under its name, or not there.

2026/11/21/20261121T012233-9f3a2c1b77aa-1.wav      a recording
2026/11/21/.20261121T012233-9f3a2c1b77aa-1.wav.part     one that is being fetched, or whose router was killed
"""

import asyncio
import errno
import hashlib
import os
import re
import stat
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar

from ari_app.domain.recordings import NotStoredError, StoreError

T = TypeVar("T")

PIECE: Final = 64 * 1024
FILE_MODE: Final = 0o640
FOLDER_MODE: Final = 0o750

_UNFINISHED: Final = ".part"
_NAME: Final = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,191}"
_PLACE: Final = re.compile(rf"{_NAME}(?:/{_NAME}){{0,7}}")
"""No part begins with a dot or is empty: no place leads out of the folder, or to what is unfinished."""

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class FolderStore:
    """Implements `ari_app.domain.recordings.RecordingStore`; the folder is made when the first file comes.

    Nothing waits for the disk in the event loop, and of no file is more than a piece in memory.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def put(self, place: str, content: AsyncIterator[bytes]) -> tuple[int, str]:
        """See RecordingStore."""
        path = self._path(place)
        unfinished = path.with_name(f".{path.name}{_UNFINISHED}")
        digest, size = hashlib.sha256(), 0
        file = await self._do(lambda: _create(unfinished))
        try:
            try:
                async for piece in content:
                    await self._do(lambda piece=piece: _write(file, piece))  # type: ignore[misc]
                    digest.update(piece)
                    size += len(piece)
                await self._do(lambda: os.fsync(file))
            finally:
                os.close(file)
            await self._do(lambda: _finish(unfinished, path))
        except BaseException:
            with suppress(OSError):
                unfinished.unlink()
            raise
        return size, digest.hexdigest()

    async def read(self, place: str, first: int = 0, last: int | None = None) -> AsyncGenerator[bytes]:
        """See RecordingStore."""
        path = self._path(place)
        file = await self._do(lambda: self._open(path))
        try:
            at = first
            while last is None or at <= last:
                wanted = PIECE if last is None else min(PIECE, last + 1 - at)
                piece = await self._do(lambda wanted=wanted, at=at: os.pread(file, wanted, at))  # type: ignore[misc]
                if not piece:
                    break
                yield piece
                at += len(piece)
            if last is not None and at <= last:
                raise StoreError(
                    f"{path} ends after {at} bytes; it was longer when it was stored",
                    "look after the disk, and backups",
                )
        finally:
            os.close(file)

    async def delete(self, place: str) -> None:
        """See RecordingStore."""
        path = self._path(place)
        await self._do(lambda: self._unlink(path))

    async def clear_unfinished(self) -> int:
        """Delete what a router that was killed had begun to fetch; how many files."""
        return await self._do(self._clear_unfinished)

    async def free_bytes(self) -> int:
        """How much the folder's disk can still take."""
        return await self._do(lambda: _free_bytes(self.folder))

    def _path(self, place: str) -> Path:
        if not _PLACE.fullmatch(place):
            raise NotStoredError(f"{place!r} is no place in the store of recordings", "take the place of its record")
        return self.folder / place

    def _open(self, path: Path) -> int:
        """A link in the folder that leads out of it is not followed."""
        if not self._is_inside(path):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        return open_file(path)

    def _unlink(self, path: Path) -> None:
        """A link itself goes; what it leads to stays."""
        if self._is_inside(path.parent):
            path.unlink(missing_ok=True)

    def _is_inside(self, path: Path) -> bool:
        return path.resolve().is_relative_to(self.folder.resolve())

    def _clear_unfinished(self) -> int:
        count = 0
        for left in self.folder.rglob(f".*{_UNFINISHED}"):
            left.unlink(missing_ok=True)
            count += 1
        return count

    async def _do(self, work: Callable[[], T]) -> T:
        """In a thread. Raises StoreError."""
        try:
            return await asyncio.to_thread(work)
        except FileNotFoundError as error:
            raise NotStoredError(
                f"there is no file {error.filename}", "was it deleted by hand, or is the disk not mounted?"
            ) from error
        except OSError as error:
            raise self._error(error) from error

    def _error(self, error: OSError) -> StoreError:
        if error.errno in _FULL:
            remedy = "make room there, or set recordings.keep_days; it is tried again by itself"
        else:
            remedy = "let the folder exist, and the router's user write there; it is tried again by itself"
        return StoreError(f"the folder of recordings {self.folder} can't be used: {error.strerror or error}", remedy)


def open_file(path: Path) -> int:
    """For reading: neither a link, nor a pipe or device, where reading may never end. Raises OSError."""
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise FileNotFoundError(errno.ENOENT, "it is no file", str(path))
    return file


def _create(path: Path) -> int:
    path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        path.unlink()  # of a router that was killed
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)


def _write(file: int, piece: bytes) -> None:
    left = memoryview(piece)
    while left:
        left = left[os.write(file, left) :]


def _finish(unfinished: Path, path: Path) -> None:
    """The name is on the disk as well before anybody is told that the file is."""
    unfinished.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _free_bytes(folder: Path) -> int:
    there = next(path for path in (folder, *folder.parents) if path.exists())
    disk = os.statvfs(there)
    return disk.f_bavail * disk.f_frsize
