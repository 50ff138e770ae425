"""The events of all calls by their positions, and who follows them, on real databases."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest
from alembic import command
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ari_app.domain import events as e
from ari_app.domain.event_log import EVERY_EVENT, EventFilter, LoggedEvent
from ari_app.live import event_feed
from ari_app.live.event_feed import EventFeed, PositionError
from ari_app.storage.call_log import CallLog, writing_call_log
from ari_app.storage.database import writing_engine
from ari_app.storage.event_reader import StoredEvents
from ari_app.storage.migrate import migrate
from ari_app.storage.migrations.upgrade import migration_config
from ari_app.storage.serving import open_database
from ari_app.storage.settings import StorageSettings
from tests.component.storage_events import answered_call, arrived, at

CALLS, USERS = ("a", "b", "c"), ("456", "77")


@dataclass(frozen=True, slots=True)
class Log:
    """An open log, and who reads it."""

    calls: CallLog
    stored: StoredEvents
    feed: EventFeed

    async def write(self, *happened: tuple[str, e.CallEvent]) -> None:
        for call_id, event in happened:
            self.calls.write(call_id, event)
        await self.calls.flush()

    async def everything(self, wanted: EventFilter = EVERY_EVENT, after: int = 0) -> list[LoggedEvent]:
        """All that a follower gets until he is up to date."""
        told: list[LoggedEvent] = []
        while after < self.feed.position:
            window = await self.feed.next(after, wanted)
            told += window.events
            after = window.upto
        return told


@asynccontextmanager
async def opened(settings: StorageSettings) -> AsyncIterator[Log]:
    async with open_database(settings) as database, writing_call_log(database) as calls:
        stored = StoredEvents(database.reader)
        yield Log(calls, stored, EventFeed(calls, stored))


@pytest.fixture
async def log(settings: StorageSettings) -> AsyncIterator[Log]:
    async with opened(settings) as log:
        yield log


def happenings() -> st.SearchStrategy[tuple[str, e.CallEvent]]:
    dialled = st.sampled_from(USERS).map(
        lambda user: e.LegDialled(at=at(1), leg="leg-1", endpoint="PJSIP/x", contact="", user=user)
    )
    ringing = st.just(e.LegRinging(at=at(2), leg="leg-1"))
    ended = st.just(e.CallEnded(at=at(3), by="caller", cause=16))
    return st.tuples(st.sampled_from(CALLS), st.one_of(dialled, ringing, ended))


def filters() -> st.SearchStrategy[EventFilter]:
    return st.builds(
        EventFilter,
        calls=st.frozensets(st.sampled_from(CALLS), max_size=2),
        types=st.frozensets(st.sampled_from(["LegDialled", "LegRinging", "CallEnded"]), max_size=2),
        users=st.frozensets(st.sampled_from(USERS), max_size=2),
    )


@given(
    commits=st.lists(st.lists(happenings(), max_size=8), max_size=4),
    wanted=filters(),
    window=st.integers(1, 5),
    data=st.data(),
)
@examples(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_followers_get_what_a_plain_model_says(
    log: Log,
    monkeypatch: pytest.MonkeyPatch,
    *,
    commits: list[list[tuple[str, e.CallEvent]]],
    wanted: EventFilter,
    window: int,
    data: st.DataObject,
) -> None:
    monkeypatch.setattr(event_feed, "WINDOW", window)
    monkeypatch.setattr(event_feed, "SPAN", 2 * window)
    begin = log.feed.position
    run = f"{begin}-"  # other examples have written into this database before
    users: dict[str, set[str]] = {call: set() for call in CALLS}
    expected = []
    for call, event in (each for commit in commits for each in commit):
        if isinstance(event, e.LegDialled):
            users[call].add(event.user)
        expected.append((run + call, type(event).__name__, frozenset(users[call])))
    for commit in commits:
        await log.write(*((run + call, event) for call, event in commit))
    named = replace(wanted, calls=frozenset(run + call for call in wanted.calls))
    taken = [
        each
        for each in expected
        if (not named.calls or each[0] in named.calls)
        and (not named.types or each[1] in named.types)
        and (not named.users or named.users & each[2])
    ]
    told = await log.everything(named, begin)
    assert [(event.call_id, event.type, event.users) for event in told] == taken
    assert [event.position for event in told] == sorted({event.position for event in told})
    if told:
        cut = data.draw(st.sampled_from(told)).position
        assert await log.everything(named, cut) == [event for event in told if event.position > cut]


async def test_an_event_is_told_as_it_was_written(log: Log) -> None:
    await log.write(("call-1", arrived()))
    [event] = await log.everything()
    assert (event.position, event.call_id, event.seq, event.at, event.type) == (1, "call-1", 1, at(0), "CallArrived")
    assert '"caller_number": "+14155550177"' in event.data


async def test_events_of_an_older_database_are_in_the_order_in_which_they_were_written(
    settings: StorageSettings,
) -> None:
    async with opened(settings) as log:
        await log.write(("b", arrived(1)), ("a", arrived(2)), ("b", e.CallEnded(at=at(3), by="caller", cause=16)))
    engine = writing_engine(settings)
    async with engine.begin() as connection:
        await connection.run_sync(lambda sync: command.downgrade(migration_config(sync), "0012"))
    await migrate(engine)
    await engine.dispose()
    async with opened(settings) as log:
        assert [(event.call_id, event.seq) for event in await log.everything()] == [("b", 1), ("a", 1), ("b", 2)]
        await log.write(("c", arrived(4)))
        assert [event.call_id for event in await log.everything(after=3)] == ["c"]


async def test_a_commit_that_was_reported_as_failed_and_had_happened_is_not_repeated(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the connection to the server breaks between its commit and its word of it."""
    begin = AsyncEngine.begin
    failed: list[bool] = []

    @asynccontextmanager
    async def broken(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
        async with begin(engine) as connection:
            yield connection
        if not failed:
            failed.append(True)
            raise OperationalError("COMMIT", None, OSError("connection reset"))

    monkeypatch.setattr(AsyncEngine, "begin", broken)
    await log.write(*(("call-1", event) for event in answered_call()[:5]))
    await log.write(*(("call-1", event) for event in answered_call()[5:]))
    assert failed
    assert await log.calls.trace("call-1") == answered_call()
    assert [event.position for event in await log.everything()] == list(range(1, 15))


async def test_there_is_no_going_on_after_a_position_that_was_never_given(log: Log) -> None:
    await log.write(("call-1", arrived()))
    assert await log.feed.start(None) == 1
    assert await log.feed.start(0) == 0
    with pytest.raises(PositionError):
        await log.feed.start(2)
