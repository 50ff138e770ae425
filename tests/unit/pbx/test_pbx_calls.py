"""The fold of what Asterisk tells into calls: whatever is missing, late, twice or in another order."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_app.calls.pbx_calls import MAX_CALLS, PbxCalls, Source
from ari_app.domain.parts import PartKind
from ari_app.domain.pbx_call import MAX_PARTIES, began_by_id
from ari_app.domain.pbx_events import ChannelEvent, PbxEvent, QueueEvent
from ari_app.domain.pbx_merge import lost, merged
from ari_app.domain.pbx_names import Names, endpoint_of, is_party
from ari_app.domain.pbx_record import PbxRecord
from ari_app.domain.record import Direction, Disposition
from tests.unit.pbx.told import CALL, NAMES, SECOND, K, Q, answered_call, at, channel, detail, queue, queued_call


def told(events: Iterable[PbxEvent], source: Source = Source.AUTO) -> list[PbxRecord]:
    """What is kept of them once they are over."""
    kept: list[PbxRecord] = []
    calls = PbxCalls(source, kept.append, NAMES)
    for event in events:
        calls.take(event)
    calls.close_all(at(10_000))
    return kept


def only(events: Iterable[PbxEvent], source: Source = Source.AUTO) -> PbxRecord:
    (record,) = told(events, source)
    return record


def outcomes(record: PbxRecord) -> dict[tuple[str, str], str]:
    return {(part.kind.value, part.name): part.outcome for part in record.parts}


def test_a_call_from_phone_to_phone() -> None:
    told = only(answered_call())
    call = told.record
    assert (call.direction, call.disposition, call.source) == (Direction.INTERNAL, Disposition.ANSWERED, "cel")
    assert (call.started_at, call.answered_at, call.ended_at) == (at(0), at(3.1), at(10))
    assert (call.caller_number, call.called_number, call.agent, call.ended_by) == ("101", "102", "77", "caller")
    assert outcomes(told) == {("user", "456"): "answered", ("user", "77"): "answered"}
    bob = next(part for part in told.parts if part.name == "77")
    assert (bob.waiting_s, bob.talk_s) == (2.9, 6.9)


def test_a_queue_is_a_part_with_its_waiting_time_and_who_answered() -> None:
    told = only(queued_call())
    assert told.record.direction is Direction.INBOUND
    assert outcomes(told) == {
        ("queue", "sales"): "answered",
        ("user", "77"): "answered_elsewhere",
        ("user", "78"): "answered",
    }
    part = next(part for part in told.parts if part.kind is PartKind.QUEUE)
    assert (part.began_at, part.answered_at, part.ended_at, part.answered_by) == (at(0), at(8), at(20), "78")


def test_phones_of_a_queue_are_no_team_though_its_answer_is_told_by_another_clock() -> None:
    events = [
        replace(event, at=at(0.15)) if isinstance(event, QueueEvent) and event.kind in {Q.LEAVE, Q.CONNECT} else event
        for event in queued_call()
    ]
    assert set(outcomes(only(events))) == {("queue", "sales"), ("user", "77"), ("user", "78")}


def test_a_queue_is_known_by_its_application_where_it_does_not_tell_itself() -> None:
    told = only(event for event in queued_call() if isinstance(event, ChannelEvent))
    part = next(part for part in told.parts if part.kind is PartKind.QUEUE)
    assert (part.outcome, part.answered_by, part.began_at, part.ended_at) == ("answered", "78", at(0), at(20))


def test_a_caller_who_is_sent_on_by_a_queue_has_not_abandoned_it() -> None:
    told = only(
        [
            channel(0, K.START, "line", context="from-trunk"),
            queue(0, Q.JOIN),
            queue(9, Q.ABANDON, hold_s=9),  # so it is told, when his time in the queue is up
            queue(9, Q.LEAVE),
            channel(9, K.HANGUP, "line", cause=16, source="dialplan/builtin"),
        ]
    )
    assert outcomes(told) == {("queue", "sales"): "no_answer"}
    assert told.record.disposition is Disposition.UNANSWERED


def test_legs_that_ring_together_are_a_team_and_legs_of_one_user_are_one_part() -> None:
    told = only(
        [
            channel(0, K.START, "ada", number="101", exten="600", context="from-internal"),
            channel(0.1, K.START, "bob"),
            channel(0.1, K.START, "carol"),
            channel(5, K.HANGUP, "bob", cause=0),
            channel(5, K.HANGUP, "carol", cause=0),
            channel(5.1, K.HANGUP, "ada", cause=19, source="dialplan/builtin"),
        ]
    )
    assert outcomes(told)["team", "7"] == "no_answer"
    alone = replace(NAMES, users={**NAMES.users, "PJSIP/carol": "77"})
    kept: list[PbxRecord] = []
    calls = PbxCalls(Source.CEL, kept.append, alone)
    for name in ("ada", "bob", "carol"):
        calls.take(channel(0, K.START, name))
    for name in ("bob", "carol", "ada"):
        calls.take(channel(5, K.HANGUP, name, cause=0))
    calls.close_all()
    assert [part.name for part in kept[0].parts] == ["456", "77"]


def test_a_call_through_a_trunk_is_outbound_also_where_only_the_dial_tells_that_it_is_one() -> None:
    events = [
        channel(0, K.START, "ada", number="101", exten="0155501", context="from-internal"),
        channel(0, K.APP_START, "ada", application="Dial", data="PJSIP/0155501@other,30"),
        channel(0.1, K.START, "other"),
        channel(4, K.HANGUP, "other", cause=17),
        channel(4, K.HANGUP, "ada", cause=17, source="dialplan/builtin"),
    ]
    told = only(events)
    assert (told.record.direction, told.record.agent) == (Direction.OUTBOUND, "456")
    assert (told.record.disposition, told.record.reason) == (Disposition.CUSTOMER_UNREACHED, "busy")
    assert outcomes(told) == {("user", "456"): "busy"}


def test_a_cdr_tells_who_was_called_and_for_how_long() -> None:
    told = only([detail(0, 10, "bob", answer=3)], Source.CDR)
    assert (told.record.source, told.record.disposition, told.record.talk_s) == ("cdr", Disposition.ANSWERED, 7)
    assert outcomes(told)["user", "77"] == "answered"


def test_the_cdrs_of_one_dial_are_a_team() -> None:
    data = "PJSIP/bob&PJSIP/carol,20"
    told = only([detail(0, 3, "bob", data=data), detail(0, 10, "carol", answer=3, data=data)], Source.CDR)
    assert outcomes(told)["team", "7"] == "answered"


@pytest.mark.parametrize("behind_first", [True, False])
def test_the_cdr_behind_a_local_channel_is_of_the_same_call(behind_first: bool) -> None:
    local = "Local/102@from-internal-00000002"
    before = replace(detail(0, 10, "", answer=3), destination_channel=f"{local};1")
    behind = replace(detail(0, 10, "bob", answer=3), channel=f"{local};2", linkedid="other.7", uniqueid="other.7")
    told = only([behind, before] if behind_first else [before, behind], Source.CDR)
    assert told.record.linkedid == CALL
    assert told.record.agent == "77"


def test_where_cel_is_heard_no_cdr_adds_anything() -> None:
    events = answered_call()
    assert only([*events, replace(detail(0, 10, "carol"), linkedid="another")]) == only(events)


@given(st.data())
def test_events_that_come_twice_change_nothing(data: st.DataObject) -> None:
    events = data.draw(st.sampled_from([answered_call(), queued_call()]))
    again = data.draw(st.lists(st.sampled_from(events)))
    assert only([*events, *again]) == only(events)


@given(st.randoms(use_true_random=False))
def test_the_order_of_what_is_told_of_channels_does_not_matter(random: object) -> None:
    events = answered_call()
    first, *others = events
    random.shuffle(others)  # type: ignore[attr-defined]
    assert only([first, *others]) == only(events)


def test_whoever_came_over_in_the_second_in_which_the_call_began_does_not_begin_it() -> None:
    *events, hangup, end, last = answered_call()
    carol = channel(9, K.EXIT, "carol"), channel(9.5, K.HANGUP, "carol", cause=16)
    told = only([*events, *carol, hangup, end, last])
    assert told.record.started_at == at(0)
    assert next(part for part in told.parts if part.name == "78").began_at == at(0)


def test_a_call_of_which_its_queue_alone_tells_the_end_was_not_seen_whole() -> None:
    *_, complete = queued_call()
    assert only([complete]).record.recovered
    assert not only(queued_call()).record.recovered


def test_a_caller_whom_the_queue_took_for_gone_is_gone_though_his_end_comes_late() -> None:
    waiting = [event for event in queued_call() if event.at < at(8)]
    left: list[PbxEvent] = [
        queue(8, Q.LEAVE),
        queue(8, Q.ABANDON),
        channel(8, K.APP_END, "line", application="Queue"),
        *(channel(8, K.HANGUP, name, cause=16) for name in ("bob", "carol")),
    ]
    gone = [channel(10, K.HANGUP, "line", cause=16, source="PJSIP/line-00000001"), channel(10, K.LAST, "line")]
    told = only([*waiting, *left, *gone])
    assert (outcomes(told)["queue", "sales"], told.record.disposition) == ("abandoned", Disposition.ABANDONED)
    went_on = channel(8.5, K.APP_START, "line", application="Dial", data="PJSIP/dave")
    assert outcomes(only([*waiting, *left, went_on, *gone]))["queue", "sales"] == "no_answer"


@pytest.mark.parametrize(("status", "outcome"), [("CANCEL", "abandoned"), ("NOANSWER", "no_answer")])
def test_whether_a_caller_gave_up_is_known_though_his_end_comes_late(status: str, outcome: str) -> None:
    rings = [event for event in answered_call() if event.at < at(3)]
    told = only(
        [
            *rings,
            channel(3, K.HANGUP, "bob", cause=0),
            channel(5, K.HANGUP, "ada", cause=0, source="PJSIP/ada-00000001", dialled_status=status),
            channel(5, K.LAST, "ada"),
        ]
    )
    assert outcomes(told)["user", "77"] == outcome


@given(st.sets(st.integers(0, 14)), st.sampled_from([answered_call, queued_call]))
def test_whatever_is_missing_what_is_told_is_sound(missing: set[int], call: object) -> None:
    events = call()  # type: ignore[operator]
    left = [event for number, event in enumerate(events) if number not in missing]
    for record in told(left):
        is_sound(record)


@given(st.lists(st.sampled_from([*answered_call(), *queued_call(), detail(0, 9, "bob", answer=2)])))
def test_whatever_is_told_in_whatever_order_is_sound(events: Sequence[PbxEvent]) -> None:
    for record in told(events, Source.CDR):
        is_sound(record)
        assert merged(record, record).parts == record.parts


def is_sound(told: PbxRecord) -> None:
    """Nothing ends before it begins, and all that is over has an outcome."""
    record = told.record
    assert record.started_at is not None
    assert record.ended_at is not None
    assert record.started_at <= record.ended_at
    assert record.disposition is not Disposition.IN_PROGRESS
    for part in told.parts:
        assert part.ended_at is not None
        assert part.outcome
        assert part.began_at <= part.ended_at
        assert part.waiting_s is not None
        assert part.waiting_s >= 0


def test_what_is_kept_in_memory_is_bounded() -> None:
    kept: list[PbxRecord] = []
    calls = PbxCalls(Source.CEL, kept.append, NAMES)
    for number in range(MAX_CALLS + 10):
        calls.take(replace(channel(number, K.START, "ada"), linkedid=f"call-{number}"))
    assert len(calls) == MAX_CALLS
    assert calls.lost == 10
    assert {record.record.disposition for record in kept} == {Disposition.INTERRUPTED}
    for number in range(MAX_PARTIES * 2):
        calls.take(replace(channel(number, K.START, f"phone{number}"), linkedid="call-5000"))
    kept.clear()
    calls.take(replace(channel(9000, K.LAST, "ada"), linkedid="call-5000"))
    calls.sweep(at(9010))
    (record,) = [record.record for record in kept if record.record.linkedid == "call-5000"]
    assert len(record.legs) < MAX_PARTIES
    assert record.recovered


def test_a_call_of_which_nothing_is_heard_any_more_ends() -> None:
    kept: list[PbxRecord] = []
    calls = PbxCalls(Source.CEL, kept.append, NAMES)
    for event in answered_call()[:7]:
        calls.take(event)
    calls.sweep(at(100))
    assert kept.pop().record.disposition is Disposition.IN_PROGRESS
    calls.sweep(at(200))
    assert kept == []  # nothing new to write
    calls.sweep(at(3) + timedelta(hours=24, seconds=10))
    (over,) = kept
    assert (over.record.disposition, over.record.ended_by) == (Disposition.ANSWERED, "unknown")
    assert len(calls) == 0


def test_a_restart_of_asterisk_ends_the_calls_of_before() -> None:
    kept: list[PbxRecord] = []
    calls = PbxCalls(Source.CEL, kept.append, NAMES)
    calls.take(channel(0, K.START, "ada"))
    calls.restarted(at(60), at(50))
    assert (kept[0].record.ended_at, kept[0].record.disposition) == (at(50), Disposition.INTERRUPTED)
    calls.take(channel(70, K.START, "ada"))
    calls.restarted(at(60), at(50))
    assert len(calls) == 1


def test_a_call_that_was_seen_in_two_parts_is_one() -> None:
    events = answered_call()
    kept: list[PbxRecord] = []
    before = PbxCalls(Source.CEL, kept.append, NAMES)
    for event in events[:7]:
        before.take(event)
    before.keep_open(at(5))
    after = only(events[7:])
    assert after.record.recovered
    assert after.record.started_at == SECOND  # its id tells
    whole = merged(kept[0], after)
    assert whole.record.recovered
    expected = only(events)
    assert replace(whole.record, recovered=False, legs=()) == replace(expected.record, legs=())
    assert whole.parts == expected.parts


def test_a_call_whose_end_nobody_saw_has_parts_that_are_over() -> None:
    kept: list[PbxRecord] = []
    calls = PbxCalls(Source.CEL, kept.append, NAMES)
    for event in answered_call()[:3]:
        calls.take(event)
    calls.keep_open(at(5))
    over = lost(kept[0], at(8))
    is_sound(over)
    assert outcomes(over) == {("user", "456"): "lost", ("user", "77"): "lost"}


def test_what_has_no_phone_and_no_line_is_no_call() -> None:
    local = replace(channel(0, K.START, "x"), channel="Local/tell@somewhere-00000001;1")
    assert told([local, replace(local, kind=K.LAST)]) == []
    assert [is_party(name) for name in ("PJSIP/a-1", "DAHDI/i1/5-2", "Local/a;1", "Recorder/x", "")] == [
        True,
        True,
        False,
        False,
        False,
    ]
    assert endpoint_of("PJSIP/my-trunk-0000001f") == "PJSIP/my-trunk"


def test_an_id_tells_when_its_channel_began() -> None:
    assert began_by_id(CALL) == SECOND
    assert began_by_id(f"pbx-one-{CALL}") == SECOND
    for odd in ("", "1.2", "agr-20260301T090000-abc-leg-1", "99999999999.1", "x.y"):
        assert began_by_id(odd) is None


def test_members_of_queues_are_told_by_extension_or_endpoint() -> None:
    assert NAMES.member("Local/101@from-queue/n") == "456"
    assert NAMES.member("Local/bob@agi-router-member/n") == "77"
    assert NAMES.member("PJSIP/carol") == "78"
    assert NAMES.member("Local/999@from-queue/n") == "Local/999@from-queue/n"
    assert Names().queue("support") == "support"


def test_a_call_waits_for_what_its_queue_still_tells_unless_nobody_waits_any_more() -> None:
    kept: list[PbxRecord] = []
    calls = PbxCalls(Source.CEL, kept.append, NAMES)
    for event in queued_call()[:-1]:
        calls.take(event)
    calls.sweep(at(21))
    assert kept == []
    calls.take(queued_call()[-1])
    calls.close_over()
    assert kept[-1].record.disposition is Disposition.ANSWERED
    assert len(calls) == 0


@pytest.mark.parametrize(
    ("heard", "is_whole"),
    [(answered_call(), True), (answered_call()[1:], False), ([detail(0, 9, "bob", answer=2)], False), ([], False)],
)
def test_a_call_of_which_all_was_heard_is_told_by_nobody_else(heard: Sequence[PbxEvent], is_whole: bool) -> None:
    calls = PbxCalls(Source.AUTO, lambda _: None, NAMES)
    for event in heard:
        calls.take(event)
    assert calls.will_tell(CALL) is is_whole
    calls.close_over()
    assert not calls.will_tell(CALL)


def test_a_caller_who_has_gone_waits_in_no_queue_though_that_never_tells_so() -> None:
    kept: list[PbxRecord] = []
    calls = PbxCalls(Source.CDR, kept.append, NAMES)
    for event in (queue(1, Q.JOIN), queue(4, Q.CONNECT, member="PJSIP/bob"), queue(4, Q.LEAVE)):
        calls.take(event)
    calls.sweep(at(600))
    assert kept == []
    calls.take(detail(1, 9, "bob", answer=4, channel="PJSIP/line-00000001", application="Queue", data="sales-queue"))
    calls.sweep(at(15))
    assert kept == []  # the queue may still tell
    calls.sweep(at(20))
    assert outcomes(kept[-1])["queue", "sales"] == "answered"
    assert kept[-1].record.ended_at == at(9)
