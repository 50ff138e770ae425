"""The parts of a call are a fold over its events: what the history says of each user, team and queue."""

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from ari_app.domain import events as e
from ari_app.domain.parts import CallPart, PartKind, Parts, parts_after, parts_of
from ari_app.domain.record import Direction

START = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


ARRIVED = e.CallArrived(
    at=START,
    route="sales",
    called_number="+14155550100",
    caller_number="+14155550177",
    caller_name="Grace",
    caller_withheld=False,
    channel_id="1.1",
)


def step(seconds: float, number: int, kind: str, destination: str, team: str = "") -> e.StepStarted:
    return e.StepStarted(
        at=at(seconds), step=number, destination_type=kind, destination=destination, timeout_s=25, team=team
    )


def dialled(seconds: float, leg: str, user: str = "") -> e.LegDialled:
    return e.LegDialled(at=at(seconds), leg=leg, endpoint=f"PJSIP/{user or leg}", contact="sip:a@127.0.0.1", user=user)


def ended(seconds: float, leg: str, outcome: str) -> e.LegEnded:
    return e.LegEnded(at=at(seconds), leg=leg, outcome=outcome, cause=16)


def over(seconds: float, by: str = "caller", reason: str = "") -> e.CallEnded:
    return e.CallEnded(at=at(seconds), by=by, cause=16, reason=reason)


def told(part: CallPart) -> tuple[str, str, float | None, float | None, str, str]:
    return part.kind.value, part.name, part.waiting_s, part.talk_s, part.outcome, part.answered_by


def test_a_user_with_two_devices_has_one_part() -> None:
    parts = parts_of(
        [
            ARRIVED,
            step(1, 1, "user", "ada"),
            dialled(1, "leg-1", "ada"),
            dialled(1, "leg-2", "ada"),
            ended(2, "leg-1", "busy"),
            e.LegAnswered(at=at(5), leg="leg-2"),
            e.CallAnswered(at=at(5), leg="leg-2"),
            e.StepEnded(at=at(5), step=1, outcome="answered"),
            over(65, "callee"),
            ended(65, "leg-2", "answered"),
        ]
    )
    assert list(map(told, parts)) == [("user", "ada", 4, 60, "answered", "ada")]


def test_of_a_team_each_member_has_a_part_beside_that_of_the_team() -> None:
    parts = parts_of(
        [
            ARRIVED,
            step(0, 1, "team", "sales", team="sales"),
            dialled(1, "leg-1", "ada"),
            dialled(1, "leg-2", "bob"),
            dialled(1, "leg-3", "cy"),
            ended(3, "leg-3", "declined"),
            e.CallAnswered(at=at(5), leg="leg-2"),
            ended(6, "leg-1", "answered_elsewhere"),
            e.StepEnded(at=at(5), step=1, outcome="answered"),
            ended(35, "leg-2", "answered"),
            over(36, "callee"),
        ]
    )
    assert list(map(told, parts)) == [
        ("team", "sales", 5, 30, "answered", "bob"),
        ("user", "ada", 5, None, "answered_elsewhere", ""),
        ("user", "bob", 4, 30, "answered", "bob"),
        ("user", "cy", 2, None, "declined", ""),
    ]


def test_a_caller_who_gives_up_abandons_team_and_user() -> None:
    parts = parts_of(
        [
            ARRIVED,
            step(0, 1, "team", "sales", team="sales"),
            dialled(1, "leg-1", "ada"),
            over(11),
            ended(11.5, "leg-1", "cancelled"),
        ]
    )
    assert list(map(told, parts)) == [
        ("team", "sales", 11, None, "abandoned", ""),
        ("user", "ada", 10.5, None, "abandoned", ""),
    ]


def test_a_queue_is_waited_for_and_its_member_has_a_part() -> None:
    parts = parts_of(
        [
            ARRIVED,
            step(2, 1, "queue", "support"),
            e.QueueAnswered(at=at(42), member="PJSIP/ada", user="ada"),
            over(102, "callee"),
        ]
    )
    assert list(map(told, parts)) == [
        ("queue", "support", 40, 60, "answered", "ada"),
        ("user", "ada", 0, 60, "answered", "ada"),
    ]


def test_a_queue_that_nobody_answers_is_told_by_its_outcome_and_the_next_step_is_apart() -> None:
    parts = parts_of(
        [
            ARRIVED,
            step(0, 1, "queue", "support"),
            e.StepEnded(at=at(30), step=1, outcome="no_answer"),
            step(30, 2, "user", "ada"),
            dialled(30, "leg-1", "ada"),
            ended(50, "leg-1", "no_answer"),
            e.StepEnded(at=at(50), step=2, outcome="no_answer"),
            e.SentToDialplan(at=at(50), reason="no_answer", mailbox="1@default"),
        ]
    )
    assert list(map(told, parts)) == [
        ("queue", "support", 30, None, "no_answer", ""),
        ("user", "ada", 20, None, "no_answer", ""),
    ]


def test_who_is_rung_in_two_steps_has_two_parts() -> None:
    rung: list[e.CallEvent] = [ARRIVED]
    for number in (1, 2):
        rung += [
            step(number * 20, number, "user", "ada"),
            dialled(number * 20, f"leg-{number}", "ada"),
            ended(number * 20 + 15, f"leg-{number}", "no_answer"),
        ]
    assert [part.outcome for part in parts_of(rung)] == ["no_answer", "no_answer"]


def test_a_second_leg_of_the_same_step_reopens_the_part() -> None:
    parts = parts_of(
        [
            ARRIVED,
            step(0, 1, "user", "ada"),
            dialled(0, "leg-1", "ada"),
            ended(3, "leg-1", "redirected"),
            dialled(3, "leg-2", "ada"),
            e.CallAnswered(at=at(9), leg="leg-2"),
        ]
    )
    assert list(map(told, parts)) == [("user", "ada", 9, None, "", "ada")]


def test_a_transfer_ends_the_part_of_who_handed_over_and_begins_the_next() -> None:
    parts = parts_of(
        [
            ARRIVED,
            step(0, 1, "user", "ada"),
            dialled(0, "leg-1", "ada"),
            e.CallAnswered(at=at(5), leg="leg-1"),
            e.StepEnded(at=at(5), step=1, outcome="answered"),
            e.TransferAsked(
                at=at(20), by="leg-1", kind="blind", target="80", destination_type="team", destination="support"
            ),
            dialled(20, "leg-2", "bob"),
            e.Transferred(at=at(25), by="leg-1", leg="leg-2"),
            ended(25, "leg-1", "transferred"),
            over(85, "callee"),
        ]
    )
    assert list(map(told, parts)) == [
        ("user", "ada", 5, 20, "answered", "ada"),
        ("team", "support", 5, 60, "answered", "bob"),
        ("user", "bob", 5, 60, "answered", "bob"),
    ]


def test_who_joins_from_another_call_speaks_at_once() -> None:
    parts = parts_of(
        [
            ARRIVED,
            step(0, 1, "user", "ada"),
            dialled(0, "leg-1", "ada"),
            e.CallAnswered(at=at(5), leg="leg-1"),
            e.LegJoined(at=at(30), leg="leg-2", endpoint="PJSIP/cy", contact="", channel_id="9.1", user="cy"),
            e.Transferred(at=at(30), by="leg-1", leg="leg-2"),
            ended(30, "leg-1", "transferred"),
            ended(50, "leg-2", "answered"),
        ]
    )
    assert list(map(told, parts)) == [
        ("user", "ada", 5, 25, "answered", "ada"),
        ("user", "cy", 0, 20, "answered", "cy"),
    ]


REQUESTED = e.CallRequested(at=START, first="agent", user="ada", user_name="Ada", number="+14155550177")


def test_of_a_requested_call_the_agent_has_waited_until_the_customer_speaks() -> None:
    parts = parts_of(
        [
            REQUESTED,
            step(0, 1, "user", "ada"),
            dialled(0, "leg-1", "ada"),
            e.LegAnswered(at=at(3), leg="leg-1"),
            e.StepEnded(at=at(3), step=1, outcome="answered"),
            e.FirstAnswered(at=at(3), leg="leg-1", channel_id="1.1"),
            step(3, 2, "external", "+14155550177"),
            dialled(3, "leg-2"),
            e.CallAnswered(at=at(13), leg="leg-2"),
            over(73, "callee"),
        ]
    )
    assert list(map(told, parts)) == [("user", "ada", 13, 60, "answered", "ada")]
    assert parts[0].direction is Direction.OUTBOUND


def test_an_agent_whose_customer_is_not_reached_has_not_spoken() -> None:
    parts = parts_of(
        [
            REQUESTED,
            step(0, 1, "user", "ada"),
            dialled(0, "leg-1", "ada"),
            e.FirstAnswered(at=at(3), leg="leg-1", channel_id="1.1"),
            step(3, 2, "external", "+14155550177"),
            dialled(3, "leg-2"),
            ended(20, "leg-2", "busy"),
            over(23, "router", "busy"),
            ended(23, "leg-1", "answered"),
        ]
    )
    assert [(part.outcome, part.answered_at) for part in parts] == [("no_answer", None)]


def directions(*happened: e.CallEvent) -> dict[str, Direction]:
    return {part.name: part.direction for part in parts_of(happened)}


def test_a_colleague_who_is_called_by_request_gets_a_call_and_makes_none() -> None:
    called = (
        step(0, 1, "user", "ada"),
        dialled(0, "leg-1", "ada"),
        e.FirstAnswered(at=at(3), leg="leg-1", channel_id="1.1"),
        step(3, 2, "user", "bob"),
        dialled(3, "leg-2", "bob"),
    )
    assert directions(REQUESTED, *called) == {"ada": Direction.OUTBOUND, "bob": Direction.INBOUND}
    missed = (*called, ended(20, "leg-2", "no_answer"), over(23, "router", "no_answer"))
    assert directions(REQUESTED, *missed)["bob"] is Direction.INBOUND
    of_team = (*called[:3], step(3, 2, "team", "sales", team="sales"), dialled(3, "leg-2", "bob"))
    assert directions(REQUESTED, *of_team) == {
        "ada": Direction.OUTBOUND,
        "sales": Direction.INBOUND,
        "bob": Direction.INBOUND,
    }


def test_agents_who_are_rung_for_a_customer_that_was_called_first_make_the_call() -> None:
    requested = replace(REQUESTED, first="customer", user="")
    to_customer = step(0, 1, "user", "bob"), dialled(0, "leg-1", "bob")
    answered = e.FirstAnswered(at=at(3), leg="leg-1", channel_id="1.1")
    to_agents = step(3, 2, "team", "sales", team="sales"), dialled(3, "leg-2", "ada")
    assert directions(requested, *to_customer, answered, *to_agents) == {
        "bob": Direction.INBOUND,
        "sales": Direction.OUTBOUND,
        "ada": Direction.OUTBOUND,
    }


NAMES = st.sampled_from(["leg-1", "leg-2", "leg-3"])
WORDS = st.sampled_from(["", "ada", "bob", "queue", "team", "user", "blind", "answered", "cancelled", "busy", "caller"])
FIELDS = {"leg": NAMES, "step": st.integers(1, 3)}
TAKING_PART = (
    e.CallRequested,
    e.StepStarted,
    e.StepEnded,
    e.LegDialled,
    e.LegJoined,
    e.LegEnded,
    e.CallAnswered,
    e.FirstAnswered,
    e.QueueAnswered,
    e.TransferAsked,
    e.TransferFailed,
    e.Transferred,
    e.CallEnded,
)


@st.composite
def any_events(draw: st.DrawFn) -> list[e.CallEvent]:
    """Events in any order whatsoever, as a router that was restarted amid all of them might tell them."""
    kinds = draw(st.lists(st.sampled_from(TAKING_PART), max_size=25))
    happened: list[e.CallEvent] = []
    for number, kind in enumerate(kinds):
        known = {field.name: field.type for field in fields(kind)}
        given_fields = {name: strategy for name, strategy in FIELDS.items() if name in known}
        texts = {name: WORDS for name, type_ in known.items() if type_ in ("str", str) and name not in given_fields}
        happened.append(draw(st.builds(kind, at=st.just(at(number)), **given_fields, **texts)))
    return happened


@given(any_events())
def test_whatever_is_told_parts_are_whole_and_keep_their_places(happened: list[e.CallEvent]) -> None:
    states = [Parts()]
    for event in happened:
        states.append(parts_after(states[-1], event))
    for before, after in pairwise(states):
        keys = [[(row.kind, row.name, row.began_at) for row in state.rows] for state in (before, after)]
        assert keys[1][: len(keys[0])] == keys[0]
    for part in states[-1].rows:
        moments = [moment for moment in (part.began_at, part.answered_at, part.ended_at) if moment is not None]
        assert moments == sorted(moments)
        assert bool(part.outcome) == (part.ended_at is not None)
        assert (part.outcome == "answered") <= (part.answered_at is not None)
        assert bool(part.answered_by) <= (part.answered_at is not None)
        assert part.name or part.kind is not PartKind.USER
    closed = parts_of([*happened, over(100)])
    assert all(part.ended_at for part in closed)


def test_every_kind_of_event_is_known_to_the_fold() -> None:
    for kind in get_args(e.CallEvent):
        texts = {field.name: "x" for field in fields(kind) if field.name != "at"}
        assert isinstance(parts_after(Parts(), kind(at=START, **texts)), Parts)
