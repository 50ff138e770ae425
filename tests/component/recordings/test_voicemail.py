"""Messages of callers: from Asterisk's spool into the store, and on record with their calls."""

import asyncio
import hashlib
import os
import wave
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ari_app.calls.voicemail import MessageLeft
from ari_app.domain import events as e
from ari_app.domain.recordings import RecordingKind, RecordingState
from ari_app.recordings.folder import FolderStore
from ari_app.recordings.keeping import Keeping
from ari_app.recordings.voicemail import Voicemail, taking_voicemail
from ari_app.storage.call_log import CallLog, writing_call_log
from ari_app.storage.recordings import RecordingRows
from ari_app.storage.retention import delete_calls
from ari_app.storage.serving import Database, open_database
from ari_app.storage.settings import StorageSettings
from tests.component.recordings.spooler import spooling
from tests.patience import PATIENCE_S

CALL = "20261121T120000-9f3a2c1b77aa"
CHANNEL = "PJSIP/carrier-00000001"
PLACE = "default/101/INBOX/msg0000"
LEFT = MessageLeft(CALL, "101@default", f"/var/spool/asterisk/voicemail/{PLACE}", CHANNEL)


@pytest.fixture
async def database(settings: StorageSettings) -> AsyncIterator[Database]:
    async with open_database(settings) as opened:
        yield opened


@pytest.fixture
async def log(database: Database) -> AsyncIterator[CallLog]:
    async with writing_call_log(database) as writing:
        writing.write(CALL, e.SentToDialplan(at=datetime.now(UTC), reason="voicemail", mailbox="101@default"))
        yield writing


@pytest.fixture
async def voicemail(tmp_path: Path, log: CallLog) -> AsyncIterator[Voicemail]:
    async with taking_voicemail(tmp_path / "spool", FolderStore(tmp_path / "store"), log) as taking:
        yield taking


def spool(folder: Path, *, seconds: int = 2, channel: str = CHANNEL, sound: bool = True) -> bytes:
    """A message as app_voicemail writes it; its sound."""
    path = folder / "spool" / PLACE
    path.parent.mkdir(parents=True)
    path.with_suffix(".txt").write_text(f"[message]\ncallerchan={channel}\nmsg_id=1-2\nduration={seconds}\n")
    if not sound:
        return b""
    with wave.open(str(path.with_suffix(".wav")), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(range(250)) * 64 * seconds)
    return path.with_suffix(".wav").read_bytes()


async def told(voicemail: Voicemail, log: CallLog, left: MessageLeft = LEFT) -> e.VoicemailLeft | None:
    voicemail.take(left)
    await voicemail.settle()
    await log.flush()
    last = (await log.trace(CALL))[-1]
    return last if isinstance(last, e.VoicemailLeft) else None


async def test_a_message_is_copied_and_on_record_with_its_call(
    tmp_path: Path, database: Database, log: CallLog, voicemail: Voicemail
) -> None:
    content = spool(tmp_path)
    event = await told(voicemail, log)
    assert event is not None
    assert (event.mailbox, event.message_id, event.seconds, event.reason) == ("101@default", "1-2", 2.0, "")
    row = await RecordingRows(database).get(f"{CALL}-voicemail")
    assert row is not None
    assert (row.kind, row.state, row.mailbox) == (RecordingKind.VOICEMAIL, RecordingState.STORED, "101@default")
    assert (row.call_id, row.seconds, row.ended_at) == (CALL, 2.0, event.at)
    assert (row.size, row.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert (tmp_path / "store" / row.place).read_bytes() == content
    assert (tmp_path / "spool" / f"{PLACE}.wav").read_bytes() == content, "the mailbox keeps it"


async def test_whoever_said_nothing_has_left_no_message(tmp_path: Path, log: CallLog, voicemail: Voicemail) -> None:
    spool(tmp_path, seconds=0)
    assert await told(voicemail, log) is None


async def test_a_message_whose_spool_is_elsewhere_is_told_without_its_sound(
    database: Database, log: CallLog, voicemail: Voicemail
) -> None:
    event = await told(voicemail, log)
    assert event is not None
    assert (event.mailbox, event.recording, event.seconds) == ("101@default", "", None)
    assert "No such file" in event.reason
    assert list(await RecordingRows(database).of_call(CALL)) == []


@pytest.mark.parametrize("file", ["IMAP_STORAGE", ""])
async def test_a_message_that_is_in_no_folder_is_told_without_its_sound(
    log: CallLog, voicemail: Voicemail, file: str
) -> None:
    event = await told(voicemail, log, MessageLeft(CALL, "101@default", file, CHANNEL))
    assert event is not None
    assert event.reason.startswith("Asterisk keeps its messages in no folder")


async def test_the_message_of_another_caller_is_never_taken_for_this_ones(
    tmp_path: Path, log: CallLog, voicemail: Voicemail
) -> None:
    spool(tmp_path, channel="PJSIP/carrier-00000002")
    event = await told(voicemail, log)
    assert event is not None
    assert (event.recording, event.reason) == ("", f"{PLACE} is another caller's message by now")


async def test_a_message_in_another_format_is_told_with_its_length(
    tmp_path: Path, log: CallLog, voicemail: Voicemail
) -> None:
    spool(tmp_path, sound=False)
    event = await told(voicemail, log)
    assert event is not None
    assert (event.recording, event.seconds) == ("", 2)
    assert "format=wav" in event.reason


async def test_a_link_in_the_spool_leads_to_no_other_file(tmp_path: Path, log: CallLog, voicemail: Voicemail) -> None:
    spool(tmp_path)
    inside = tmp_path / "spool" / f"{PLACE}.wav"
    inside.rename(tmp_path / "elsewhere.wav")
    inside.symlink_to(tmp_path / "elsewhere.wav")
    event = await told(voicemail, log)
    assert event is not None
    assert event.recording == ""


async def test_sound_that_tells_no_rate_is_none_and_the_message_is_told(
    tmp_path: Path, log: CallLog, voicemail: Voicemail
) -> None:
    spool(tmp_path)
    inside = tmp_path / "spool" / f"{PLACE}.wav"
    content = bytearray(inside.read_bytes())
    content[24:28] = bytes(4)
    inside.write_bytes(content)
    event = await told(voicemail, log)
    assert event is not None
    assert (event.recording, event.seconds) == ("", 2)


@pytest.mark.parametrize("ending", ["txt", "wav"])
async def test_a_pipe_in_the_spool_holds_up_nothing(
    tmp_path: Path, log: CallLog, voicemail: Voicemail, ending: str
) -> None:
    spool(tmp_path)
    inside = tmp_path / "spool" / f"{PLACE}.{ending}"
    inside.unlink()
    os.mkfifo(inside)
    try:
        async with asyncio.timeout(PATIENCE_S):
            event = await told(voicemail, log)
    finally:
        with suppress(OSError):  # whoever waits for its other end is let go
            os.close(os.open(inside, os.O_WRONLY | os.O_NONBLOCK))
    assert event is not None
    assert event.recording == ""


async def test_the_message_of_an_erased_call_is_erased_with_it(
    tmp_path: Path, database: Database, log: CallLog, voicemail: Voicemail
) -> None:
    spool(tmp_path)
    event = await told(voicemail, log)
    assert event is not None
    async with database.writer.begin() as connection:
        await delete_calls(connection, [CALL])
    async with spooling() as (_, asterisk):
        assert await Keeping(RecordingRows(database), FolderStore(tmp_path / "store"), asterisk).forget_orphans() == 1
    assert await RecordingRows(database).get(event.recording) is None
    assert not (tmp_path / "store" / event.place).exists()
