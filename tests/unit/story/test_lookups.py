"""How the demo and the trace tell what was asked, and what came of it."""

import pytest

from ari_app.domain import events as e
from ari_app.domain.wording import LONGEST_TEXT, ago, printable
from tests.unit.story.calls import arrived, at, dialled, told


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


def test_the_last_agent_is_told_by_his_name_and_his_last_talk() -> None:
    assert told(e.LastAgentFound(at=at(0), user="456", name="Ada", age_s=259_200)) == ["last agent: Ada, 3 days ago"]
