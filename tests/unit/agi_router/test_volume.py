"""How much may be dialled outside: each measure alone, reservations, restarts, and what a person is told."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from agi_router.routing.outgoing import Outgoing, OutgoingCall
from agi_router.routing.volume import LONGEST_UNSEEN, Volume
from agi_router.routing.volume_limits import (
    DEFAULT_LIMITS,
    NO_LIMITS,
    Count,
    Measure,
    Scope,
    ScopeKind,
    VolumeLimits,
    VolumePolicy,
)

NIGHT = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)
ALL = Scope(ScopeKind.ALL)
MOBILE = "+14155550177"


class Kept:
    """A journal: what a restart would find."""

    def __init__(self) -> None:
        self.outgoing: dict[str, Outgoing] = {}

    def keep(self, outgoing: Outgoing) -> None:
        self.outgoing[outgoing.call.id] = outgoing


def after(seconds: float) -> datetime:
    return NIGHT + timedelta(seconds=seconds)


def call(number: int | str, *, route: str = "sales", key: str = "") -> OutgoingCall:
    return OutgoingCall(str(number), f"+1415555{number:0>4}" if isinstance(number, int) else MOBILE, route, key)


def limited(
    limits: VolumeLimits = NO_LIMITS,
    kept: Kept | None = None,
    route_limits: VolumeLimits = NO_LIMITS,
    key_limits: VolumeLimits = NO_LIMITS,
) -> Volume:
    return Volume(VolumePolicy(limits, route_limits, key_limits), kept)


def counted(volume: Volume, measure: Measure, at: datetime, scope: Scope = ALL) -> Count:
    return next(count for count in volume.counters(at) if (count.scope, count.measure) == (scope, measure))


def admitted(volume: Volume, *calls: OutgoingCall, at: datetime = NIGHT) -> list[bool]:
    return [volume.admit(each, at).refusal is None for each in calls]


def test_of_a_hundred_calls_at_one_instant_not_one_too_many_gets_through() -> None:
    volume = limited(VolumeLimits(concurrent=30))
    assert sum(admitted(volume, *map(call, range(100)))) == 30


def test_a_place_is_free_again_when_a_call_ends() -> None:
    volume = limited(VolumeLimits(concurrent=1))
    assert admitted(volume, call(1), call(2)) == [True, False]
    volume.ended("1", NIGHT)
    assert admitted(volume, call(3)) == [True]


@pytest.mark.parametrize(
    ("limits", "window_s"),
    [(VolumeLimits(calls_per_minute=2), 60), (VolumeLimits(calls_per_day=2), 86_400)],
    ids=["minute", "day"],
)
def test_a_window_slides(limits: VolumeLimits, window_s: int) -> None:
    volume = limited(limits)
    assert admitted(volume, call(1)) == [True]
    assert admitted(volume, call(2), call(3), at=after(10)) == [True, False]
    assert admitted(volume, call(4), at=after(window_s - 0.001)) == [False]
    assert admitted(volume, call(5), call(6), at=after(window_s)) == [True, False]
    assert admitted(volume, call(7), at=after(window_s + 10)) == [True]


def test_calls_to_one_number_are_limited_and_others_go_on() -> None:
    volume = limited(VolumeLimits(to_one_number_per_hour=2))
    assert admitted(volume, call("a"), call("b"), call("c"), call(1)) == [True, True, False, True]
    assert admitted(volume, call("d"), at=after(3599)) == [False]
    assert admitted(volume, call("e"), at=after(3600)) == [True]


def test_minutes_of_talks_that_go_on_count() -> None:
    volume = limited(VolumeLimits(minutes_per_day=10))
    assert admitted(volume, call(1), call(2)) == [True, True]
    volume.answered("1", NIGHT)
    volume.answered("2", after(60))
    assert admitted(volume, call(3), at=after(329)) == [True]
    assert admitted(volume, call(4), at=after(330)) == [False], "5.5 and 4.5 minutes"


def test_a_talk_counts_wholly_until_a_day_after_its_end() -> None:
    volume = limited(VolumeLimits(minutes_per_day=10))
    volume.admit(call(1), NIGHT)
    volume.answered("1", NIGHT)
    volume.ended("1", after(600))
    assert admitted(volume, call(2), at=after(600 + 86_399)) == [False]
    assert admitted(volume, call(3), at=after(600 + 86_400)) == [True]


def test_an_answer_that_is_reported_late_moves_no_other_call() -> None:
    volume = limited(VolumeLimits(calls_per_minute=2))
    assert admitted(volume, call(1)) == [True]
    assert admitted(volume, call(2), call(3), at=after(300)) == [True, True]
    volume.answered("1", after(10))
    assert admitted(volume, call(4), at=after(301)) == [False]
    assert counted(volume, Measure.MINUTES_PER_DAY, after(310)).value == 5


def test_ringing_is_no_talk() -> None:
    volume = limited()
    volume.admit(call(1), NIGHT)
    volume.ended("1", after(600))
    assert counted(volume, Measure.MINUTES_PER_DAY, after(600)).value == 0


def test_the_length_of_a_talk_may_be_reported() -> None:
    volume = limited()
    volume.admit(call(1), NIGHT)
    volume.ended("1", after(600), talk_s=120)
    assert counted(volume, Measure.MINUTES_PER_DAY, after(600)).value == 2


def test_each_route_and_each_key_has_limits_of_its_own() -> None:
    volume = limited(
        VolumeLimits(concurrent=10),
        route_limits=VolumeLimits(concurrent=2),
        key_limits=VolumeLimits(concurrent=1),
    )
    assert admitted(volume, call(1, key="crm"), call(2, key="crm")) == [True, False]
    assert admitted(volume, call(3), call(4)) == [True, False]
    assert admitted(volume, call(5, route="support", key="other")) == [True]


def test_a_call_that_one_scope_refuses_counts_in_none() -> None:
    volume = limited(VolumeLimits(calls_per_day=10), route_limits=VolumeLimits(calls_per_day=1))
    assert admitted(volume, *map(call, range(9))) == [True] + [False] * 8
    assert counted(volume, Measure.CALLS_PER_DAY, NIGHT).value == 1
    assert counted(volume, Measure.CONCURRENT, NIGHT).value == 1


def test_the_next_trunk_is_the_same_call() -> None:
    volume = limited(VolumeLimits(concurrent=1, calls_per_minute=1, to_one_number_per_hour=1, calls_per_day=1))
    volume.admit(call("a"), NIGHT)
    assert volume.admit(call("b"), after(1), instead_of="a").refusal is None, "while the first is still there"
    volume.ended("b", after(2))
    assert volume.admit(call("c"), after(3), instead_of="b").refusal is None, "and when it is gone"
    assert counted(volume, Measure.CALLS_PER_DAY, after(3)).value == 1
    assert counted(volume, Measure.CONCURRENT, after(3)).value == 1


def test_the_next_trunk_finds_no_place_when_another_call_has_taken_it() -> None:
    volume = limited(VolumeLimits(concurrent=1))
    volume.admit(call("a"), NIGHT)
    volume.ended("a", NIGHT)
    volume.admit(call(1), NIGHT)
    refusal = volume.admit(call("b"), NIGHT, instead_of="a").refusal
    assert refusal is not None
    assert refusal.code == "policy_concurrent"


def test_a_next_trunk_that_is_refused_leaves_the_one_before_as_it_was() -> None:
    volume = limited(VolumeLimits(minutes_per_day=1))
    volume.admit(call("a"), NIGHT)
    volume.admit(call(1), NIGHT)
    volume.ended("1", NIGHT, talk_s=60)
    assert volume.admit(call("b"), after(60), instead_of="a").refusal
    assert counted(volume, Measure.CONCURRENT, after(60)).value == 1


def test_one_id_counts_once() -> None:
    volume = limited(VolumeLimits(concurrent=1))
    assert admitted(volume, call(1), call(1)) == [True, True]
    assert counted(volume, Measure.CALLS_PER_DAY, NIGHT).value == 1


def test_an_unknown_id_is_no_error() -> None:
    volume = limited()
    volume.answered("nobody", NIGHT)
    volume.ended("nobody", NIGHT, talk_s=600)
    volume.lost("nobody", NIGHT)
    assert not any(count.value for count in volume.counters(NIGHT))


def test_a_reservation_ends_by_itself() -> None:
    volume = limited(VolumeLimits(concurrent=1))
    volume.admit(call(1), NIGHT, expires_at=after(60))
    assert admitted(volume, call(2), at=after(59)) == [False]
    assert admitted(volume, call(3), at=after(60)) == [True]


def test_a_report_after_the_reservation_brings_its_minutes_once() -> None:
    volume = limited()
    volume.admit(call(1), NIGHT, expires_at=after(60))
    for at in (after(600), after(601)):
        volume.ended("1", at, talk_s=540)
        assert counted(volume, Measure.MINUTES_PER_DAY, at).value == 9


def test_a_reservation_that_was_answered_counts_its_talk_until_it_ends_by_itself() -> None:
    volume = limited()
    volume.admit(call(1), NIGHT, expires_at=after(3600))
    volume.answered("1", after(60))
    volume.ended("1", after(7200), talk_s=540)
    assert counted(volume, Measure.MINUTES_PER_DAY, after(7200)).value == 59


def test_a_reservation_that_is_answered_may_be_given_the_time_of_a_talk() -> None:
    volume = limited(VolumeLimits(concurrent=1))
    volume.admit(call(1), NIGHT, expires_at=after(60))
    volume.answered(call(1).id, after(30), expires_at=after(3600))
    assert counted(volume, Measure.CONCURRENT, after(90)).value == 1
    assert counted(volume, Measure.CONCURRENT, after(3601)).value == 0
    assert counted(volume, Measure.MINUTES_PER_DAY, after(3602)).value == 59.5


def test_a_check_counts_nothing() -> None:
    volume = limited(VolumeLimits(concurrent=1))
    assert [volume.check(call(1), NIGHT).refusal for _ in range(3)] == [None] * 3
    volume.admit(call(1), NIGHT)
    assert volume.check(call(2), NIGHT).refusal


def test_limits_may_change_while_calls_go_on() -> None:
    volume = limited(VolumeLimits(concurrent=1))
    assert admitted(volume, call(1), call(2)) == [True, False]
    volume.policy = VolumePolicy(VolumeLimits(concurrent=2))
    assert admitted(volume, call(3), call(4)) == [True, False]
    volume.policy = VolumePolicy(NO_LIMITS)
    assert admitted(volume, call(5)) == [True]


def test_a_restart_counts_on() -> None:
    kept, limits = Kept(), VolumeLimits(concurrent=2, minutes_per_day=20)
    before = limited(limits, kept)
    assert admitted(before, call(1), call(2), call(3)) == [True, True, False]
    before.answered("1", NIGHT)
    before.answered("2", NIGHT)
    before.ended("2", after(300))
    now = limited(limits)
    now.restore(kept.outgoing.values(), after(360))
    assert now.counters(after(360)) == before.counters(after(360))
    assert admitted(now, call(4), call(5), at=after(360)) == [True, False]
    now.ended("1", after(899))
    assert admitted(now, call(6), at=after(899)) == [True], "19 min 59 s of talk"
    now.ended("6", after(901), talk_s=1)
    assert admitted(now, call(7), at=after(901)) == [False]


def test_a_restart_knows_expired_reservations_and_next_trunks() -> None:
    kept = Kept()
    before = limited(NO_LIMITS, kept)
    before.admit(call(1), NIGHT, expires_at=after(60))
    before.admit(call("a"), NIGHT)
    before.admit(call("b"), after(61), instead_of="a")
    now = limited()
    now.restore(kept.outgoing.values(), after(120))
    assert counted(now, Measure.CALLS_PER_DAY, after(120)).value == 2
    assert counted(now, Measure.CONCURRENT, after(120)).value == 1
    now.ended("1", after(121), talk_s=60)
    assert counted(now, Measure.MINUTES_PER_DAY, after(121)).value == 1


def test_calls_that_are_gone_after_a_restart_count_until_then_and_reservations_stay() -> None:
    kept = Kept()
    before = limited(NO_LIMITS, kept)
    for number in (1, 2):
        before.admit(call(number), NIGHT)
        before.answered(str(number), NIGHT)
    before.admit(call(3), NIGHT, expires_at=after(900))
    now = limited()
    now.restore(kept.outgoing.values(), after(600))
    now.lose_all_but({"1"}, after(600))
    assert counted(now, Measure.CONCURRENT, after(600)).value == 2
    assert counted(now, Measure.MINUTES_PER_DAY, after(600)).value == 20
    assert counted(now, Measure.MINUTES_PER_DAY, after(660)).value == 21


def test_a_weekend_without_a_router_is_no_talk() -> None:
    kept = Kept()
    before = limited(NO_LIMITS, kept)
    before.admit(call(1), NIGHT)
    before.answered("1", NIGHT)
    now, monday = limited(), NIGHT + timedelta(days=2)
    now.restore(kept.outgoing.values(), monday)
    now.lost("1", monday)
    assert counted(now, Measure.MINUTES_PER_DAY, monday).value == LONGEST_UNSEEN / timedelta(minutes=1)


def test_a_talk_of_before_a_restart_that_was_seen_since_counts_wholly() -> None:
    kept = Kept()
    before = limited(NO_LIMITS, kept)
    before.admit(call(1), NIGHT)
    before.answered("1", NIGHT)
    now = limited()
    now.restore(kept.outgoing.values(), after(60))
    now.lose_all_but({"1"}, after(60))
    now.lose_all_but(set(), after(3 * 3600))
    assert counted(now, Measure.MINUTES_PER_DAY, after(3 * 3600)).value == 180


def test_a_reservation_that_is_answered_after_its_end_counts_again() -> None:
    kept = Kept()
    volume = limited(NO_LIMITS, kept)
    volume.admit(call(1), NIGHT, expires_at=after(60))
    assert counted(volume, Measure.CONCURRENT, after(61)).value == 0
    volume.answered("1", after(70), expires_at=after(3600))
    assert counted(volume, Measure.CONCURRENT, after(130)).value == 1
    assert counted(volume, Measure.MINUTES_PER_DAY, after(130)).value == 1
    assert kept.outgoing["1"].ended_at is None
    volume.ended("1", after(190))
    assert counted(volume, Measure.CONCURRENT, after(190)).value == 0
    assert counted(volume, Measure.MINUTES_PER_DAY, after(190)).value == 2


def test_what_is_a_day_old_is_not_restored() -> None:
    ended = Outgoing(call=call(1), admitted_at=NIGHT, answered_at=NIGHT, ended_at=after(60), talk_s=60)
    live = replace(ended, call=call(2), ended_at=None, talk_s=None)
    volume = limited()
    volume.restore([ended, live], after(86_460))
    assert [count.value for count in volume.counters(after(86_460))][:5] == [1, 0, 0, 1441, 0]


def test_a_clock_that_is_put_back_locks_nobody_out_for_longer() -> None:
    volume = limited(VolumeLimits(calls_per_minute=1, minutes_per_day=2))
    tomorrow = NIGHT + timedelta(days=1)
    volume.admit(call(1), tomorrow)
    volume.answered("1", tomorrow)
    assert admitted(volume, call(2), at=NIGHT) == [False]
    assert counted(volume, Measure.MINUTES_PER_DAY, NIGHT).value == 0
    assert counted(volume, Measure.MINUTES_PER_DAY, after(60)).value == 1
    assert admitted(volume, call(3), at=after(60)) == [True]


def test_a_clock_that_was_put_back_over_a_restart_locks_nobody_out() -> None:
    tomorrow = NIGHT + timedelta(days=1)
    kept = Outgoing(call=call(1), admitted_at=tomorrow, answered_at=tomorrow)
    volume = limited(VolumeLimits(calls_per_minute=1))
    volume.restore([kept], NIGHT)
    assert counted(volume, Measure.MINUTES_PER_DAY, after(60)).value == 1
    assert admitted(volume, call(2), at=after(60)) == [True]


def test_minutes_are_told_to_the_hundredth() -> None:
    volume = limited(VolumeLimits(minutes_per_day=1))
    volume.admit(call(1), NIGHT)
    volume.answered("1", NIGHT)
    minutes = next(c for c in volume.counters(after(40)) if c.measure is Measure.MINUTES_PER_DAY)
    assert str(minutes) == "0.67 of 1 minutes of talk in 24 hours"


def test_a_warning_comes_before_the_limit_and_once_an_hour() -> None:
    volume = limited(VolumeLimits(calls_per_day=5))
    told = [volume.admit(call(number), NIGHT).warnings for number in range(5)]
    assert [[str(count) for count in counts] for counts in told] == [[], [], [], ["4 of 5 calls in 24 hours"], []]
    volume.policy = VolumePolicy(VolumeLimits(calls_per_day=7))
    assert volume.admit(call(6), after(3600)).warnings


def test_a_refusal_says_which_limit_whose_it_is_and_when_there_is_room() -> None:
    volume = limited(NO_LIMITS, route_limits=VolumeLimits(calls_per_minute=1))
    volume.admit(call(1), NIGHT)
    refused = volume.admit(call(2), after(18))
    assert refused.refusal is not None
    assert refused.refusal.code == "policy_calls_per_minute"
    assert refused.refusal.message == (
        "policy.route_limits.calls_per_minute allows 1 call in a minute for the route sales, and that is reached"
    )
    assert refused.refusal.remedy == (
        "there is room again in 42 s, at 02:01:00 UTC; "
        "if these calls are wanted, raise policy.route_limits.calls_per_minute"
    )


def test_of_several_limits_that_are_reached_the_one_that_lasts_longest_is_told() -> None:
    volume = limited(VolumeLimits(concurrent=1, calls_per_minute=1, calls_per_day=1))
    volume.admit(call(1), NIGHT)
    reached = volume.admit(call(2), NIGHT).reached
    assert reached is not None
    assert (reached.measure, reached.room_at) == (Measure.CALLS_PER_DAY, after(86_400))


def test_the_counter_of_one_number_names_the_one_that_is_called_most() -> None:
    volume = limited()
    admitted(volume, call(1), call("a"), call("b"), call(2))
    count = counted(volume, Measure.TO_ONE_NUMBER_PER_HOUR, NIGHT)
    assert (count.value, count.number) == (2, MOBILE)


def test_counters_of_routes_and_keys_go_when_nothing_counts_any_more() -> None:
    volume = limited()
    volume.admit(call(1, key="crm"), NIGHT)
    volume.ended("1", NIGHT)
    assert [str(count.scope) for count in volume.counters(NIGHT)][::5] == [
        "all calls",
        "the API key crm",
        "the route sales",
    ]
    assert {count.scope for count in volume.counters(after(86_400))} == {ALL}


def test_there_are_limits_unless_somebody_takes_them_away() -> None:
    assert all(DEFAULT_LIMITS.of(measure) for measure in Measure)
    assert all(VolumePolicy().limit(ALL, measure) for measure in Measure)
