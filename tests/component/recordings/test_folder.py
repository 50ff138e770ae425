"""The folder of recordings: each file is whole under its name, or not there."""

import asyncio
import hashlib
import os
import resource
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ari_app.domain.recordings import NotStoredError, StoreError
from ari_app.recordings.folder import PIECE, FolderStore
from tests.patience import PATIENCE_S

PLACE = "2026/11/21/20261121T012233-9f3a2c1b77aa-1.wav"
CONTENT = bytes(range(256)) * 1024


async def pieces(content: bytes, size: int = 5000) -> AsyncIterator[bytes]:
    for at in range(0, len(content), size):
        yield content[at : at + size]


async def whole(reading: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in reading])


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


async def test_what_is_put_is_read_again_whole_and_in_parts(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "recordings")
    assert await store.put(PLACE, pieces(CONTENT)) == (len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
    assert await whole(store.read(PLACE)) == CONTENT
    assert await whole(store.read(PLACE, 100)) == CONTENT[100:]
    assert await whole(store.read(PLACE, 0, 0)) == CONTENT[:1]
    assert await whole(store.read(PLACE, PIECE - 3, PIECE + 4)) == CONTENT[PIECE - 3 : PIECE + 5]
    assert max([len(piece) async for piece in store.read(PLACE)]) == PIECE


async def test_nobody_but_the_router_and_its_group_reads_a_file(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        await FolderStore(tmp_path).put(PLACE, pieces(CONTENT))
    finally:
        os.umask(before)
    assert (tmp_path / PLACE).stat().st_mode & 0o777 == 0o640


async def test_a_file_is_not_there_before_it_is_whole(tmp_path: Path) -> None:
    store, seen = FolderStore(tmp_path), list[list[str]]()

    async def watched() -> AsyncIterator[bytes]:
        async for piece in pieces(CONTENT):
            seen.append(files(tmp_path))
            yield piece

    await store.put(PLACE, watched())
    assert {name for names in seen for name in names} == {f"2026/11/21/.{Path(PLACE).name}.part"}
    assert files(tmp_path) == [PLACE]


async def test_of_a_source_that_breaks_nothing_is_left(tmp_path: Path) -> None:
    async def breaking() -> AsyncIterator[bytes]:
        yield CONTENT
        raise ConnectionResetError("Asterisk is gone")

    with pytest.raises(ConnectionResetError):
        await FolderStore(tmp_path).put(PLACE, breaking())
    assert files(tmp_path) == []


async def test_of_a_fetch_that_is_cancelled_nothing_is_left(tmp_path: Path) -> None:
    begun = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        yield CONTENT
        begun.set()
        await asyncio.Event().wait()

    putting = asyncio.create_task(FolderStore(tmp_path).put(PLACE, endless()))
    await begun.wait()
    putting.cancel()
    await asyncio.gather(putting, return_exceptions=True)
    assert files(tmp_path) == []


async def test_of_a_file_that_the_disk_does_not_take_nothing_is_left_and_what_was_there_stays(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    await store.put(PLACE, pieces(b"what was there"))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(CONTENT) // 2, hard))
    try:
        with pytest.raises(StoreError, match=r"can't be used") as caught:
            await store.put(PLACE, pieces(CONTENT))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "make room" in caught.value.remedy
    assert files(tmp_path) == [PLACE]
    assert await whole(store.read(PLACE)) == b"what was there"


async def test_what_a_killed_router_left_is_cleared_and_fetched_anew(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    left = (tmp_path / PLACE).with_name(f".{Path(PLACE).name}.part")
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    await store.put("another.wav", pieces(CONTENT))
    assert await store.clear_unfinished() == 1
    left.write_bytes(b"half")
    await store.put(PLACE, pieces(CONTENT))
    assert files(tmp_path) == [PLACE, "another.wav"]


@pytest.mark.parametrize(
    "place", ["/etc/passwd", "../secret.wav", "2026/../../secret.wav", ".hidden", "a//b", "", "a\0b", "a/", "a\n"]
)
async def test_no_place_leads_out_of_the_folder(tmp_path: Path, place: str) -> None:
    (tmp_path / "secret.wav").write_bytes(b"secret")
    store = FolderStore(tmp_path / "recordings")
    for attempt in (whole(store.read(place)), store.put(place, pieces(b"new")), store.delete(place)):
        with pytest.raises(StoreError):
            await attempt
    assert files(tmp_path) == ["secret.wav"]


async def test_a_link_that_leads_out_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.wav").write_bytes(b"secret")
    folder = tmp_path / "recordings"
    folder.mkdir()
    (folder / "link.wav").symlink_to(tmp_path / "secret.wav")
    (folder / "away").symlink_to(tmp_path)
    store = FolderStore(folder)
    for place in ("link.wav", "away/secret.wav"):
        with pytest.raises(NotStoredError):
            await whole(store.read(place))
        await store.delete(place)
    assert (tmp_path / "secret.wav").read_bytes() == b"secret"
    assert not (folder / "link.wav").is_symlink()


@pytest.mark.parametrize("kind", ["pipe", "folder"])
async def test_what_is_no_file_is_not_there(tmp_path: Path, kind: str) -> None:
    if kind == "pipe":
        os.mkfifo(tmp_path / "odd.wav")
    else:
        (tmp_path / "odd.wav").mkdir()
    with pytest.raises(NotStoredError):
        async with asyncio.timeout(PATIENCE_S):
            await whole(FolderStore(tmp_path).read("odd.wav"))


async def test_a_file_that_is_not_there_and_one_that_was_cut_are_told(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    with pytest.raises(NotStoredError, match="there is no file"):
        await whole(store.read(PLACE))
    await store.put(PLACE, pieces(CONTENT))
    with pytest.raises(StoreError, match="ends after"):
        await whole(store.read(PLACE, 0, len(CONTENT)))


async def test_a_deleted_file_is_gone_and_may_be_deleted_again(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    await store.put(PLACE, pieces(CONTENT))
    for _ in range(2):
        await store.delete(PLACE)
    assert files(tmp_path) == []


async def test_the_free_space_is_known_before_there_is_a_folder(tmp_path: Path) -> None:
    assert await FolderStore(tmp_path / "not" / "yet").free_bytes() > 0
