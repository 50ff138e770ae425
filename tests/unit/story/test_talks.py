"""How the demo and the trace tell of talks: their beginning, transfers and end."""

from ari_app.domain import events as e
from ari_app.domain.record import after, fold
from ari_app.domain.story import sentence, story
from tests.unit.story.calls import ADA, START, arrived, at, dialled, told


def test_a_caller_leaves_for_the_lines_after_stasis_or_for_a_place_of_the_dialplan() -> None:
    assert told(
        e.StepStarted(at=at(0), step=1, destination_type="dialplan", destination="ivr,s,1", timeout_s=25),
        e.SentToDialplan(at=at(0), reason="the dialplan is the destination", where="ivr,s,1"),
        e.SentToDialplan(at=at(0), reason="no step was answered"),
    ) == ["step 1: dialplan ivr,s,1", "on to the dialplan at ivr,s,1", "back to the dialplan: no step was answered"]


def test_an_answered_call_is_told_from_the_question_to_the_end() -> None:
    assert [
        str(line)
        for line in story(
            "call-1",
            [
                arrived(),
                e.RequestSent(at=at(0.003), method="GET", url="https://api.example.com/v1?n=1"),
                e.AnswerReceived(at=at(0.052), status=200, body='{"user": 456}', elapsed_ms=49.2),
                e.DestinationFound(at=at(0.053), value="456", destination_type="user", destination="456"),
                e.StepStarted(at=at(0.054), step=1, destination_type="user", destination="456", timeout_s=25),
                dialled(),
                e.LegRinging(at=at(0.08), leg="leg-1"),
                e.LegAnswered(at=at(2.5), leg="leg-1"),
                e.CallAnswered(at=at(2.51), leg="leg-1"),
                e.StepEnded(at=at(2.52), step=1, outcome="answered"),
                e.CallEnded(at=at(12.51), by="caller", cause=16),
                e.LegEnded(at=at(12.6), leg="leg-1", outcome="answered", cause=16, tech_cause=200),
            ],
        )
    ] == [
        "  +0.000 s  +14155550177 (Grace) called for +14155550100: route sales",
        "  +0.003 s  asked GET https://api.example.com/v1?n=1",
        '  +0.052 s  the API answered 200 in 49 ms: {"user": 456}',
        '  +0.053 s  found "456" in the answer: user 456',
        "  +0.054 s  step 1: user 456, for at most 25 s",
        f"  +0.060 s  dialled {ADA}",
        f"  +0.080 s  {ADA} rings",
        f"  +2.500 s  {ADA} was picked up after 2.4 s",
        f"  +2.510 s  the caller speaks with {ADA}",
        "  +2.520 s  step 1 was answered",
        " +12.510 s  the caller hung up after 10.0 s of talk (cause 16 normal clearing)",
        f" +12.600 s  {ADA} hung up (cause 16 normal clearing, SIP 200)",
    ]


def test_a_talk_whose_end_nobody_saw_is_told_by_its_limit_and_has_no_length() -> None:
    answered = e.CallAnswered(at=START, leg="leg-1")
    ended = e.CallEnded(at=at(11), by="unknown", cause=0, reason="ended while the router was away")
    record = fold("c", [answered])
    assert "at most 11.0 s of talk" in sentence(record, ended)
    assert after(record, ended).talk_s is None


def test_a_transfer_is_told_in_words() -> None:
    lines = told(
        dialled(),
        e.Held(at=at(1), party="leg-1"),
        e.TransferAsked(at=at(2), by="leg-1", kind="blind", target="102", destination_type="user", destination="77"),
        e.TransferFailed(at=at(3), by="leg-1", outcome="busy"),
        e.Resumed(at=at(4), party="leg-1"),
        e.TransferAsked(at=at(5), by="caller", kind="attended", target=""),
        e.LegJoined(at=at(5), leg="leg-2", endpoint="PJSIP/bob", contact="", channel_id="1.2", call_id="call-2"),
        e.Transferred(at=at(5), by="caller", leg="leg-2"),
        e.LegEnded(at=at(5), leg="caller", outcome="transferred", cause=16),
    )
    assert lines[1:] == [
        f"{ADA} put the call on hold",
        f"{ADA} transfers the call to 102 (blind), user 77",
        "the transfer came to nothing: busy",
        f"{ADA} took the call off hold",
        "the caller transfers the call to (nobody) (attended)",
        "PJSIP/bob comes from call call-2",
        "PJSIP/bob speaks in the place of the caller",
        "the caller handed the call over (cause 16 normal clearing)",
    ]


def test_a_transfer_that_the_policy_refuses_says_why() -> None:
    failed = e.TransferFailed(
        at=at(0), by="leg-1", outcome="refused", code="policy_region", detail="no calls to GB", remedy="allow GB"
    )
    assert told(failed) == ["the transfer was refused: no calls to GB [policy_region]. Allow GB"]


def test_a_party_of_the_dialplan_comes_from_no_call_of_ours() -> None:
    joined = e.LegJoined(at=at(0), leg="leg-2", endpoint="PJSIP/bob", contact="", channel_id="1.2")
    assert told(joined) == ["PJSIP/bob comes from a call that the router did not place"]


def asked_for(first: str) -> list[e.CallEvent]:
    """A call that was asked for, whose first side has picked up."""
    return [
        e.CallRequested(at=at(0), first=first, user="456", user_name="Ada", number="102"),
        dialled(),
        e.FirstAnswered(at=at(1), leg="leg-1", channel_id="1.1"),
    ]


def test_nobody_has_called_in_a_call_that_was_asked_for() -> None:
    for first in ("agent", "customer"):
        other = e.LegDialled(at=at(1), leg="leg-2", endpoint="PJSIP/bob", contact="")
        lines = told(*asked_for(first), other, e.CallAnswered(at=at(2), leg="leg-2"))
        assert lines[-1] == f"the {first} speaks with PJSIP/bob"


def test_phones_of_a_call_that_was_asked_for_stop_as_nobody_waits_for_them() -> None:
    lines = told(
        *asked_for("agent")[:2],
        e.StepEnded(at=at(1), step=1, outcome="cancelled"),
        e.LegEnded(at=at(1), leg="leg-1", outcome="cancelled", cause=26),
    )
    assert lines[-2:] == [
        "step 1 was cancelled: nobody waits for it any more",
        f"{ADA} was given up before it rang: nobody waits for it any more (cause 26 answered elsewhere)",
    ]


def test_one_key_is_told_as_one() -> None:
    sent = [e.Steered(at=at(2), action="dtmf", party="leg-1", value=keys) for keys in ("1", "2")]
    assert told(dialled(), *sent)[1:] == [
        f"by request: {ADA} sends 1 key (DTMF)",
        f"by request: {ADA} sends 2 keys (DTMF)",
    ]
