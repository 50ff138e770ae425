"""The calls that the dial policy counts on a real SQLite file, and a night of fraud against both."""

import random
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from agi_router.routing.outgoing import Outgoing, OutgoingCall
from agi_router.routing.volume import Volume
from agi_router.routing.volume_limits import Measure, VolumeLimits, VolumePolicy
from ari_app.storage.errors import StorageError
from ari_app.storage.outgoing import open_outgoing, read_outgoing
from ari_app.storage.schema import outgoing_calls
from ari_app.storage.serving import Database, open_database
from ari_app.storage.settings import StorageSettings

NOW = datetime.now(UTC)
CALL = OutgoingCall("6f1d-leg-1", "+14155550177", "sales", "crm")


@pytest.fixture
async def database(settings: StorageSettings) -> AsyncIterator[Database]:
    async with open_database(settings) as opened:
        yield opened


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


async def test_each_call_is_kept_as_it_was_told_last(database: Database) -> None:
    dialled = Outgoing(call=CALL, admitted_at=ago(90), is_counted=False, expires_at=ago(-60))
    answered = Outgoing(call=CALL, admitted_at=ago(90), is_counted=False, expires_at=ago(-60), answered_at=ago(80))
    ended = Outgoing(
        call=CALL,
        admitted_at=ago(90),
        is_counted=False,
        expires_at=ago(-60),
        answered_at=ago(80),
        ended_at=ago(20),
        talk_s=60.0,
    )
    async with open_outgoing(database) as journal:
        for known in (dialled, answered, ended):
            journal.keep(known)
            await journal.flush()
            assert list(await journal.kept()) == [known]
    assert list(await read_outgoing(database.settings)) == [ended]


async def test_a_reservation_that_was_answered_lasts_over_a_restart_for_as_long_as_its_talk_may(
    database: Database,
) -> None:
    async with open_outgoing(database) as journal:
        volume = Volume(VolumePolicy(), journal)
        volume.admit(CALL, ago(600), expires_at=ago(520))
        await journal.flush()
        volume.answered(CALL.id, ago(590), expires_at=ago(-3600))
        await journal.flush()
        after_restart = Volume(VolumePolicy())
        after_restart.restore(await journal.kept(), NOW)
    values = {count.measure: count.value for count in after_restart.counters(NOW)}
    assert values[Measure.CONCURRENT] == 1
    assert round(values[Measure.MINUTES_PER_DAY], 3) == round(590 / 60, 3)


async def test_what_is_a_day_old_is_neither_read_nor_kept_and_what_goes_on_is(database: Database) -> None:
    old = Outgoing(call=CALL, admitted_at=ago(90_000), ended_at=ago(86_401), talk_s=0.0)
    goes_on = Outgoing(call=OutgoingCall("other", "+14155550178", "sales"), admitted_at=ago(90_000))
    async with open_outgoing(database) as journal:
        journal.keep(goes_on)
        await journal.flush()  # the first commit of a router deletes what is too old; the next one comes in an hour
        journal.keep(old)
        await journal.flush()
        assert list(await journal.kept()) == [goes_on]
    async with open_outgoing(database) as journal:
        journal.keep(goes_on)
        await journal.flush()
    async with database.reader.connect() as connection:
        assert (await connection.execute(select(outgoing_calls.c.id))).scalars().all() == ["other"]


async def test_a_database_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        await read_outgoing(StorageSettings.at(tmp_path / "nothing.db"))


LIMITS = VolumeLimits(
    concurrent=12, calls_per_minute=20, to_one_number_per_hour=15, minutes_per_day=300, calls_per_day=700
)
ROUTE_LIMITS = VolumeLimits(concurrent=8, calls_per_minute=12, to_one_number_per_hour=8, calls_per_day=200)
KEY_LIMITS = VolumeLimits(calls_per_minute=5, minutes_per_day=200, calls_per_day=60)
ROUTES = ("sales", "support", "night")
WINDOWS = {
    Measure.CALLS_PER_MINUTE: timedelta(minutes=1),
    Measure.TO_ONE_NUMBER_PER_HOUR: timedelta(hours=1),
    Measure.CALLS_PER_DAY: timedelta(days=1),
}
Attack = Callable[[random.Random], tuple[str, str, str, float]]
"""Whom it calls, by which route, with which key, and for how many seconds it would speak."""


def _burst(_: random.Random) -> tuple[str, str, str, float]:
    return "+14155550199", "sales", "", 20


def _sequential() -> Attack:
    last = iter(range(100_000))
    return lambda _: (f"+1415556{next(last):05}"[:12], "night", "", 10)


def _drip(chance: random.Random) -> tuple[str, str, str, float]:
    return f"+1415557{chance.randrange(10_000):04}", "support", "crm", chance.uniform(20, 400)


def _many_callers(chance: random.Random) -> tuple[str, str, str, float]:
    return f"+1212555{chance.randrange(200):04}", chance.choice(ROUTES), chance.choice(("", "crm", "dialler")), 25


@dataclass
class Night:
    """What got through, and went on until when; judged from this list alone."""

    began: list[tuple[datetime, OutgoingCall]] = field(default_factory=list)
    up: dict[str, tuple[OutgoingCall, datetime, datetime]] = field(default_factory=dict)  # until when, since when
    talks: list[tuple[datetime, OutgoingCall, timedelta]] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)


def _moments(chance: random.Random) -> Iterator[tuple[datetime, Attack]]:
    """Eight hours: each with a burst of a hundred, one with numbers in a row; a slow drip, and callers at any time."""
    start = NOW - timedelta(hours=9)
    sequential = _sequential()
    for minute in range(480):
        at = start + timedelta(minutes=minute)
        if minute % 60 == 17:
            yield from ((at, _burst) for _ in range(100))
        if 120 <= minute < 180:
            yield from ((at + timedelta(seconds=2 * n), sequential) for n in range(30))
        yield from ((at + timedelta(seconds=n), _drip) for n in (0.25, 30.25))
        yield from ((at + timedelta(seconds=chance.uniform(0, 60)), _many_callers) for _ in range(3))


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in (1, 2))])
async def test_a_night_of_fraud_gets_nothing_past_the_limits(database: Database, seed: int) -> None:
    chance = random.Random(seed)
    night = Night()
    policy = VolumePolicy(LIMITS, ROUTE_LIMITS, KEY_LIMITS)
    moments = sorted(_moments(chance), key=lambda moment: moment[0])
    parts = [moments[:900], moments[900:901], moments[901:2500], moments[2500:]]
    for part in parts:  # the router is restarted in between
        async with open_outgoing(database) as journal:
            volume = Volume(policy, journal)
            volume.restore(await journal.kept(), part[0][0])
            for number, (at, attack) in enumerate(part):
                _hang_up_until(at, night, volume)
                dialled, route, key, talk_s = attack(chance)
                call = OutgoingCall(f"{at.isoformat()} {number}", dialled, route, key)
                _dial(call, at, talk_s, night, volume)
    assert set(night.refused) == {f"policy_{measure.value}" for measure in Measure}
    assert len(night.began) > 300, "and calls went on"
    _judge_windows(night, policy)


def _hang_up_until(at: datetime, night: Night, volume: Volume) -> None:
    for outgoing_id, (call, until, since) in sorted(night.up.items(), key=lambda item: item[1][1]):
        if until <= at:
            volume.ended(outgoing_id, until)
            night.talks.append((until, call, until - since))
            del night.up[outgoing_id]


def _dial(call: OutgoingCall, at: datetime, talk_s: float, night: Night, volume: Volume) -> None:
    talk_before = _talk(night, at)
    refusal = volume.admit(call, at).refusal
    if refusal is not None:
        night.refused[refusal.code] += 1
        return
    volume.answered(call.id, at)
    night.began.append((at, call))
    night.up[call.id] = (call, at + timedelta(seconds=talk_s), at)
    assert len(night.up) <= 12
    assert sum(call.route == other.route for other, _, _ in night.up.values()) <= 8
    assert talk_before < timedelta(minutes=300)


def _talk(night: Night, at: datetime) -> timedelta:
    ended = sum((talk for until, _, talk in night.talks if until > at - timedelta(days=1)), timedelta())
    return ended + sum((at - since for _, _, since in night.up.values()), timedelta())


def _judge_windows(night: Night, policy: VolumePolicy) -> None:
    """Each window of each scope, as it stands with each call, holds no more than its limit."""
    for measure, span in WINDOWS.items():
        windows: dict[object, deque[datetime]] = {}
        for at, call in night.began:
            for scope in call.scopes:
                limit = policy.limit(scope, measure)
                if limit is None:
                    continue
                number = call.number if measure is Measure.TO_ONE_NUMBER_PER_HOUR else ""
                window = windows.setdefault((scope, number), deque())
                window.append(at)
                while window[0] <= at - span:
                    window.popleft()
                assert len(window) <= limit, (measure, scope, at)
