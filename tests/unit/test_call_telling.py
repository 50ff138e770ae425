"""What people outside are told of a call follows from its events, in an order on which they can rely."""

from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_app.domain import events as e
from ari_app.domain.call_notices import Standing, notice_id, notices_of
from ari_app.domain.call_telling import Folded, Telling, told_after
from ari_app.domain.notices import Notice, NoticeType
from ari_app.domain.parts import Parts, parts_after
from ari_app.domain.record import CallRecord, after

START = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
CALL_ID = "20260301T093000-4a8f0c1e9b7d"
CALLER, OURS, OUTSIDE = "+14155550177", "+14155550100", "+14155550188"
LATE = {
    NoticeType.RECORDING_READY,
    NoticeType.RECORDING_FAILED,
    NoticeType.VOICEMAIL_LEFT,
    NoticeType.CONTACT_FOUND,
}


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


ARRIVED = e.CallArrived(
    at=START,
    route="sales",
    called_number=OURS,
    caller_number=CALLER,
    caller_name="Grace",
    caller_withheld=False,
    channel_id="1.1",
)


def step(seconds: float, number: int, kind: str, destination: str, team: str = "") -> e.StepStarted:
    return e.StepStarted(
        at=at(seconds), step=number, destination_type=kind, destination=destination, timeout_s=25, team=team
    )


def rings(seconds: float, leg: str, user: str = "") -> list[e.CallEvent]:
    endpoint = f"PJSIP/{user or leg}"
    return [
        e.LegDialled(at=at(seconds), leg=leg, endpoint=endpoint, contact="sip:a@127.0.0.1", user=user),
        e.LegRinging(at=at(seconds), leg=leg),
    ]


def answers(seconds: float, leg: str, step_: int = 1) -> list[e.CallEvent]:
    return [
        e.LegAnswered(at=at(seconds), leg=leg),
        e.CallAnswered(at=at(seconds), leg=leg),
        e.StepEnded(at=at(seconds), step=step_, outcome="answered"),
    ]


def ends(seconds: float, leg: str, outcome: str) -> e.LegEnded:
    return e.LegEnded(at=at(seconds), leg=leg, outcome=outcome, cause=16)


def no_answer(seconds: float, step_: int = 1) -> e.StepEnded:
    return e.StepEnded(at=at(seconds), step=step_, outcome="no_answer")


OVER = e.CallEnded(at=at(60), by="caller", cause=16)


def told(happened: Sequence[e.CallEvent], call_id: str = CALL_ID) -> list[Notice]:
    return [notice for of_event in by_event(happened, call_id) for notice in of_event]


def by_event(happened: Sequence[e.CallEvent], call_id: str = CALL_ID) -> list[list[Notice]]:
    """The notices of each event."""
    telling, before = Telling(), Folded(CallRecord(call_id=call_id), Parts())
    made = []
    for seq, event in enumerate(happened, start=1):
        now = Folded(after(before.record, event), parts_after(before.parts, event))
        telling, said = told_after(telling, seq, before, event, now)
        shown = {"call_id": call_id}
        call = Standing(record=now.record, parts=now.parts.rows, shown=shown, seq=str(seq))
        made.append(notices_of([(event.at, each) for each in said], call, "US"))
        before = now
    return made


def types(notices: Sequence[Notice]) -> list[str]:
    return [notice.type.value for notice in notices]


def beside(notice: Notice) -> dict[str, Any]:
    return {name: value for name, value in notice.data.items() if name != "call"}


def only(happened: Sequence[e.CallEvent], kind: NoticeType) -> list[dict[str, Any]]:
    return [beside(notice) for notice in told(happened) if notice.type is kind]


def test_an_answered_call_is_told_from_its_start_to_its_end() -> None:
    found = e.DestinationFound(at=at(1), value="ada", destination_type="user", destination="ada")
    notices = told([ARRIVED, found, step(1, 1, "user", "ada"), *rings(1, "leg-1", "ada"), *answers(5, "leg-1"), OVER])
    assert [(notice.type.value, beside(notice)) for notice in notices] == [
        ("call.started", {}),
        ("call.routed", {"by": "answer", "destination_type": "user", "destination": "ada"}),
        ("call.ringing", {"user": "ada", "endpoint": "PJSIP/ada", "step": 1}),
        ("call.answered", {"user": "ada", "endpoint": "PJSIP/ada"}),
        ("call.ended", {}),
    ]
    assert {notice.subject for notice in notices} == {f"call/{CALL_ID}"}


@pytest.mark.parametrize(
    ("why", "by"),
    [
        (e.LookupFailed(at=at(1), code="timeout", message="", remedy=""), "fallback"),
        (e.OutsideHours(at=at(1), calendar="office", zone="UTC", local_time=""), "hours"),
        (e.CallerDescribed(at=at(1)), "route"),
    ],
)
def test_a_call_that_the_api_did_not_route_tells_what_did(why: e.CallEvent, by: str) -> None:
    happened: list[e.CallEvent] = [
        ARRIVED,
        why,
        step(1, 1, "team", "7"),
        no_answer(20),
        step(20, 2, "external", OUTSIDE),
    ]
    assert only(happened, NoticeType.CALL_ROUTED) == [{"by": by, "destination_type": "team", "destination": "7"}]


def test_a_call_that_goes_on_by_another_route_is_routed_again() -> None:
    happened: list[e.CallEvent] = [
        ARRIVED,
        step(1, 1, "number", "200"),
        e.RouteEntered(at=at(1), route="support"),
        step(2, 2, "team", "7"),
    ]
    assert [said["destination"] for said in only(happened, NoticeType.CALL_ROUTED)] == ["200", "7"]


def test_a_user_with_two_phones_is_rung_once_in_a_step() -> None:
    both = [*rings(1, "leg-1", "ada"), *rings(1, "leg-2", "ada")]
    again = [no_answer(20), step(20, 2, "user", "ada"), *rings(20, "leg-3", "ada")]
    happened = [ARRIVED, step(1, 1, "user", "ada"), *both, *again]
    assert [said["step"] for said in only(happened, NoticeType.CALL_RINGING)] == [1, 2]


def test_a_phone_of_nobody_is_told_by_its_endpoint() -> None:
    [said] = only([ARRIVED, step(1, 1, "endpoint", "PJSIP/desk"), *rings(1, "leg-1")], NoticeType.CALL_RINGING)
    assert said == {"user": "", "endpoint": "PJSIP/leg-1", "step": 1}


def test_phones_that_the_dialplan_dials_ring_as_they_are_dialled() -> None:
    arrived = e.CallArrived(**{f.name: getattr(ARRIVED, f.name) for f in fields(ARRIVED)} | {"door": "agi"})
    dialled = rings(1, "leg-1", "ada")[:1]
    assert [said["user"] for said in only([arrived, step(1, 1, "user", "ada"), *dialled], NoticeType.CALL_RINGING)] == [
        "ada"
    ]


def test_a_colleague_of_who_answered_has_missed_the_call_once_his_phone_is_silent() -> None:
    group = [ARRIVED, step(1, 1, "team", "7", team="7"), *rings(1, "leg-1", "ada"), *rings(1, "leg-2", "bob")]
    of_events = by_event([*group, *answers(5, "leg-1"), ends(5.1, "leg-2", "answered_elsewhere"), OVER])
    [missed] = of_events[-2]
    assert beside(missed) == {"user": "bob", "outcome": "answered_elsewhere", "waiting_s": 4.1, "step": 1}
    assert missed.about.users == {"bob"}
    assert types([notice for notices in of_events for notice in notices]).count("call.missed") == 1


def test_a_user_who_is_rung_in_turns_has_missed_the_call_once_at_the_end_of_the_step() -> None:
    turns = [
        *rings(1, "leg-1", "ada"),
        ends(10, "leg-1", "cancelled"),
        *rings(10, "leg-2", "bob"),
        ends(20, "leg-2", "declined"),
        *rings(20, "leg-3", "ada"),
        ends(30, "leg-3", "cancelled"),
    ]
    of_events = by_event([ARRIVED, step(1, 1, "team", "7", team="7"), *turns, no_answer(30), OVER])
    assert [(n.data["user"], n.data["outcome"]) for n in of_events[-2] if n.type is NoticeType.CALL_MISSED] == [
        ("ada", "abandoned"),
        ("bob", "declined"),
    ]
    assert types(of_events[-1]) == ["call.ended"]


def test_a_caller_who_gives_up_has_been_missed_before_the_call_has_ended() -> None:
    happened = [ARRIVED, step(1, 1, "user", "ada"), *rings(1, "leg-1", "ada"), OVER, ends(60.1, "leg-1", "cancelled")]
    assert types(told(happened))[-2:] == ["call.missed", "call.ended"]


def test_a_user_who_does_not_pick_up_a_call_of_his_own_has_missed_nothing() -> None:
    asked = e.CallRequested(at=START, first="agent", user="ada", user_name="Ada", number=OUTSIDE)
    happened = [asked, *rings(1, "leg-1", "ada"), ends(20, "leg-1", "no_answer"), OVER]
    assert types(told(happened)) == ["call.started", "call.ringing", "call.ended"]


def test_a_requested_call_is_answered_for_whom_it_was_asked() -> None:
    asked = e.CallRequested(at=START, first="agent", user="ada", user_name="Ada", number=OUTSIDE)
    first = [*rings(1, "leg-1", "ada"), e.FirstAnswered(at=at(3), leg="leg-1", channel_id="2.1")]
    happened = [asked, *first, *rings(4, "leg-2"), *answers(8, "leg-2"), OVER]
    assert only(happened, NoticeType.CALL_ANSWERED) == [{"user": "ada", "endpoint": "PJSIP/leg-2"}]


def test_a_caller_joins_a_team_and_a_queue_and_leaves_each_once() -> None:
    happened: list[e.CallEvent] = [
        ARRIVED,
        step(1, 1, "team", "7", team="7"),
        no_answer(11),
        step(11, 2, "queue", "support"),
        e.QueueAnswered(at=at(15), member="PJSIP/ada", user="ada"),
        e.CallEnded(at=at(30), by="callee", cause=16),
    ]
    joined = [(n.type.value, beside(n)) for n in told(happened) if n.type.value.startswith("queue.")]
    assert joined == [
        ("queue.joined", {"team": "7"}),
        ("queue.left", {"team": "7", "outcome": "no_answer", "waiting_s": 10.0, "answered_by": ""}),
        ("queue.joined", {"queue": "support"}),
        ("queue.left", {"queue": "support", "outcome": "answered", "waiting_s": 4.0, "answered_by": "ada"}),
    ]


def test_holding_and_passing_on_name_who_did_it() -> None:
    talk = [ARRIVED, step(1, 1, "user", "ada"), *rings(1, "leg-1", "ada"), *answers(5, "leg-1")]
    asked = e.TransferAsked(at=at(9), by="leg-1", kind="blind", target="102", destination_type="user")
    later = [
        e.Held(at=at(6), party="leg-1"),
        e.Resumed(at=at(7), party="leg-1"),
        e.Steered(at=at(8), action="hold", party="caller"),
        e.Steered(at=at(8), action="mute", party="leg-1"),
        asked,
        *rings(9, "leg-2", "bob"),
        e.Transferred(at=at(12), by="leg-1", leg="leg-2"),
    ]
    said = [(n.type.value, beside(n)) for n in told([*talk, *later])]
    assert said[-5:] == [
        ("call.held", {"party": "leg-1", "user": "ada"}),
        ("call.resumed", {"party": "leg-1", "user": "ada"}),
        ("call.held", {"party": "caller", "user": ""}),
        ("call.ringing", {"user": "bob", "endpoint": "PJSIP/bob", "step": 1}),
        (
            "call.transferred",
            {"kind": "blind", "by": "leg-1", "by_user": "ada", "user": "bob", "endpoint": "PJSIP/bob"},
        ),
    ]


def test_whether_a_call_was_missed_whose_end_nobody_saw_is_not_told() -> None:
    over = e.CallEnded(at=at(60), by="unknown", cause=0)
    happened = [ARRIVED, step(1, 1, "user", "ada"), *rings(1, "leg-1", "ada"), over]
    assert types(told(happened))[-2:] == ["call.ringing", "call.ended"]


def test_a_colleague_who_does_not_take_a_transfer_has_missed_it() -> None:
    talk = [ARRIVED, step(1, 1, "user", "ada"), *rings(1, "leg-1", "ada"), *answers(5, "leg-1")]
    asked = e.TransferAsked(at=at(9), by="leg-1", kind="blind", target="102")
    failed = e.TransferFailed(at=at(20), by="leg-1", outcome="no_answer")
    happened = [*talk, asked, *rings(9, "leg-2", "bob"), ends(20, "leg-2", "no_answer"), failed, OVER]
    assert [said["user"] for said in only(happened, NoticeType.CALL_MISSED)] == ["bob"]


def test_a_number_that_the_policy_refuses_is_told_with_the_reason() -> None:
    refused = e.NumberRefused(
        at=at(2), number=OUTSIDE, trunk="main", code="too_many", detail="d", remedy="r", user="ada"
    )
    [notice] = [n for n in told([ARRIVED, refused]) if n.type is NoticeType.POLICY_REFUSED]
    assert notice.id == f"{CALL_ID}-2-policy_refused"
    assert beside(notice) == {
        "number": OUTSIDE,
        "trunk": "main",
        "user": "ada",
        "code": "too_many",
        "detail": "d",
        "remedy": "r",
    }
    assert OUTSIDE in notice.about.numbers


def test_a_recording_is_ready_also_after_the_call() -> None:
    stored = e.RecordingStored(at=at(70), name="rec-1", place="a/b.wav", size=7, sha256="ab", media_type="audio/wav")
    failed = e.RecordingFailed(at=at(71), name="rec-2", code="lost", detail="d", remedy="r")
    file = {"id": "rec-1", "media_type": "audio/wav", "size": 7, "sha256": "ab", "seconds": None}
    notices = told([ARRIVED, OVER, stored, failed])[-2:]
    assert [(n.type.value, beside(n)) for n in notices] == [
        ("recording.ready", {"recording": file}),
        ("recording.failed", {"recording": {"id": "rec-2"}, "code": "lost", "detail": "d", "remedy": "r"}),
    ]


def test_a_message_is_told_when_its_caller_has_left_it_with_its_copy_if_there_is_one() -> None:
    gone = e.SentToDialplan(at=at(20), reason="voicemail", mailbox="101@default")
    left = e.VoicemailLeft(at=at(30), mailbox="101@default", message_id="1-2", seconds=4.5, reason="no spool")
    copied = replace(left, recording="rec-1", place="a/b.wav", size=7, sha256="ab", media_type="audio/wav", reason="")
    message = {"mailbox": "101@default", "message_id": "1-2", "seconds": 4.5}
    file = {"id": "rec-1", "media_type": "audio/wav", "size": 7, "sha256": "ab", "seconds": 4.5}
    for event, beside_call in (
        (left, {**message, "reason": "no spool", "recording": None}),
        (copied, {**message, "reason": "", "recording": file}),
    ):
        notices = told([ARRIVED, gone, event])
        assert types(notices)[-2:] == ["call.ended", "voicemail.left"]
        assert beside(notices[-1]) == beside_call


def test_whom_a_call_concerns_is_what_subscriptions_choose_by() -> None:
    happened = [
        ARRIVED,
        step(1, 1, "team", "7", team="7"),
        *rings(1, "leg-1", "ada"),
        no_answer(9),
        step(9, 2, "queue", "support"),
        no_answer(19, 2),
        step(19, 3, "external", "(415) 555-0188"),
        OVER,
    ]
    about = told(happened)[-1].about
    assert [set(names) for names in (about.users, about.teams, about.queues)] == [{"ada"}, {"7"}, {"support"}]
    assert about.numbers == {CALLER, OURS, OUTSIDE}
    assert (about.route, about.direction) == ("sales", "inbound")


@pytest.mark.parametrize(
    ("call_id", "expected"),
    [(CALL_ID, f"{CALL_ID}-3-missed-1"), ("pbx-1772357400.12", "pbx-1772357400_12-3-missed-1")],
)
def test_ids_tell_their_call(call_id: str, expected: str) -> None:
    assert notice_id(call_id, "3", NoticeType.CALL_MISSED, 1) == expected


SAMPLES: dict[str, st.SearchStrategy[Any]] = {
    "datetime": st.just(START),
    "str": st.sampled_from(["", "leg-1", "leg-2", "caller", "ada", "7", "no_answer", "answered", "queue", OUTSIDE]),
    "int": st.integers(1, 3),
    "float": st.just(1.0),
    "bool": st.booleans(),
    "int | None": st.none(),
    "float | None": st.none(),
    "bool | None": st.none() | st.booleans(),
    "str | None": st.none(),
    "dict": st.just({}),
    "list": st.just([]),
}


def _any_of(kind: type[e.CallEvent]) -> st.SearchStrategy[e.CallEvent]:
    values = {field.name: SAMPLES[getattr(field.type, "__name__", str(field.type))] for field in fields(kind)}
    return st.builds(kind, **values)


@given(st.lists(st.one_of(*map(_any_of, get_args(e.CallEvent))), min_size=1, max_size=30))
def test_whatever_happens_a_call_starts_once_ends_once_and_tells_nothing_between_twice(
    happened: list[e.CallEvent],
) -> None:
    notices = told([*happened, OVER])
    in_time = [notice for notice in notices if notice.type not in LATE]
    assert in_time[0].type is NoticeType.CALL_STARTED
    assert in_time[-1].type is NoticeType.CALL_ENDED
    assert types(notices).count("call.started") == types(notices).count("call.ended") == 1
    assert types(notices).count("call.answered") <= 1
    assert types(notices).count("queue.joined") == types(notices).count("queue.left")
    ids = [notice.id for notice in notices]
    assert len(set(ids)) == len(ids)
    assert all(len(id_) <= 64 and id_.isascii() and "." not in id_ for id_ in ids)


@given(st.text(min_size=1, max_size=64), st.sampled_from(list(NoticeType)))
def test_ids_are_safe_for_any_call(call_id: str, kind: NoticeType) -> None:
    made = notice_id(call_id, "99999", kind, 99)
    assert len(made) <= 64
    assert made.isascii()
    assert not set(made) & set("./ \r\n")
