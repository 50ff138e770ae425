"""How the demo and the trace tell who is rung, and what became of it."""

import pytest

from ari_app.domain import events as e
from ari_app.domain.causes import LegOutcome
from ari_app.domain.record import fold
from tests.unit.story.calls import ADA, arrived, at, dialled, told


def test_a_member_of_a_queue_is_told_and_who_he_is_on_record() -> None:
    answered = e.QueueAnswered(at=at(7), member="PJSIP/ada", user="456")
    assert told(answered) == ["the caller speaks with PJSIP/ada, a member of the queue"]
    record = fold("call-1", [arrived(), answered, e.CallEnded(at=at(9), by="callee", cause=16)])
    assert (record.answered_by, record.agent, record.talk_s, record.disposition) == ("PJSIP/ada", "456", 2, "answered")


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        ("answered_elsewhere", "stopped ringing: answered elsewhere"),
        ("busy", "is busy"),
        ("cancelled", "stopped ringing: the caller gave up"),
        ("some_future_word", "some_future_word"),
    ],
)
def test_the_end_of_a_leg_is_told_with_its_cause(outcome: str, said: str) -> None:
    ended = e.LegEnded(at=at(3), leg="leg-1", outcome=outcome, cause=17, tech_cause=486)
    assert told(dialled(), e.LegRinging(at=at(1), leg="leg-1"), ended)[-1] == (
        f"{ADA} {said} (cause 17 user busy, SIP 486)"
    )


def test_a_leg_that_never_rang_is_not_said_to_stop_ringing() -> None:
    ended = e.LegEnded(at=at(3), leg="leg-1", outcome="no_answer", cause=19, tech_cause=480)
    assert told(dialled(), ended)[-1] == (
        f"{ADA} was given up before it rang: nobody answered in time (cause 19 no answer, SIP 480)"
    )


def test_of_a_leg_that_the_dialplan_dialled_nobody_claims_to_know_whether_it_rang() -> None:
    ended = e.LegEnded(at=at(3), leg="leg-1", outcome="answered_elsewhere", cause=26)
    assert told(arrived(door="agi"), dialled(), ended)[-1] == (
        f"{ADA} was given up: answered elsewhere (cause 26 answered elsewhere)"
    )


NO_STEP_ENDS_SO = {"answered_elsewhere", "guessed_wrong", "setup_timeout", "transferred", "joined", "lost"}


@pytest.mark.parametrize("outcome", sorted({*LegOutcome, "refused"} - NO_STEP_ENDS_SO))
def test_every_outcome_of_a_step_is_told_in_words(outcome: str) -> None:
    [line] = told(e.StepEnded(at=at(1), step=1, outcome=outcome))
    assert line.startswith(("step 1 was ", "step 1 came to nothing: "))


def test_the_dial_policys_limits_are_told_in_words() -> None:
    refused = {"code": "policy_concurrent", "detail": "30 calls at a time", "remedy": "there is room again soon"}
    assert told(
        e.LimitNear(at=at(0), limit="policy.limits.concurrent", scope="all calls", detail="24 of 30 calls at a time"),
        e.NumberRefused(at=at(1), number="+14155550177", trunk="main", **refused),
    ) == [
        "policy.limits.concurrent is near for all calls: 24 of 30 calls at a time",
        "+14155550177 is not dialled: 30 calls at a time [policy_concurrent]. There is room again soon",
    ]


def test_trunks_that_change_and_phones_that_are_forwarded_are_told_in_words() -> None:
    refused = {"code": "policy_region", "detail": "+5353001234 is in CU", "remedy": "add CU to policy.regions"}
    lines = told(
        e.TrunkSkipped(at=at(0), trunk="main", endpoint="PJSIP/carrier"),
        dialled(),
        e.LegProgressed(at=at(1), leg="leg-1"),
        e.LegEnded(at=at(2), leg="leg-1", outcome="setup_timeout", cause=0),
        e.LegRedirected(at=at(3), leg="leg-1", target="102"),
        e.LegRedirected(at=at(3), leg="leg-1", target="+5353001234", **refused),
    )
    assert [lines[0], *lines[2:]] == [
        "trunk main is passed over: PJSIP/carrier is down",
        f"{ADA} sends sound before the answer",
        f"{ADA} was given up before it rang: the trunk did not react in time, and the next one is tried "
        "(cause 0 unknown)",
        f"{ADA} is forwarded to 102, which is called instead",
        f"{ADA} is forwarded to +5353001234, not followed: +5353001234 is in CU [policy_region]. "
        "Add CU to policy.regions",
    ]


def test_a_step_that_hangs_up_has_no_time_to_ring() -> None:
    started = e.StepStarted(at=at(1), step=2, destination_type="hangup", destination="busy", timeout_s=25)
    assert told(started) == ["step 2: hangup busy"]


def test_a_phone_picked_up_in_the_same_instant_as_the_winner_is_told_so() -> None:
    lost = e.LegEnded(at=at(3), leg="leg-1", outcome="answered_elsewhere", cause=26)
    lines = told(dialled(), e.LegAnswered(at=at(2), leg="leg-1"), lost)
    assert "picked up in the same moment" in lines[-1]


def test_a_trunk_s_dial_string_names_its_endpoint_only_once() -> None:
    leg = e.LegDialled(at=at(0), leg="leg-1", endpoint="PJSIP/trunk", contact="PJSIP/+14155550123@trunk")
    assert told(leg) == ["dialled PJSIP/+14155550123@trunk"]


def test_unseen_legs_and_causes_are_told_by_their_names() -> None:
    assert told(e.LegRinging(at=at(0), leg="leg-9")) == ["leg-9 rings"]
    assert told(e.CallEnded(at=at(0), by="unknown", cause=99, reason="lost")) == [
        "the call ended unseen: lost (cause 99)"
    ]


def test_a_team_is_told_with_its_order_whose_turn_it_is_and_why_others_are_left_out() -> None:
    step = e.StepStarted(at=at(0), step=1, destination_type="team", destination="7", timeout_s=60, order="round_robin")
    assert told(
        step,
        e.MemberPassed(at=at(0), user="77", name="Bob", why="wrap_up", for_s=7.2),
        e.MemberPassed(at=at(0), user="78", name="Carol", why="in_call", is_awaited=True),
        e.MemberPassed(at=at(0), user="79", name="Dan", why="dnd"),
        e.MemberPassed(at=at(0), user="80", name="Eve", why="unable", detail="user 80 has no device"),
        e.MemberCalled(at=at(0), user="456", name="Ada", ring_s=15),
    ) == [
        "step 1: team 7, round robin, for at most 60 s",
        "Bob is left out: in wrap-up for 7 s more",
        "Carol is waited for: in a call",
        "Dan is left out: on DND",
        "Eve is left out: user 80 has no device",
        "rings Ada, for at most 15 s",
    ]


def asked(outcome: str, *more: e.CallEvent) -> list[str]:
    return told(
        dialled(),
        e.LegRinging(at=at(1), leg="leg-1"),
        e.LegAnswered(at=at(2.06), leg="leg-1"),
        e.ConfirmationAsked(at=at(2.1), leg="leg-1", digit="1"),
        *more,
        e.LegEnded(at=at(5), leg="leg-1", outcome=outcome, cause=16),
    )[2:]


def test_a_confirmation_is_told_in_words() -> None:
    assert asked("answered", e.LegConfirmed(at=at(4), leg="leg-1")) == [
        f"{ADA} was picked up after 2.0 s",
        f"{ADA} has to confirm: asked to press 1",
        f"{ADA} confirmed",
        f"{ADA} hung up (cause 16 normal clearing)",
    ]


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        ("unconfirmed", "did not confirm, and has not answered"),
        ("declined", "declined"),
        ("answered_elsewhere", "was hung up before it confirmed: answered elsewhere"),
        ("cancelled", "was hung up before it confirmed: the caller gave up"),
    ],
)
def test_a_leg_that_has_not_confirmed_is_told_by_what_became_of_it(outcome: str, words: str) -> None:
    assert asked(outcome)[-1] == f"{ADA} {words} (cause 16 normal clearing)"
