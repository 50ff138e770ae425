"""The call log on real SQLite files."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest
import structlog
from sqlalchemy import event as database_event
from sqlalchemy import text

from agi_router.routing.last_agent import Talk
from ari_app.domain import events as e
from ari_app.domain.record import Disposition, fold
from ari_app.storage import call_log as call_log_module
from ari_app.storage.call_log import CallLog, open_call_log
from ari_app.storage.call_reader import read_calls
from ari_app.storage.errors import StorageError
from ari_app.storage.settings import StorageSettings
from tests.component.killed import start_module
from tests.component.locking import writing_beside
from tests.component.storage_events import answered_call, arrived, at, late_leg_end


@pytest.fixture
async def call_log(settings: StorageSettings) -> AsyncIterator[CallLog]:
    async with open_call_log(settings) as opened:
        yield opened


@pytest.fixture
async def in_a_file(sqlite: StorageSettings) -> AsyncIterator[CallLog]:
    async with open_call_log(sqlite) as opened:
        yield opened


def write_all(call_log: CallLog, call_id: str, happened: list[e.CallEvent]) -> None:
    for event in happened:
        call_log.write(call_id, event)


async def until(holds: Callable[[], bool]) -> None:
    """Let the loop run until this holds; the tests' own timeout is the limit."""
    while not holds():  # what is awaited is a log line or a growing list, which nobody signals
        await asyncio.sleep(0.01)


async def test_a_call_is_read_back_as_it_was_told(call_log: CallLog) -> None:
    write_all(call_log, "call-1", answered_call())
    await call_log.flush()
    assert await call_log.trace("call-1") == answered_call()
    assert await call_log.record("call-1") == fold("call-1", answered_call())


async def test_the_row_equals_the_fold_of_the_events(call_log: CallLog) -> None:
    write_all(call_log, "call-1", answered_call())
    await call_log.flush()
    assert list(await call_log.recent(10)) == [fold("call-1", answered_call())]


async def test_times_come_back_aware_in_utc(call_log: CallLog) -> None:
    write_all(call_log, "call-1", answered_call())
    await call_log.flush()
    [record] = await call_log.recent(1)
    assert record.started_at == at(0)
    assert record.started_at is not None
    assert str(record.started_at.tzinfo) == "UTC"
    assert [str(leg.dialled_at.tzinfo) for leg in record.legs] == ["UTC", "UTC"]


async def test_the_row_follows_the_call_while_it_lives(call_log: CallLog) -> None:
    call_log.write("call-1", arrived())
    await call_log.flush()
    assert [record.call_id for record in await call_log.open_calls()] == ["call-1"]
    write_all(call_log, "call-1", answered_call()[1:])
    await call_log.flush()
    assert await call_log.open_calls() == []


async def test_a_leg_that_ends_after_its_call_is_still_put_on_record(call_log: CallLog) -> None:
    write_all(call_log, "call-1", answered_call())
    await call_log.flush()
    call_log.write("call-1", late_leg_end())
    await call_log.flush()
    expected = fold("call-1", [*answered_call(), late_leg_end()])
    assert await call_log.record("call-1") == expected
    assert list(await call_log.recent(1)) == [expected]
    assert expected.disposition is Disposition.ANSWERED


async def test_a_call_that_begins_is_not_searched_for_and_one_whose_beginning_is_on_record_is(
    settings: StorageSettings,
) -> None:
    searched = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("SELECT") and "call_events.data" in statement:
            searched.append(statement)

    for events, searches in ((answered_call()[:3], 0), (answered_call()[3:], 1)):
        async with open_call_log(settings) as call_log:
            database_event.listen(call_log._writer.sync_engine, "before_cursor_execute", note)
            write_all(call_log, "call-1", events)
            await call_log.flush()
        assert len(searched) == searches
    async with open_call_log(settings) as call_log:
        assert await call_log.trace("call-1") == answered_call()


async def test_newest_calls_come_first_and_the_limit_holds(call_log: CallLog) -> None:
    for number in (2, 0, 3, 1):
        call_log.write(f"call-{number}", arrived(number))
    await call_log.flush()
    assert [record.call_id for record in await call_log.recent(3)] == ["call-3", "call-2", "call-1"]


async def test_part_of_an_id_finds_its_calls_and_is_no_pattern(call_log: CallLog) -> None:
    for call_id in ("ab-17", "ab-23", "a%-18"):
        call_log.write(call_id, arrived())
    await call_log.flush()

    async def found(part: str) -> set[str]:
        return {record.call_id for record in await call_log.matching(part, 10)}

    assert await found("ab") == {"ab-17", "ab-23"}
    assert await found("a%") == {"a%-18"}
    assert await found("1") == {"ab-17", "a%-18"}
    assert await found("23") == {"ab-23"}
    assert await found("b") == set()


async def test_an_unknown_call_has_no_record(call_log: CallLog) -> None:
    assert await call_log.record("nobody") is None
    assert await call_log.trace("nobody") == []


async def test_after_a_restart_an_open_call_goes_on_where_it_was(settings: StorageSettings) -> None:
    recovered: list[e.CallEvent] = [
        e.CallRecovered(at=at(30), found="bridged"),
        e.CallEnded(at=at(40), by="callee", cause=16),
    ]
    async with open_call_log(settings) as before:
        write_all(before, "call-1", answered_call()[:-1])
    async with open_call_log(settings) as again:
        assert [record.call_id for record in await again.open_calls()] == ["call-1"]
        write_all(again, "call-1", recovered)
        await again.flush()
        record = await again.record("call-1")
        assert record == fold("call-1", [*answered_call()[:-1], *recovered])
        assert list(await again.recent(1)) == [record]


async def test_a_call_of_which_only_the_end_was_seen_is_listed(call_log: CallLog) -> None:
    call_log.write("call-1", e.CallRecovered(at=at(5), found="waiting"))
    await call_log.flush()
    [record] = await call_log.recent(5)
    assert (record.call_id, record.started_at, record.recovered) == ("call-1", None, True)


async def test_a_name_with_half_a_surrogate_pair_and_a_nul_is_stored(call_log: CallLog) -> None:
    call_log.write("call-1", e.CallEnded(at=at(1), by="caller", cause=16, reason="odd \udcff\0 name"))
    await call_log.flush()
    [record] = await call_log.recent(1)
    assert record.reason == "odd ?\N{REPLACEMENT CHARACTER} name"


async def test_an_event_that_cannot_be_stored_is_told_and_the_call_goes_on(call_log: CallLog) -> None:
    broken = e.RequestSent(at=at(0), method="GET", url="https://api.example.com", headers={"X": object()})  # type: ignore[dict-item]
    with structlog.testing.capture_logs() as logs:
        call_log.write("call-1", broken)
    call_log.write("call-1", arrived())
    await call_log.flush()
    assert call_log.lost == 1
    assert [entry["call_id"] for entry in logs] == ["call-1"]
    assert await call_log.trace("call-1") == [arrived()]


@pytest.mark.parametrize(
    "bad",
    [
        e.CallEnded(at=at(1), by="caller", cause=2**70),
        e.CallEnded(at=at(1), by=None, cause=16),  # type: ignore[arg-type]
        e.CallEnded(at=at(1).replace(tzinfo=None), by="caller", cause=16),
        e.CallEnded(at=at(1), by=["caller"], cause=16),  # type: ignore[arg-type]
    ],
)
async def test_one_call_that_the_database_refuses_does_not_stop_the_others(call_log: CallLog, bad: e.CallEvent) -> None:
    with structlog.testing.capture_logs():
        call_log.write("good", arrived())
        call_log.write("bad", bad)
        call_log.write("good", late_leg_end())
        await call_log.flush()
    assert [record.call_id for record in await call_log.recent(5)] == ["good"]
    assert len(await call_log.trace("good")) == 2
    assert call_log.lost == 1


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite gives up a lock soon."""
    monkeypatch.setattr("ari_app.storage.database.BUSY_TIMEOUT_MS", 50)


@pytest.mark.usefixtures("impatient")
async def test_a_locked_database_loses_nothing(sqlite: StorageSettings, in_a_file: CallLog) -> None:
    call_log = in_a_file
    with structlog.testing.capture_logs() as logs:
        async with writing_beside(sqlite.path):
            write_all(call_log, "call-1", answered_call())
            flushing = asyncio.create_task(call_log.flush())
            await until(lambda: bool(logs))  # SQLite's own busy timeout has passed once
            assert not flushing.done()
            call_log.write("call-1", late_leg_end())
        await flushing
        await call_log.flush()
    assert "locked" in logs[0]["reason"]
    assert logs[0]["remedy"]
    assert await call_log.trace("call-1") == [*answered_call(), late_leg_end()]
    assert call_log.pending == 0


async def test_a_full_disk_loses_nothing(in_a_file: CallLog) -> None:
    call_log = in_a_file
    async with call_log._writer.connect() as connection:
        pages = (await connection.execute(text("PRAGMA page_count"))).scalar_one()
        await connection.execute(text(f"PRAGMA max_page_count={pages}"))
    with structlog.testing.capture_logs() as logs:
        for number in range(500):
            call_log.write(f"call-{number}", arrived(number))
        await until(lambda: bool(logs))
        async with call_log._writer.connect() as connection:
            await connection.execute(text("PRAGMA max_page_count=100000"))
        await call_log.flush()
    assert "full" in logs[0]["reason"]
    assert len(await call_log.recent(1000)) == 500


async def test_memory_is_bounded_and_what_is_lost_is_told(
    settings: StorageSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_call_log(settings) as call_log:
        call_log._max_pending = 10
        with structlog.testing.capture_logs() as logs:
            for number in range(12):  # without a pause: the writer has no chance
                call_log.write(f"call-{number}", arrived(number))
        assert call_log.lost == 2
        assert [entry["log_level"] for entry in logs] == ["critical"]
        await call_log.flush()
        assert len(await call_log.recent(100)) == 10


@pytest.mark.usefixtures("impatient")
async def test_the_end_gives_up_after_its_deadline_and_says_what_is_lost(
    sqlite: StorageSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call_log_module, "CLOSE_DEADLINE_S", 0.2)
    with structlog.testing.capture_logs() as logs:
        async with AsyncExitStack() as locked:
            async with open_call_log(sqlite) as call_log:
                await locked.enter_async_context(writing_beside(sqlite.path))
                call_log.write("call-1", arrived())
    assert [entry["lost"] for entry in logs if entry["log_level"] == "critical"] == [1]


async def test_the_end_commits_what_was_written(settings: StorageSettings) -> None:
    async with open_call_log(settings) as call_log:
        write_all(call_log, "call-1", answered_call())
    async with read_calls(settings) as calls:
        assert await calls.trace("call-1") == answered_call()


async def test_readers_beside_the_writer_see_whole_calls_only_forward(
    settings: StorageSettings, call_log: CallLog
) -> None:
    seen: list[int] = []
    finished = asyncio.Event()

    async def read() -> None:
        async with read_calls(settings) as calls:
            while not finished.is_set():
                trace = await calls.trace("call-1")
                seen.append(len(trace))
                assert list(trace) == answered_call()[: len(trace)]

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(read())
        for event in answered_call():
            call_log.write("call-1", event)
            await call_log.flush()
        await until(lambda: seen[-1:] == [len(answered_call())])
        finished.set()
    assert seen == sorted(seen)


@pytest.mark.long
async def test_twenty_thousand_events_are_all_kept(call_log: CallLog) -> None:
    for number in range(20_000):
        call_log.write(f"call-{number % 1000}", arrived(number))
    await call_log.flush()
    assert len(await call_log.recent(2000)) == 1000
    assert len(await call_log.trace("call-7")) == 20


async def test_kill_9_loses_no_event_that_was_confirmed(sqlite: StorageSettings) -> None:
    writer, printed = await start_module("tests.component.storage_killed_writer", str(sqlite.path))
    for _ in range(20):
        confirmed = int(await printed.readline())
    writer.send_signal(signal.SIGKILL)
    rest = await printed.read()
    assert await writer.wait() == -signal.SIGKILL
    confirmed = max([confirmed, *map(int, rest.split())])
    async with open_call_log(sqlite) as call_log:  # the lock went with the process
        found = 0
        for call in await call_log.recent(100_000):
            trace = await call_log.trace(call.call_id)
            number = int(call.call_id.removeprefix("call-"))
            assert list(trace) == [arrived(number * 3 + part) for part in range(len(trace))]
            found += len(trace)
    assert confirmed <= found <= confirmed + 7


async def test_a_second_serving_router_is_refused_with_the_first_one_s_process_id(
    sqlite: StorageSettings, in_a_file: CallLog
) -> None:
    lock = sqlite.path.with_name("agi-router.db.lock")
    with pytest.raises(StorageError, match=rf"process {lock.read_text().strip()}\) already serves") as refused:
        async with open_call_log(sqlite):
            pass
    assert "storage.url" in refused.value.remedy


@dataclass(frozen=True, slots=True, kw_only=True)
class CallParked(e.Happened):
    """An event of a future version."""

    slot: int


async def test_events_of_a_newer_version_are_kept_and_do_not_stop_the_reader(
    settings: StorageSettings, call_log: CallLog
) -> None:
    call_log.write("call-1", arrived())
    call_log.write("call-1", CallParked(at=at(1), slot=7))  # type: ignore[arg-type]
    call_log.write("call-1", e.CallEnded(at=at(2), by="caller", cause=16))
    await call_log.flush()
    assert len(await call_log.trace("call-1")) == 2
    history = await call_log.history("call-1")
    assert [(stored.type, stored.event is None) for stored in history] == [
        ("CallArrived", False),
        ("CallParked", True),
        ("CallEnded", False),
    ]
    assert history[1].data == {"slot": 7}
    record = await call_log.record("call-1")
    assert record is not None
    assert record.disposition is Disposition.ABANDONED


async def test_the_last_talk_of_each_user_is_found_and_nothing_else(call_log: CallLog) -> None:
    def talk(user: str, seconds: float, *, ends: bool = True) -> list[e.CallEvent]:
        happened: list[e.CallEvent] = [
            arrived(seconds),
            e.LegDialled(at=at(seconds), leg="leg-1", endpoint="ada", contact="", user=user),
            e.CallAnswered(at=at(seconds), leg="leg-1"),
        ]
        return [*happened, e.CallEnded(at=at(seconds + 5), by="caller", cause=16)] if ends else happened

    write_all(call_log, "first", talk("456", 10))
    write_all(call_log, "second", talk("456", 60))
    write_all(call_log, "goes on", talk("456", 90, ends=False))
    write_all(call_log, "bob's", talk("77", 20))
    write_all(call_log, "nobody's", talk("", 95))
    await call_log.flush()
    found = await call_log.last_talks(["456", "77", "78"])
    assert [(record.call_id, record.agent, record.ended_at) for record in found] == [
        ("second", "456", at(65)),
        ("bob's", "77", at(25)),
    ]


async def test_the_last_talk_with_a_caller_is_found_by_any_form_of_his_number(call_log: CallLog) -> None:
    def talk(call_id: str, caller: str, user: str, seconds: float) -> None:
        happened: list[e.CallEvent] = [
            arrived(seconds, caller),
            e.LegDialled(at=at(seconds), leg="leg-1", endpoint="ada", contact="", user=user),
            e.CallAnswered(at=at(seconds), leg="leg-1"),
            e.CallEnded(at=at(seconds + 5), by="caller", cause=16),
        ]
        write_all(call_log, call_id, happened)

    talk("first", "+14155550177", "456", 10)
    talk("second", "4155550177", "77", 60)
    talk("with a phone of nobody", "+14155550177", "", 90)
    talk("another caller", "+14155550178", "456", 95)
    talk("withheld", "", "456", 95)
    write_all(call_log, "not answered", [arrived(99), e.CallEnded(at=at(100), by="caller", cause=16)])
    await call_log.flush()
    forms = {"+14155550177", "4155550177"}
    assert await call_log.last_talk(forms, at(0)) == Talk("77", at(65))
    assert await call_log.last_talk({"+14155550177"}, at(0)) == Talk("456", at(15))
    assert await call_log.last_talk(forms, at(65)) == Talk("77", at(65))
    assert await call_log.last_talk(forms, at(66)) is None
    assert await call_log.last_talk({"+14155550199"}, at(0)) is None


async def test_the_last_talk_with_a_caller_may_be_one_that_an_agent_asked_for(call_log: CallLog) -> None:
    def requested(call_id: str, user: str, seconds: float, *, answered: bool) -> None:
        happened: list[e.CallEvent] = [
            e.CallRequested(
                at=at(seconds), first="agent", user=user, user_name="", number="+14155550177", caller_id="+14155550100"
            ),
            e.LegDialled(at=at(seconds), leg="leg-2", endpoint="trunk", contact=""),
            *([e.CallAnswered(at=at(seconds), leg="leg-2")] if answered else []),
            e.CallEnded(at=at(seconds + 5), by="caller", cause=16),
        ]
        write_all(call_log, call_id, happened)

    requested("spoken", "456", 10, answered=True)
    requested("not reached", "77", 60, answered=False)
    await call_log.flush()
    assert await call_log.last_talk({"+14155550177", "4155550177"}, at(0)) == Talk("456", at(15))
    assert await call_log.last_talk({"+14155550100"}, at(0)) is None  # that is our own
    assert [record.call_id for record in await call_log.last_talks(["456", "77"])] == ["spoken"]
