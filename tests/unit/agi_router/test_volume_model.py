"""The counters against a plain model: a list of all calls that were ever made, counted from scratch each time."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from agi_router.routing.outgoing import Outgoing, OutgoingCall
from agi_router.routing.volume import Volume
from agi_router.routing.volume_limits import Measure, Scope, ScopeKind, VolumeLimits, VolumePolicy

START = datetime(2026, 3, 1, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NUMBERS = ("+14155550101", "+14155550102")
ROUTES = ("sales", "support")
KEYS = ("", "crm")


@dataclass
class PlainCall:
    """One call that was let through."""

    call: OutgoingCall
    began: datetime
    is_counted: bool
    expires: datetime | None
    answered: datetime | None = None
    ended: datetime | None = None
    talk: timedelta | None = None

    def belongs(self, scope: Scope) -> bool:
        match scope.kind:
            case ScopeKind.ALL:
                return True
            case ScopeKind.ROUTE:
                return self.call.route == scope.name
            case ScopeKind.KEY:
                return self.call.key == scope.name


@dataclass
class Plain:
    """What the counters must say."""

    policy: VolumePolicy
    calls: list[PlainCall] = field(default_factory=list)

    def go_to(self, at: datetime) -> None:
        for each in self.calls:
            if each.ended is None and each.expires is not None and each.expires <= at:
                each.ended = each.expires
                each.talk = each.expires - each.answered if each.answered else None

    def value(self, scope: Scope, measure: Measure, number: str, at: datetime) -> float:
        calls = [each for each in self.calls if each.belongs(scope)]
        counted = [each for each in calls if each.is_counted]
        match measure:
            case Measure.CONCURRENT:
                return sum(each.ended is None for each in calls)
            case Measure.CALLS_PER_MINUTE:
                return sum(each.began > at - MINUTE for each in counted)
            case Measure.TO_ONE_NUMBER_PER_HOUR:
                return sum(each.began > at - HOUR and each.call.number == number for each in counted)
            case Measure.MINUTES_PER_DAY:
                return sum((self.talk(each, at) for each in calls), timedelta()) / MINUTE
            case Measure.CALLS_PER_DAY:
                return sum(each.began > at - DAY for each in counted)

    @staticmethod
    def talk(each: PlainCall, at: datetime) -> timedelta:
        if each.ended is None:
            return at - (each.answered or at)
        return (each.talk or timedelta()) if each.ended > at - DAY else timedelta()

    def admits(self, call: OutgoingCall, at: datetime, before: PlainCall | None) -> bool:
        for scope in call.scopes:
            for measure in Measure:
                if before is not None and measure not in (Measure.CONCURRENT, Measure.MINUTES_PER_DAY):
                    continue
                value = self.value(scope, measure, call.number, at)
                if measure is Measure.CONCURRENT and before is not None and before.ended is None:
                    value -= 1
                limit = self.policy.limit(scope, measure)
                if limit is not None and value >= limit:
                    return False
        return True


class Kept:
    """A journal."""

    def __init__(self) -> None:
        self.outgoing: dict[str, Outgoing] = {}

    def keep(self, outgoing: Outgoing) -> None:
        self.outgoing[outgoing.call.id] = outgoing


limit = st.none() | st.integers(1, 4)
limits = st.builds(
    VolumeLimits,
    concurrent=limit,
    calls_per_minute=limit,
    to_one_number_per_hour=limit,
    minutes_per_day=limit | st.integers(5, 100),
    calls_per_day=limit | st.integers(5, 20),
)
policies = st.builds(VolumePolicy, limits, limits, limits)
steps = st.sampled_from([0.0, 0.5, 1.0, 29.0, 59.9, 60.0, 600.0, 3599.0, 3600.0, 43_200.0, 86_400.0])


@settings(max_examples=60, deadline=None)
@given(st.data(), policies)
def test_the_counters_are_what_a_recount_says(data: st.DataObject, policy: VolumePolicy) -> None:
    kept = Kept()
    volume, plain, at = Volume(policy, kept), Plain(policy), START
    for turn in range(data.draw(st.integers(1, 30))):
        at += timedelta(seconds=data.draw(steps, label="seconds later"))
        plain.go_to(at)
        match data.draw(st.sampled_from(["admit"] * 4 + ["next", "answered", "answered", "ended", "ended", "restart"])):
            case "admit":
                _admit(data, volume, plain, turn, at)
            case "next" if plain.calls:
                _admit_next(data, volume, plain, turn, at)
            case "answered" if plain.calls:
                each = data.draw(st.sampled_from(plain.calls))
                volume.answered(each.call.id, at)
                if each.ended is None:
                    each.answered = each.answered or at
            case "ended" if plain.calls:
                each = data.draw(st.sampled_from(plain.calls))
                talk_s = data.draw(st.none() | st.sampled_from([0.0, 90.0, 7200.0]))
                volume.ended(each.call.id, at, talk_s)
                if each.ended is None or (each.talk is None and each.ended > at - DAY):
                    each.ended, each.talk = at, _talk(each, at, talk_s)
            case "restart":
                volume = Volume(policy, kept)
                volume.restore(kept.outgoing.values(), at)
            case _:
                pass
        for count in volume.counters(at):
            number = count.number or NUMBERS[0]
            assert count.value == plain.value(count.scope, count.measure, number, at), (count, at)


def _admit(data: st.DataObject, volume: Volume, plain: Plain, turn: int, at: datetime) -> None:
    number, route, key = (data.draw(st.sampled_from(given)) for given in (NUMBERS, ROUTES, KEYS))
    call = OutgoingCall(str(turn), number, route, key)
    expires = data.draw(st.none() | st.sampled_from([at + MINUTE, at + HOUR]))
    is_admitted = plain.admits(call, at, None)
    assert (volume.check(call, at).refusal is None) == is_admitted
    assert (volume.admit(call, at, expires_at=expires).refusal is None) == is_admitted
    if is_admitted:
        plain.calls.append(PlainCall(call, at, is_counted=True, expires=expires))


def _admit_next(data: st.DataObject, volume: Volume, plain: Plain, turn: int, at: datetime) -> None:
    before = data.draw(st.sampled_from(plain.calls))
    call = OutgoingCall(str(turn), before.call.number, before.call.route, before.call.key)
    is_admitted = plain.admits(call, at, before)
    assert (volume.admit(call, at, instead_of=before.call.id).refusal is None) == is_admitted
    if is_admitted:
        if before.ended is None:
            before.ended, before.talk = at, _talk(before, at, None)
        plain.calls.append(PlainCall(call, at, is_counted=False, expires=None))


def _talk(each: PlainCall, at: datetime, talk_s: float | None) -> timedelta:
    return timedelta(seconds=talk_s) if talk_s is not None else at - (each.answered or at)
