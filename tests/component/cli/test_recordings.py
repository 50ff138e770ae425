"""`agi-router recordings` without a router, and beside one that serves."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from sqlalchemy import insert

from ari_app.calls.clock import now
from ari_app.control.server import serve_control
from ari_app.domain import events as e
from ari_app.domain.recordings import Listening, NotStoredError, RecordingKind, RecordingState, StoredRecording
from ari_app.live.recording_commands import recording_commands
from ari_app.live.recordings import RecordingDesk, open_recordings
from ari_app.recordings.links import Links
from ari_app.settings import load_settings
from ari_app.storage.call_log import writing_call_log
from ari_app.storage.schema import recordings
from ari_app.storage.secret_key import stored_key
from ari_app.storage.serving import Database, open_database
from tests.command import Command
from tests.component.cli.test_completion import completed
from tests.component.storage_events import arrived, at

CALL = "20261121T012209-4a8f0c1e9b7d"
RECORDING = f"{CALL}-1"
SOUND = b"RIFF" + b"no sound, but as good as one " * 5000
BEGAN = datetime(2026, 11, 21, 1, 22, 9, tzinfo=UTC)
BELOW = "https://pbx.example.com/recordings"
WEB = 'web: {listen: ["127.0.0.1:8090"], public_url: "https://pbx.example.com"}\n'


@asynccontextmanager
async def opened(command: Command) -> AsyncIterator[tuple[Database, RecordingDesk]]:
    settings = load_settings(command.config)
    async with open_database(settings.storage) as database:
        async with open_recordings(database, settings.recordings.folder) as desk:
            yield database, desk


async def put(database: Database, desk: RecordingDesk, recording_id: str = RECORDING, **changes: Any) -> None:
    """Of this id and state; its file, where it is stored."""
    given: dict[str, Any] = {
        "id": recording_id,
        "call_id": CALL,
        "kind": RecordingKind.CALL,
        "state": RecordingState.STORED,
        "started_at": BEGAN,
    } | changes
    if given["state"] is RecordingState.STORED:
        place = f"2026/11/21/{recording_id}.wav"

        async def pieces() -> AsyncIterator[bytes]:
            yield SOUND

        size, sha256 = await desk.store.put(place, pieces())
        given |= {"place": place, "size": size, "sha256": sha256, "seconds": 9.06}
    async with database.writer.begin() as connection:
        await connection.execute(insert(recordings).values(asdict(StoredRecording(**given))))


async def listenings(desk: RecordingDesk) -> list[Listening]:
    await desk.listenings.flush()
    return list((await desk.archive.listenings(RECORDING, 0, 10))[0])


@pytest.fixture
async def recorded(command: Command) -> Command:
    """One recording of each state, and a message; its web server is known."""
    command.config.write_text(command.config.read_text() + WEB)
    async with opened(command) as (database, desk):
        await put(database, desk)
        for hours, state in enumerate(RecordingState):
            if state is not RecordingState.STORED:
                began = BEGAN - timedelta(hours=hours + 1)
                reason = "too short" if state is RecordingState.LOST else ""
                await put(database, desk, state.value, call_id="other", state=state, started_at=began, reason=reason)
        left = {"kind": RecordingKind.VOICEMAIL, "mailbox": "101@default", "started_at": BEGAN - timedelta(days=9)}
        await put(database, desk, "message", call_id="third", **left)
    return command


async def ids(command: Command, *words: str) -> list[str]:
    told = await command("recordings", "list", "--json", *words)
    assert (told.status, told.err) == (0, "")
    return [each["id"] for each in told.json["recordings"]]


async def test_the_newest_are_shown_first_with_how_they_stand(recorded: Command) -> None:
    told = await recorded("recordings", "list")
    assert (told.status, told.err) == (0, "")
    assert told.rows[:2] == ["began id kind state length note", f"2026-11-21 02:22 {RECORDING} call stored 9.1 s"]
    assert "2026-11-20 22:22 lost call lost too short" in told.rows
    assert told.rows[-1].endswith("message voicemail stored 9.1 s 101@default")
    few = await recorded("recordings", "list", "--limit", "2")
    assert (len(few.rows), few.err) == (3, "6 in all; --limit shows more of them\n")


async def test_recordings_are_found_by_call_user_kind_state_and_day(recorded: Command) -> None:
    async with open_database(load_settings(recorded.config).storage) as database:
        async with writing_call_log(database) as call_log:
            call_log.write(CALL, arrived())
            leg = e.LegDialled(at=at(1), leg="leg-1", endpoint="ada", contact="sip:ada@192.0.2.7", user="456")
            call_log.write(CALL, leg)
    assert await ids(recorded, "--call", CALL) == [RECORDING]
    assert await ids(recorded, "--user", "456") == [RECORDING]
    assert await ids(recorded, "--kind", "voicemail") == ["message"]
    assert await ids(recorded, "--state", "running", "--state", "ended") == ["running", "ended"]
    assert await ids(recorded, "--from", "2026-11-21", "--zone", "Europe/Berlin") == [RECORDING, "running", "ended"]
    assert await ids(recorded, "--to", "2026-11-13") == ["message"]
    told = await recorded("recordings", "list", "--call", "nobody's")
    assert told.out == "no recordings like that on record\n"


async def test_where_nothing_was_recorded_that_is_said(command: Command) -> None:
    async with opened(command):
        pass
    assert (await command("recordings", "list")).out == "nothing was recorded so far\n"


async def test_programs_get_a_recording_as_the_rest_api_tells_it(recorded: Command) -> None:
    told = await recorded("recordings", "list", "--call", CALL, "--json")
    assert told.json == {
        "recordings": [
            {
                "id": RECORDING,
                "call_id": CALL,
                "kind": "call",
                "state": "stored",
                "started_at": "2026-11-21T01:22:09+00:00",
                "ended_at": None,
                "seconds": 9.06,
                "media_type": "audio/wav",
                "size": len(SOUND),
                "sha256": hashlib.sha256(SOUND).hexdigest(),
                "mailbox": "",
                "reason": "",
            }
        ],
        "total": 1,
    }


async def test_what_was_fetched_is_whole_and_who_has_it_is_on_record(recorded: Command, tmp_path: Path) -> None:
    file = tmp_path / "evidence.wav"
    told = await recorded("recordings", "fetch", RECORDING, str(file))
    assert (told.status, told.out, told.err) == (0, f"{file}: {len(SOUND)} bytes, 9.1 s\n", "")
    assert file.read_bytes() == SOUND
    assert file.stat().st_mode & 0o777 == 0o600
    async with opened(recorded) as (_, desk):
        [heard] = await listenings(desk)
    assert heard.address.startswith("the command of ")
    assert (heard.key, heard.link, heard.first_byte, heard.sent) == ("", "", 0, len(SOUND))


async def test_a_file_that_is_there_is_replaced_only_when_that_is_said(recorded: Command, tmp_path: Path) -> None:
    file = tmp_path / f"{RECORDING}.wav"
    file.write_bytes(b"mine")
    refused = await recorded("recordings", "fetch", RECORDING, str(tmp_path))
    assert (refused.status, refused.out) == (1, "")
    assert "--force" in refused.err
    assert file.read_bytes() == b"mine"
    told = await recorded("recordings", "fetch", RECORDING, str(tmp_path), "--force", "--json")
    assert (told.json["file"], told.json["size"]) == (str(file), len(SOUND))
    assert "place" not in told.json
    assert file.read_bytes() == SOUND


async def test_a_recording_goes_on_to_another_program(recorded: Command) -> None:
    told = await recorded("recordings", "fetch", RECORDING, "-")
    assert (told.status, told.out.encode(), told.err) == (0, SOUND, "")
    refused = await recorded("recordings", "fetch", RECORDING, "-", "--json")
    assert (refused.status, refused.out) == (2, "")
    assert "Name a file." in refused.err


@pytest.mark.parametrize("content", [SOUND[:-1] + b"!", b"", None])
async def test_of_a_file_that_is_not_as_it_was_stored_nothing_is_kept(
    recorded: Command, tmp_path: Path, content: bytes | None
) -> None:
    stored = load_settings(recorded.config).recordings.folder / f"2026/11/21/{RECORDING}.wav"
    if content is None:
        stored.unlink()
    else:
        stored.write_bytes(content)
    folder = tmp_path / "fetched"
    folder.mkdir()
    told = await recorded("recordings", "fetch", RECORDING, str(folder))
    assert (told.status, told.out) == (1, "")
    assert ("checksum" if content is not None else "there is no file") in told.err
    assert list(folder.iterdir()) == []


async def test_a_file_that_cannot_be_written_is_told_with_the_next_step(recorded: Command, tmp_path: Path) -> None:
    told = await recorded("recordings", "fetch", RECORDING, str(tmp_path / "nowhere" / "file.wav"))
    assert (told.status, told.out) == (1, "")
    assert "Name a file in another place." in told.err


async def test_a_link_stands_alone_on_standard_output_and_opens_the_recording(recorded: Command) -> None:
    told = await recorded("recordings", "link", RECORDING, "--expires", "7d", "--name", "ticket-4711")
    assert told.status == 0
    url = told.out.removesuffix("\n")
    assert url.startswith(f"{BELOW}/{RECORDING}?")
    said = dict(parse_qsl(urlsplit(url).query))
    links = Links(stored_key(load_settings(recorded.config).storage))
    link = links.read(RECORDING, said["link"], said["expires"], said["signature"])
    assert link is not None
    assert link.link.startswith("ticket-4711-")
    assert timedelta(days=6, hours=23) < link.expires_at - now() <= timedelta(days=7)
    assert link.link in told.err
    plain = await recorded("recordings", "link", RECORDING, "--json")
    assert plain.json["url"].startswith(BELOW)
    life = datetime.fromisoformat(plain.json["expires_at"]) - now()
    assert timedelta(minutes=55) < life <= timedelta(hours=1)


async def test_a_recording_is_deleted_for_good_and_who_did_it_is_on_record(recorded: Command) -> None:
    refused = await recorded("recordings", "delete", RECORDING)
    assert refused.status != 0
    assert await ids(recorded, "--state", "stored") == [RECORDING, "message"]
    told = await recorded("recordings", "delete", RECORDING, "--yes")
    assert (told.status, told.err) == (0, "")
    assert told.out.startswith(f"the recording {RECORDING} is deleted: by the command of ")
    assert await ids(recorded, "--state", "stored") == ["message"]
    async with opened(recorded) as (_, desk):
        with pytest.raises(NotStoredError):
            await anext(desk.store.read(f"2026/11/21/{RECORDING}.wav"))
    again = await recorded("recordings", "delete", RECORDING, "--yes", "--json")
    assert again.json["state"] == "deleted"


async def test_a_running_router_does_what_is_asked(recorded: Command, tmp_path: Path) -> None:
    async with opened(recorded) as (_, desk):
        control = load_settings(recorded.config).control
        async with serve_control(control, recording_commands(desk, lambda: "https://elsewhere.example.com/r")):
            fetched = await recorded("recordings", "fetch", RECORDING, str(tmp_path / "copy.wav"), "--json")
            linked = await recorded("recordings", "link", RECORDING)
            deleted = await recorded("recordings", "delete", RECORDING, "--yes", "--json")
        assert fetched.json["size"] == len(SOUND)
        assert linked.out.startswith(f"https://elsewhere.example.com/r/{RECORDING}?")
        assert deleted.json["state"] == "deleted"
        assert len(await listenings(desk)) == 1


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (("fetch", "nothing"), 1, "agi-router recordings list"),
        (("fetch", "running"), 1, "it is running"),
        (("fetch", "lost"), 1, "is lost: too short"),
        (("fetch", "deleted"), 1, "agi-router calls other tells of its call."),
        (("link", "ended"), 1, "Try again when its call is over"),
        (("link", "deleted"), 1, "recording_deleted"),
        (("link", RECORDING, "--expires", "31d"), 1, "must be at most 2592000"),
        (("link", RECORDING, "--expires", "soon"), 2, "Write it as 90d, 12h or 30m."),
        (("link", RECORDING, "--name", "a b"), 1, "name is wrong"),
        (("delete", "running", "--yes"), 1, "not in the store yet"),
        (("delete", "nothing", "--yes"), 1, "no recording on record has the id nothing"),
        (("list", "--from", "today"), 1, "--from: today is neither a day nor a moment"),
        (("list", "--zone", "Berlin"), 1, "agi-router recordings list --help"),
        (("list", "--state", "gone"), 2, "--state"),
    ],
)
async def test_what_is_wrong_is_told_with_the_next_step(
    recorded: Command, words: tuple[str, ...], status: int, told: str
) -> None:
    ran = await recorded("recordings", *words)
    assert (ran.status, ran.out) == (status, "")
    assert told in ran.err


async def test_without_a_web_server_nobody_is_given_a_link_that_leads_nowhere(command: Command) -> None:
    async with opened(command) as (database, desk):
        await put(database, desk)
    told = await command("recordings", "link", RECORDING)
    assert (told.status, told.out) == (1, "")
    assert "Configure the section web" in told.err


async def test_ids_of_what_can_be_heard_are_completed(recorded: Command) -> None:
    assert await completed(recorded, "recordings", "fetch", "2026") == [RECORDING]
    assert await completed(recorded, "recordings", "delete", "") == [RECORDING, "message"]
    assert await completed(recorded, "recordings", "list", "--state", "sto") == ["stored"]
