"""The record is a fold over the events: what each row of the log says, for each way a call can go."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ari_app.domain import events as e
from ari_app.domain.record import CallRecord, Disposition, LegRecord, after, fold

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


def dialled(leg: str, endpoint: str, user: str = "") -> e.LegDialled:
    return e.LegDialled(at=at(1), leg=leg, endpoint=endpoint, contact=f"sip:{endpoint}@127.0.0.1", user=user)


def test_a_call_that_just_arrived_is_in_progress() -> None:
    record = fold("call-1", [ARRIVED])
    assert (record.disposition, record.started_at, record.talk_s, record.total_s) == (
        Disposition.IN_PROGRESS,
        START,
        None,
        None,
    )


def test_a_call_outside_business_hours_is_no_failure() -> None:
    closed = e.OutsideHours(
        at=START, calendar="office", zone="Europe/Berlin", local_time="2026-03-01T10:30:00+01:00", opens=""
    )
    record = fold("call-1", [closed])
    assert (record.closed_by, record.error_code) == ("office", "")


def test_an_answered_call_knows_who_answered_and_how_long_it_lasted() -> None:
    record = fold(
        "call-1",
        [
            ARRIVED,
            e.StepStarted(at=at(1), step=1, destination_type="user", destination="456", timeout_s=25),
            dialled("leg-1", "PJSIP/ada"),
            dialled("leg-2", "PJSIP/ada-desk", "456"),
            e.LegAnswered(at=at(4), leg="leg-2"),
            e.CallAnswered(at=at(5), leg="leg-2"),
            e.CallEnded(at=at(65), by="callee", cause=16),
        ],
    )
    assert record.disposition is Disposition.ANSWERED
    assert (record.answered_by, record.agent) == ("PJSIP/ada-desk", "456")
    assert (record.talk_s, record.total_s) == (60.0, 65.0)
    assert (record.destination_type, record.destination, record.step) == ("user", "456", 1)


@pytest.mark.parametrize(
    ("by", "reason", "disposition"),
    [
        ("caller", "", Disposition.ABANDONED),
        ("unknown", "", Disposition.INTERRUPTED),
        ("router", "hangup", Disposition.REJECTED),
        ("router", "overflow", Disposition.FAILED),
        ("callee", "", Disposition.FAILED),
    ],
)
def test_an_unanswered_call_is_called_by_who_ended_it(by: str, reason: str, disposition: Disposition) -> None:
    assert fold("call-1", [ARRIVED, e.CallEnded(at=at(9), by=by, cause=16, reason=reason)]).disposition is disposition


def test_a_caller_sent_back_to_the_dialplan_has_ended_here() -> None:
    record = fold("call-1", [ARRIVED, e.SentToDialplan(at=at(9), reason="no step was answered")])
    assert (record.disposition, record.ended_at) == (Disposition.TO_DIALPLAN, at(9))


def test_the_code_of_a_failed_lookup_stays_though_the_fallback_answers() -> None:
    failed = e.LookupFailed(at=at(1), code="api_timeout", message="too slow", remedy="look at the API")
    record = fold("call-1", [ARRIVED, failed, dialled("leg-1", "PJSIP/ada"), e.CallAnswered(at=at(5), leg="leg-1")])
    assert (record.error_code, record.answered_by) == ("api_timeout", "PJSIP/ada")


def test_the_code_of_a_failed_lookup_stays_though_the_last_good_answer_stands_in() -> None:
    failed = e.LookupFailed(at=at(1), code="api_timeout", message="too slow", remedy="look at the API")
    found = e.DestinationFound(at=at(1), value="456", destination_type="user", destination="456", source="last_good")
    gone = e.RecallFailed(at=at(1), code="user_unknown", message="gone", remedy="add him", age_s=60.0)
    for stood_in in (found, gone):
        assert fold("call-1", [ARRIVED, failed, stood_in]).error_code == "api_timeout"


def test_events_change_only_the_leg_they_name() -> None:
    record = fold(
        "call-1",
        [
            dialled("leg-1", "PJSIP/ada"),
            dialled("leg-2", "PJSIP/bob"),
            e.LegRinging(at=at(2), leg="leg-1"),
            e.LegEnded(at=at(3), leg="leg-2", outcome="busy", cause=17, tech_cause=486),
            e.LegRinging(at=at(4), leg="leg-9"),
        ],
    )
    ada, bob = record.legs
    assert (ada.ringing_at, ada.ended_at, ada.outcome) == (at(2), None, "")
    assert (bob.ringing_at, bob.ended_at, bob.outcome, bob.cause, bob.tech_cause) == (None, at(3), "busy", 17, 486)


def test_a_leg_that_ends_after_its_call_does_not_change_how_the_call_went() -> None:
    ended: list[e.CallEvent] = [ARRIVED, dialled("leg-1", "PJSIP/ada"), e.CallEnded(at=at(9), by="caller", cause=16)]
    before = fold("call-1", ended)
    later = after(before, e.LegEnded(at=at(10), leg="leg-1", outcome="cancelled", cause=16))
    assert (later.disposition, later.ended_at, later.total_s) == (before.disposition, at(9), 9.0)
    assert later.legs[0].outcome == "cancelled"


def test_a_recovered_call_says_so_and_goes_on() -> None:
    record = fold("call-1", [ARRIVED, e.CallRecovered(at=at(5), found="waiting")])
    assert (record.recovered, record.disposition) == (True, Disposition.IN_PROGRESS)


def refused(code: str) -> e.StepEnded:
    return e.StepEnded(at=at(1), step=1, outcome="refused", code=code, detail="not allowed", remedy="allow it")


@pytest.mark.parametrize(
    ("happened", "reason"),
    [
        ([refused("policy_region")], "policy_region"),
        (
            [e.LookupFailed(at=START, code="api_timeout", message="", remedy=""), refused("policy_region")],
            "api_timeout",
        ),
        ([e.StepEnded(at=START, step=1, outcome="busy"), refused("policy_region")], "policy_region"),
    ],
)
def test_what_went_wrong_first_is_the_reason_on_record(happened: list[e.CallEvent], reason: str) -> None:
    assert fold("call-1", [ARRIVED, *happened]).error_code == reason


def test_the_name_that_an_answer_gives_is_the_callers_unless_he_is_withheld() -> None:
    described = e.CallerDescribed(at=START, caller_name="Zoë")
    assert fold("call-1", [ARRIVED, described]).caller_name == "Zoë"
    assert fold("call-1", [ARRIVED, e.CallerDescribed(at=START)]).caller_name == ARRIVED.caller_name
    withheld = replace(ARRIVED, caller_number="", caller_name="", caller_withheld=True)
    assert fold("call-1", [withheld, described]).caller_name == ""


@pytest.mark.parametrize(
    "event",
    [
        e.RequestSent(at=START, method="GET", url="https://api.example.com"),
        e.AnswerReceived(at=START, status=200, body="", elapsed_ms=1),
        e.AttemptFailed(at=START, code="api_timeout", message="m", remedy="r"),
        e.DestinationFound(at=START, value="456", destination_type="user", destination="456"),
        e.StepEnded(at=START, step=1, outcome="busy"),
        e.DeviceUnavailable(at=START, endpoint="PJSIP/ada", reason="not registered"),
        e.AnsweredEarly(at=START, answer="now"),
    ],
)
def test_what_only_the_trace_tells_leaves_the_row_alone(event: e.CallEvent) -> None:
    record = CallRecord(call_id="call-1")
    assert after(record, event) == record


TALK: list[e.CallEvent] = [ARRIVED, dialled("leg-1", "PJSIP/ada", "456"), e.CallAnswered(at=at(5), leg="leg-1")]


def test_after_a_transfer_the_call_belongs_to_whom_the_caller_speaks_with() -> None:
    record = fold(
        "call-1",
        [
            *TALK,
            e.TransferAsked(at=at(20), by="leg-1", kind="blind", target="102"),
            dialled("leg-2", "PJSIP/bob", "77"),
            e.Transferred(at=at(25), by="leg-1", leg="leg-2"),
            e.LegEnded(at=at(25), leg="leg-1", outcome="transferred", cause=16),
            e.CallEnded(at=at(65), by="callee", cause=16),
        ],
    )
    assert (record.answered_by, record.agent, record.channel_id) == ("PJSIP/bob", "77", "1.1")
    assert record.talk_s == 60.0


def test_when_the_caller_transfers_whom_he_spoke_with_is_the_caller() -> None:
    joined = e.LegJoined(at=at(20), leg="leg-2", endpoint="PJSIP/bob", contact="", channel_id="1.9", user="77")
    moved = e.Transferred(at=at(25), by="caller", leg="leg-2", caller_channel_id="agr-call-1-leg-1")
    record = fold("call-1", [*TALK, joined, moved])
    assert (record.answered_by, record.agent, record.channel_id) == ("PJSIP/bob", "77", "agr-call-1-leg-1")
    assert [(leg.leg, leg.channel_id) for leg in record.legs] == [("leg-1", ""), ("leg-2", "1.9"), ("caller", "1.1")]
    assert record.leg("leg-2") == LegRecord(
        leg="leg-2",
        endpoint="PJSIP/bob",
        contact="",
        dialled_at=at(20),
        answered_at=at(20),
        user="77",
        channel_id="1.9",
    )


def test_a_caller_who_speaks_with_somebody_else_after_a_failed_transfer_was_answered_once() -> None:
    failed = e.TransferFailed(at=at(20), by="leg-1", outcome="busy")
    again = e.CallAnswered(at=at(30), leg="leg-3")
    record = fold("call-1", [*TALK, failed, dialled("leg-3", "PJSIP/carol"), again])
    assert (record.answered_at, record.answered_by) == (at(5), "PJSIP/carol")


def test_a_leg_knows_when_it_was_asked_to_confirm_and_when_it_did() -> None:
    happened: list[e.CallEvent] = [
        ARRIVED,
        dialled("leg-1", "trunk"),
        e.LegAnswered(at=at(2), leg="leg-1"),
        e.ConfirmationAsked(at=at(3), leg="leg-1", digit="1"),
        e.LegConfirmed(at=at(4), leg="leg-1"),
    ]
    (leg,) = fold("call-1", happened).legs
    assert (leg.answered_at, leg.asked_at, leg.confirmed_at) == (at(2), at(3), at(4))
