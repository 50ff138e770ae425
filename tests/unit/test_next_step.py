"""What a CRM is told next: at the end it knows what the router knows, whatever happened in whatever order."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_app.crm.activity_outcomes import Failure, Retry, created, failed, in_doubt, told_all
from ari_app.crm.next_step import next_step, told_after
from ari_app.domain import events as e
from ari_app.domain.activities import Activity, ActivityState, StandingCall, Step, Told
from ari_app.domain.crm import Abilities, HookName, OnceBy
from ari_app.domain.record import CallRecord, after
from ari_app.domain.recordings import RecordingKind, RecordingState, StoredRecording
from ari_app.lanes.schedule import Schedule

AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
ALL = Abilities(hooks=frozenset(HookName), once_by=OnceBy.FINDING)
CREATE, FIND = HookName.CREATE_ACTIVITY, HookName.FIND_ACTIVITY
UPDATE, ASSIGN = HookName.UPDATE_ACTIVITY, HookName.ASSIGN_ACTIVITY
STOP, UPLOAD = HookName.STOP_CALL_ACTIVITY, HookName.UPDATE_CALL_RECORDING

ARRIVED = e.CallArrived(
    at=AT,
    route="sales",
    called_number="+14155550100",
    caller_number="+14155550177",
    caller_name="",
    caller_withheld=False,
    channel_id="1.1",
)


def leg(number: int, user: str) -> e.LegDialled:
    return e.LegDialled(at=AT, leg=f"leg-{number}", endpoint=user, contact="", user=user)


def answered(number: int = 1) -> e.CallAnswered:
    return e.CallAnswered(at=AT + timedelta(seconds=5), leg=f"leg-{number}")


def transferred(number: int) -> e.Transferred:
    return e.Transferred(at=AT + timedelta(seconds=9), by="leg-1", leg=f"leg-{number}")


def found(contact: str, connector: str = "crm") -> e.ContactFound:
    return e.ContactFound(at=AT, connector=connector, contact_id=contact, number="+14155550177", name="Ben")


ENDED = e.CallEnded(at=AT + timedelta(seconds=60), by="caller", cause=16)


def recording(number: int, state: RecordingState = RecordingState.STORED) -> StoredRecording:
    return StoredRecording(id=f"rec-{number}", call_id="1", kind=RecordingKind.CALL, state=state, started_at=AT)


def call_of(*events: e.CallEvent, recordings: tuple[StoredRecording, ...] = ()) -> StandingCall:
    record = CallRecord(call_id="1")
    for event in events:
        record = after(record, event)
    return StandingCall(record, recordings)


def activity(state: ActivityState = ActivityState.PENDING, told: Told | None = None) -> Activity:
    is_there = state not in {ActivityState.PENDING, ActivityState.CREATING}
    return Activity(
        id=1,
        connector="crm",
        call_id="1",
        reference="1",
        state=state,
        created_at=AT,
        activity_id="a1" if is_there else "",
        told=told or Told(),
    )


def taken(now: Activity, call: StandingCall, step: Step) -> Activity:
    """The CRM has done this."""
    told = told_after(now.told, step, call.record, now.connector)
    now = replace(now, told=told)
    return created(now, {"activity_id": "a1"}, AT) if step.hook is CREATE else now


def run(now: Activity, call: StandingCall, can: Abilities = ALL) -> tuple[Activity, list[str]]:
    """Tell the CRM all that it does not know, and what that was."""
    steps: list[str] = []
    while (step := next_step(now, call, can)) is not None:
        steps.append(str(step))
        assert len(steps) < 20
        now = taken(now, call, step)
    return told_all(now, call.record), steps


def test_a_crm_is_told_of_a_call_as_it_goes_on() -> None:
    events: list[e.CallEvent] = [ARRIVED, leg(1, "ada")]
    now, steps = run(activity(), call_of(*events))
    assert steps == ["CreateActivity"]
    assert now.state is ActivityState.OPEN
    events.append(answered())
    now, steps = run(now, call_of(*events))
    assert steps == ["UpdateActivity talking"]
    events += [leg(2, "bob"), transferred(2)]
    now, steps = run(now, call_of(*events))
    assert steps == ["UpdateActivity transferred"]
    events.append(found("512"))
    now, steps = run(now, call_of(*events))
    assert steps == ["AssignActivity 512"]
    now, steps = run(now, call_of(*events, ENDED))
    assert steps == ["StopCallActivity"]
    assert now.state is ActivityState.STOPPED
    stored = (recording(1), recording(2, RecordingState.RUNNING), recording(3, RecordingState.DELETED))
    now, steps = run(now, call_of(*events, ENDED, recordings=stored))
    assert steps == ["UpdateCallRecording rec-1"]
    assert (now.state, now.due_at) == (ActivityState.STOPPED, None)


def test_a_crm_that_was_away_gets_no_old_news() -> None:
    call = call_of(ARRIVED, leg(1, "ada"), found("512"), answered(), leg(2, "bob"), transferred(2), ENDED)
    _, steps = run(activity(), call)
    assert steps == ["CreateActivity", "StopCallActivity"]


def test_the_contact_of_another_crm_is_nobody_here() -> None:
    _, steps = run(activity(), call_of(ARRIVED, found("512", "other")))
    assert steps == ["CreateActivity"]


def test_without_a_hook_for_the_end_the_end_is_news_like_others_and_without_any_the_call_is_told_all_the_same() -> None:
    ended = call_of(ARRIVED, ENDED)
    without_stop = Abilities(hooks=frozenset({CREATE, UPDATE}))
    now, steps = run(activity(), ended, without_stop)
    assert steps == ["CreateActivity", "UpdateActivity ended"]
    assert now.state is ActivityState.STOPPED
    now, steps = run(activity(), ended, Abilities(hooks=frozenset({CREATE})))
    assert (steps, now.state) == (["CreateActivity"], ActivityState.STOPPED)


@pytest.mark.parametrize(
    ("once_by", "given", "step"),
    [
        (OnceBy.FINDING, {}, Step(FIND)),
        (OnceBy.KEY, {"idempotency_key": "1"}, Step(CREATE)),
        (OnceBy.KEY, {}, None),  # it left when the document had no key: the CRM cannot know it again
        (OnceBy.NOTHING, {}, None),
    ],
)
def test_a_creation_in_doubt_goes_by_what_the_document_declares(
    once_by: OnceBy, given: Mapping[str, str], step: Step | None
) -> None:
    can = replace(ALL, once_by=once_by)
    in_doubt = replace(activity(ActivityState.CREATING), given=given)
    assert next_step(in_doubt, call_of(ARRIVED, ENDED), can) == step


@pytest.mark.parametrize("state", [ActivityState.UNKNOWN, ActivityState.FAILED])
def test_nothing_more_is_tried_of_a_creation_that_needs_a_person(state: ActivityState) -> None:
    assert next_step(replace(activity(state), activity_id=""), call_of(ARRIVED, ENDED), ALL) is None


def test_what_is_refused_or_in_doubt_keeps_nothing_back_and_is_shown_when_the_call_is_over() -> None:
    told = Told(talk="talking", who="ada")
    now = activity(ActivityState.OPEN, told)
    call = call_of(ARRIVED, leg(1, "ada"), answered(), found("512"))
    refused = replace(now, attempts=2)
    retry = Retry(schedule=Schedule(), now=AT, chance=0.0)
    now = failed(refused, Step(ASSIGN, "512"), Failure(reason="no such contact", is_final=True), retry)
    assert (now.due_at, now.attempts) == (AT, 0)
    now, steps = run(now, call)
    assert (steps, now.state) == ([], ActivityState.OPEN)
    over = StandingCall(after(call.record, ENDED), (recording(1),))
    assert next_step(now, over, ALL) == Step(STOP)
    now = taken(now, over, Step(STOP))
    now = in_doubt(now, Step(UPLOAD, "rec-1"), "the connection broke", AT)
    now, steps = run(now, over)
    assert (steps, now.state) == ([], ActivityState.UNKNOWN)
    assert now.error == "UpdateCallRecording rec-1: the connection broke; AssignActivity 512: no such contact"


def test_a_failure_is_tried_again_later_and_later_and_given_up() -> None:
    now = activity()
    waits = []
    schedule = Schedule()
    while now.state is ActivityState.PENDING:
        now = failed(now, Step(CREATE), Failure(reason="down"), Retry(schedule=schedule, now=AT, chance=0.0))
        waits.append(None if now.due_at is None else now.due_at - AT)
    assert waits == [*schedule.waits, None]
    assert (now.state, now.error, now.failing_since) == (ActivityState.FAILED, "down", AT)


def test_what_a_crm_will_never_take_is_given_up_after_three_attempts() -> None:
    now, retry = activity(), Retry(schedule=Schedule(), now=AT, chance=0.0)
    for state in (ActivityState.PENDING, ActivityState.PENDING, ActivityState.FAILED):
        now = failed(now, Step(CREATE), Failure(reason="422", is_final=True), retry)
        assert now.state is state


def test_a_creation_in_doubt_that_cannot_be_made_sure_of_is_unknown_and_not_failed() -> None:
    now, retry = replace(activity(ActivityState.CREATING), attempts=2), Retry(schedule=Schedule(), now=AT, chance=0.0)
    now = failed(now, Step(FIND), Failure(reason="422", is_final=True), retry)
    assert (now.state, now.due_at) == (ActivityState.UNKNOWN, None)


def test_whoever_is_not_logged_in_uses_up_no_attempt() -> None:
    now, retry = activity(), Retry(schedule=Schedule(), now=AT, chance=0.0)
    for _ in range(100):
        now = failed(now, Step(CREATE), Failure(reason="401", needs_login=True, is_final=True), retry)
    assert (now.state, now.attempts, now.due_at) == (ActivityState.PENDING, 0, AT + timedelta(minutes=5))


def test_the_crm_may_ask_to_be_left_alone() -> None:
    why = Failure(reason="429", asked_for=timedelta(hours=1))
    now = failed(activity(), Step(CREATE), why, Retry(schedule=Schedule(), now=AT, chance=0.0))
    assert now.due_at == AT + timedelta(hours=1)


NEWS: list[e.CallEvent] = [
    *(leg(1, "ada"), leg(2, "bob"), answered(1), answered(2)),
    *(transferred(1), transferred(2), found("512"), found("513"), ENDED),
]


@given(
    news=st.lists(st.sampled_from(NEWS), max_size=12),
    looks=st.lists(st.integers(0, 3), min_size=13, max_size=13),
    stored=st.integers(0, 3),
    fates=st.lists(st.sampled_from(["done", "done and unheard", "undone and unheard"]), max_size=40),
)
def test_whatever_happens_the_crm_knows_at_the_end_what_the_router_knows(
    news: list[e.CallEvent], looks: list[int], stored: int, fates: list[str]
) -> None:
    """After each event some steps are taken; the answer to any may be lost."""
    events: list[e.CallEvent] = [ARRIVED]
    now, creations, fate = activity(), 0, iter(fates)
    recordings = tuple(recording(number) for number in range(stored))
    for event, steps in zip([*news, ENDED], looks, strict=False):
        events.append(event)
        for _ in range(steps):
            call = call_of(*events)
            step = next_step(now, call, ALL)
            if step is None:
                break
            if step.hook is FIND:
                now = (
                    created(now, {"activity_id": "a1"}, AT) if creations else replace(now, state=ActivityState.PENDING)
                )
            elif (how := next(fate, "done")) != "done":
                if step.hook is CREATE:
                    creations += how == "done and unheard"
                    told = told_after(now.told, step, call.record, "crm")
                    now = replace(now, state=ActivityState.CREATING, told=told)
            else:
                creations += step.hook is CREATE
                now = taken(now, call, step)
    call = call_of(*events, recordings=recordings)
    while (step := next_step(now, call, ALL)) is not None:
        if step.hook is FIND:
            now = created(now, {"activity_id": "a1"}, AT) if creations else replace(now, state=ActivityState.PENDING)
            continue
        creations += step.hook is CREATE
        now = taken(now, call, step)
    now = told_all(now, call.record)
    record = call.record
    assert creations == 1
    assert now.state is ActivityState.STOPPED
    assert now.told.ended_at == (record.ended_at.isoformat() if record.ended_at else "")
    contact = record.contact("crm")
    assert now.told.contact == (contact.contact_id if contact else "")
    assert now.told.recordings == tuple(each.id for each in recordings)
