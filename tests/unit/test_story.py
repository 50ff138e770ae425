"""The call in sentences: each line is one that an operator reads on a bad morning."""

from datetime import UTC, datetime, timedelta

import pytest

from ari_app.domain import events as e
from ari_app.domain.causes import LegOutcome
from ari_app.domain.record import after, fold
from ari_app.domain.story import LONGEST_TEXT, ago, printable, sentence, story

START = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
ADA = "PJSIP/ada at sip:ada@127.0.0.1:5071"


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def arrived(**changes: object) -> e.CallArrived:
    given: dict[str, object] = {
        "route": "sales",
        "called_number": "+14155550100",
        "caller_number": "+14155550177",
        "caller_name": "Grace",
        "caller_withheld": False,
        "channel_id": "1.1",
    }
    return e.CallArrived(at=START, **(given | changes))  # type: ignore[arg-type]


def dialled(leg: str = "leg-1") -> e.LegDialled:
    return e.LegDialled(at=at(0.06), leg=leg, endpoint="PJSIP/ada", contact="sip:ada@127.0.0.1:5071")


def told(*happened: e.CallEvent) -> list[str]:
    return [line.text for line in story("call-1", happened)]


def test_a_url_that_fails_is_told_between_the_requests() -> None:
    assert told(
        e.RequestSent(at=at(0), method="GET", url="https://api.example.com/"),
        e.AnswerReceived(at=at(0.01), status=503, body="busy", elapsed_ms=10),
        e.AttemptFailed(
            at=at(0.01), code="api_status", message="api.example.com answered 503", remedy="look into its log"
        ),
        e.RequestSent(at=at(0.01), method="GET", url="https://spare.example.com/"),
    ) == [
        "asked GET https://api.example.com/",
        "the API answered 503 in 10 ms: busy",
        "failed, the next URL is asked: api.example.com answered 503 [api_status]. Look into its log",
        "asked GET https://spare.example.com/",
    ]


def closed(**changes: str) -> e.OutsideHours:
    given = {"calendar": "office", "zone": "Europe/Berlin", "local_time": "2026-12-25T10:00:00+01:00"}
    return e.OutsideHours(at=at(0), **(given | changes))


def test_a_closed_route_tells_why_and_when_it_opens() -> None:
    assert told(
        closed(holiday="12-25", opens="2026-12-28T09:00:00+01:00"),
        closed(local_time="2026-06-28T18:30:59+02:00", opens="2026-06-29T09:00:00+02:00"),
        closed(),
    ) == [
        'closed: Fri 2026-12-25 10:00 in Europe/Berlin is the holiday 12-25 of "office"; it opens Mon 2026-12-28 09:00',
        'closed: Sun 2026-06-28 18:30 in Europe/Berlin is outside "office"; it opens Mon 2026-06-29 09:00',
        'closed: Fri 2026-12-25 10:00 in Europe/Berlin is outside "office"; it does not open within 400 days',
    ]


def test_a_caller_leaves_for_the_lines_after_stasis_or_for_a_place_of_the_dialplan() -> None:
    assert told(
        e.StepStarted(at=at(0), step=1, destination_type="dialplan", destination="ivr,s,1", timeout_s=25),
        e.SentToDialplan(at=at(0), reason="the dialplan is the destination", where="ivr,s,1"),
        e.SentToDialplan(at=at(0), reason="no step was answered"),
    ) == ["step 1: dialplan ivr,s,1", "on to the dialplan at ivr,s,1", "back to the dialplan: no step was answered"]


def test_a_member_of_a_queue_is_told_and_who_he_is_on_record() -> None:
    answered = e.QueueAnswered(at=at(7), member="PJSIP/ada", user="456")
    assert told(answered) == ["the caller speaks with PJSIP/ada, a member of the queue"]
    record = fold("call-1", [arrived(), answered, e.CallEnded(at=at(9), by="callee", cause=16)])
    assert (record.answered_by, record.agent, record.talk_s, record.disposition) == ("PJSIP/ada", "456", 2, "answered")


def test_what_goes_with_a_call_is_told_with_what_was_left_aside() -> None:
    described = e.CallerDescribed(
        at=at(0),
        caller_name="Zoë",
        ring_s=20,
        headers={"X-Contact": "77"},
        variables={"AGI_ROUTER_CRM_ID": "77"},
        notes=["ring_timeout: 3 s became 5 s"],
    )
    assert told(described) == [
        'goes with the call: the name "Zoë"; a ring timeout of 20 s; X-Contact: 77; AGI_ROUTER_CRM_ID=77; '
        "ring_timeout: 3 s became 5 s"
    ]


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


def test_a_failed_lookup_tells_what_was_found_and_what_to_do() -> None:
    failed = e.LookupFailed(
        at=at(1), code="user_unknown", message="no user is called eve", remedy="add her", value="eve"
    )
    assert told(failed) == ['no destination (found "eve"): no user is called eve [user_unknown]. Add her']


DAYS_AGO = 3 * 86_400 + 3_600.0


def test_a_last_good_answer_is_told_with_its_age_after_what_kept_the_api_from_answering() -> None:
    assert told(
        e.LookupFailed(at=at(1), code="api_timeout", message="too slow", remedy="look at it"),
        e.DestinationFound(
            at=at(1), value="456", destination_type="user", destination="456", source="last_good", age_s=DAYS_AGO
        ),
    ) == [
        "no destination: too slow [api_timeout]. Look at it",
        'took "456" from the caller\'s last good answer, of 3 days ago, as the API is down: user 456',
    ]


def test_a_last_good_answer_that_leads_nowhere_by_now_is_told() -> None:
    gone = e.RecallFailed(at=at(1), code="user_unknown", message="no user is called eve", remedy="add her", age_s=90.0)
    assert told(gone) == [
        "the caller's last good answer, from 90 s ago, leads nowhere by now: "
        "no user is called eve [user_unknown]. Add her"
    ]


def test_an_answer_from_the_cache_is_told_with_its_age() -> None:
    found = e.DestinationFound(
        at=at(0), value="456", destination_type="user", destination="456", source="cache", age_s=12.3
    )
    assert told(found) == ['took "456" from the answer of 12 s ago, without asking again: user 456']


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s ago"),
        (119, "119 s ago"),
        (120, "2 minutes ago"),
        (7_199, "120 minutes ago"),
        (7_200, "2 hours ago"),
        (172_800, "2 days ago"),
        (31_536_000, "365 days ago"),
    ],
)
def test_ages_are_told_as_people_say_them(seconds: float, said: str) -> None:
    assert ago(seconds) == said


def test_a_refused_step_tells_why_and_what_to_do() -> None:
    refused = e.StepEnded(
        at=at(1), step=1, outcome="refused", code="policy_region", detail="+53 is in CU", remedy="allow CU"
    )
    assert told(refused) == ["step 1 was refused: +53 is in CU [policy_region]. Allow CU"]


@pytest.mark.parametrize(
    ("changes", "who"),
    [
        ({"caller_withheld": True, "caller_number": ""}, "a withheld number"),
        ({"caller_number": "", "caller_name": ""}, "a caller without a number"),
        ({"caller_number": "101", "caller_name": ""}, "101"),
    ],
)
def test_callers_without_a_telephone_number_are_told_as_they_are(changes: dict[str, object], who: str) -> None:
    assert told(arrived(**changes)) == [f"{who} called for +14155550100: route sales"]


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


NO_STEP_ENDS_SO = {"answered_elsewhere", "guessed_wrong", "setup_timeout", "transferred", "joined", "lost"}


@pytest.mark.parametrize("outcome", sorted({*LegOutcome, "refused"} - NO_STEP_ENDS_SO))
def test_every_outcome_of_a_step_is_told_in_words(outcome: str) -> None:
    [line] = told(e.StepEnded(at=at(1), step=1, outcome=outcome))
    assert line.startswith(("step 1 was ", "step 1 came to nothing: "))


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


def test_a_guess_and_what_became_of_it_are_told_in_words() -> None:
    guessed = e.Guessed(at=at(0), ahead="ring", destination_type="user", destination="456")
    taken_back = e.LegEnded(at=at(2), leg="leg-1", outcome="guessed_wrong", cause=26)
    lines = told(
        guessed, dialled(), e.LegRinging(at=at(1), leg="leg-1"), e.GuessJudged(at=at(2), outcome="wrong"), taken_back
    )
    assert lines[0] == "guessed user 456, the last good answer for this caller: its devices ring meanwhile"
    assert lines[-2] == "the guess was wrong: it is taken back"
    assert "stopped ringing: it had been guessed, and the answer was another" in lines[-1]
    late = e.GuessJudged(at=at(2), outcome="right", too_late=["X-Contact"])
    assert told(guessed, late)[-1].endswith("for phones that ring already, X-Contact came too late")
    created = e.Guessed(at=at(0), ahead="create", destination_type="user", destination="456")
    assert "nothing rings" in told(created)[0]


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


def test_an_answer_cannot_steer_the_terminal() -> None:
    answer = e.AnswerReceived(at=at(0), status=200, body="a\r\n\x1b[2J\x07\u202e\udcff", elapsed_ms=1)
    [line] = told(answer)
    assert line.endswith(r"a \x1b[2J\x07\u202e\udcff")
    assert line.isprintable()


def test_a_long_answer_is_cut_with_its_length() -> None:
    [line] = told(e.AnswerReceived(at=at(0), status=200, body="x" * 5_000_000, elapsed_ms=1))
    assert line.endswith("x… (5000000 characters)")
    assert len(line) < LONGEST_TEXT + 100


def test_text_in_any_script_stays_as_it_is() -> None:
    assert printable("Zoë 王") == "Zoë 王"


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


def test_the_last_agent_is_told_by_his_name_and_his_last_talk() -> None:
    assert told(e.LastAgentFound(at=at(0), user="456", name="Ada", age_s=259_200)) == ["last agent: Ada, 3 days ago"]
