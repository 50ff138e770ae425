"""Orders: who rings when, against models plain enough to be believed."""

import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from agi_router.routing.order import History, IfBusy, Order, Standing, arrange, next_round
from agi_router.routing.step import EndpointTarget, Member, distinct

START = datetime(2026, 3, 4, tzinfo=UTC)
IDS = "abcdef"
ONE_BY_ONE = [order for order in Order if order is not Order.SIMULTANEOUS]
FREE, RINGING, BUSY = Standing.FREE, Standing.RINGING, Standing.BUSY
teams = st.lists(st.sampled_from(IDS), unique=True)
standings = st.fixed_dictionaries({name: st.sampled_from(Standing) for name in IDS})


@dataclass(frozen=True)
class Person:
    user: str


def people(names: str | list[str]) -> list[Person]:
    return [Person(name) for name in names]


def named(members: tuple[Person, ...] | list[Person]) -> list[str]:
    return [member.user for member in members]


def by(standing: Mapping[str, Standing]) -> Callable[[Person], Standing]:
    return lambda member: standing[member.user]


def moment(second: int) -> datetime:
    return START + timedelta(seconds=second)


@given(teams, st.sampled_from(Order), st.dictionaries(st.sampled_from(IDS), st.integers(0, 99)), st.integers())
def test_every_member_has_one_turn_whatever_the_order(
    team: list[str], order: Order, known: dict[str, int], seed: int
) -> None:
    moments = {name: moment(second) for name, second in known.items()}
    arranged = arrange(people(team), order, History(moments, moments), random.Random(seed))
    assert sorted(named(arranged)) == sorted(team)


@given(teams)
def test_sequential_is_the_teams_own_list(team: list[str]) -> None:
    past = {name: moment(second) for second, name in enumerate(team)}
    assert named(arrange(people(team), Order.SEQUENTIAL, History(past, past), random.Random())) == team


def test_random_brings_every_order_and_every_first_member_alike() -> None:
    chance = random.Random(7)
    seen = Counter("".join(named(arrange(people("abc"), Order.RANDOM, History(), chance))) for _ in range(1200))
    assert len(seen) == 6
    assert all(150 < often < 250 for often in seen.values())


@given(teams, st.dictionaries(st.sampled_from(IDS), st.integers(0, 99)))
def test_longest_idle_begins_with_who_never_spoke_then_goes_by_the_end_of_the_last_talk(
    team: list[str], ended: dict[str, int]
) -> None:
    talks = {name: moment(second) for name, second in ended.items()}
    arranged = named(arrange(people(team), Order.LONGEST_IDLE, History(last_talk=talks), random.Random()))
    plain = [name for name in team if name not in ended]
    plain += [name for second in range(100) for name in team if ended.get(name) == second]
    assert arranged == plain


@given(st.lists(st.sets(st.sampled_from("abc"), max_size=2), max_size=60))
def test_round_robin_gives_nobody_two_calls_while_a_free_member_has_none(busy_at: list[set[str]]) -> None:
    last_rung: dict[str, datetime] = {}
    for call, busy in enumerate(busy_at):
        standing = {name: BUSY if name in busy else FREE for name in "abc"}
        arranged = arrange(people("abc"), Order.ROUND_ROBIN, History(last_rung), random.Random())
        (chosen,) = next_round(arranged, Order.ROUND_ROBIN, IfBusy.SKIP, by(standing))
        free = [name for name in "abc" if name not in busy]
        longest_ago = min(last_rung.get(name, START - timedelta(1)) for name in free)
        assert last_rung.get(chosen.user, START - timedelta(1)) == longest_ago
        last_rung[chosen.user] = moment(call)


@given(st.lists(st.sampled_from(["call", *IDS]), max_size=80))
def test_round_robin_is_fair_while_members_join_and_leave(happens: list[str]) -> None:
    """Between two calls of one member, everybody else who was there all the time has had one."""
    last_rung: dict[str, datetime] = {}
    team = ["a", "b"]
    since: dict[str, set[str]] = {}  # since the last call of this member: who has been rung
    there: dict[str, set[str]] = {}  # ... and who has been a member without a break
    for second, what in enumerate(happens):
        if what != "call":
            if what in team:
                team.remove(what)
                for kept in there.values():
                    kept.discard(what)
            else:
                team.append(what)
            continue
        if not team:
            continue
        first = arrange(people(team), Order.ROUND_ROBIN, History(last_rung), random.Random())[0].user
        if first in since:
            assert there[first] - {first} <= since[first]
        last_rung[first] = moment(second)
        for rung in since.values():
            rung.add(first)
        since[first], there[first] = set(), set(team)


@given(teams, standings, st.sampled_from(IfBusy))
def test_simultaneous_is_one_round_of_all_who_may_ring(
    team: list[str], standing: dict[str, Standing], if_busy: IfBusy
) -> None:
    chosen = named(next_round(people(team), Order.SIMULTANEOUS, if_busy, by(standing)))
    assert chosen == [name for name in team if if_busy is IfBusy.RING or standing[name] is not BUSY]


@given(teams, standings, st.sampled_from(ONE_BY_ONE), st.sampled_from(IfBusy))
def test_one_at_a_time_a_quiet_member_comes_before_one_whose_phone_rings_already(
    team: list[str], standing: dict[str, Standing], order: Order, if_busy: IfBusy
) -> None:
    chosen = named(next_round(people(team), order, if_busy, by(standing)))
    allowed = [name for name in team if if_busy is IfBusy.RING or standing[name] is not BUSY]
    quiet = [name for name in allowed if standing[name] is not RINGING]
    second_best = [] if if_busy is IfBusy.WAIT else allowed
    assert chosen == (quiet or second_best)[:1]


@given(teams, standings, st.sampled_from(Order), st.sampled_from([IfBusy.RING, IfBusy.SKIP]))
def test_nobody_rings_twice_and_nobody_who_may_ring_is_forgotten(
    team: list[str], standing: dict[str, Standing], order: Order, if_busy: IfBusy
) -> None:
    left, rung = people(team), list[str]()
    while chosen := next_round(left, order, if_busy, by(standing)):
        rung += named(chosen)
        left = [member for member in left if member not in chosen]
    assert sorted(rung) == sorted(name for name in team if if_busy is IfBusy.RING or standing[name] is not BUSY)


def test_a_phone_shared_by_two_members_rings_once_in_a_round() -> None:
    shared = EndpointTarget("hall")
    both = [Member("a", (EndpointTarget("a"), shared)), Member("b", (shared, EndpointTarget("b")))]
    chosen = next_round(both, Order.SIMULTANEOUS, IfBusy.SKIP, lambda _: FREE)
    assert distinct(chosen) == (EndpointTarget("a"), shared, EndpointTarget("b"))
