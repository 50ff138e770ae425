"""Which calls ask the same question, what is kept of an answer, and when it is used again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agi_router.lookup.cache import Cache
from agi_router.lookup.outage import is_outage, names_nobody
from agi_router.routing.call_info import CallInfo
from agi_router.routing.carried import CARRIED_HEADER, CARRIED_VARIABLE
from agi_router.routing.decision import ReceivedAnswer
from agi_router.routing.destination import DestinationType
from agi_router.routing.errors import Failure
from agi_router.routing.memory import as_json, from_json, question_key
from agi_router.routing.printable import one_line
from agi_router.routing.route import VARIABLE_PREFIX
from agi_router.routing.template import call_values
from agi_router.routing.understood import Understood

VARIABLES = frozenset({"callerNumber", "callId", "now", "previousStep", "var.LANG"})
LINES = st.text(max_size=256).map(one_line)
HEADERS = st.dictionaries(st.from_regex(CARRIED_HEADER, fullmatch=True), LINES)
VARIABLES_SET = st.dictionaries(st.from_regex(CARRIED_VARIABLE, fullmatch=True).map(VARIABLE_PREFIX.__add__), LINES)


def key(route: str = "sales", variables: frozenset[str] = VARIABLES, **call: object) -> str:
    info = {"call_id": "1", "caller_number": "+12025550199", "variables": {"LANG": "en"}} | call
    return question_key(route, variables, call_values(CallInfo(route_name=route, **info), "US"))  # type: ignore[arg-type]


def test_what_differs_in_every_call_does_not_make_another_question() -> None:
    assert key(call_id="1", previous_step="") == key(call_id="2", previous_step="user 456")


def test_a_number_is_the_same_in_whatever_form_it_comes() -> None:
    assert key(caller_number="2025550199") == key(caller_number="+1 202 555 0199")


@pytest.mark.parametrize(
    "other",
    [
        key(caller_number="+12025550198"),
        key("support"),
        key(variables=frozenset({"callerNumber"})),
        key(variables=VARIABLES | {"calledNumber"}),
        question_key("sales", VARIABLES, {"callerNumber": "+12025550199", "var.LANG": "de"}),
    ],
    ids=["caller", "route", "fewer variables", "more variables", "variable"],
)
def test_what_the_api_is_told_besides_makes_another_question(other: str) -> None:
    assert other != key()


def test_what_the_request_does_not_name_makes_no_difference() -> None:
    assert key(called_number="+12025550100", caller_name="Grace") == key()


@given(
    st.builds(
        Understood,
        value=st.text(),
        type=st.sampled_from(DestinationType),
        ring_s=st.none() | st.floats(5, 3600),
        caller_name=st.none() | st.text(max_size=80).map(one_line),
        headers=HEADERS,
        variables=VARIABLES_SET,
    )
)
def test_an_answer_comes_back_as_it_was_understood(understood: Understood) -> None:
    assert from_json(as_json(understood)) == understood


def test_the_notes_of_a_call_are_not_kept() -> None:
    noted = Understood(value="456", type=DestinationType.USER, notes=("ring_s was no number",))
    assert from_json(as_json(noted)) == Understood(value="456", type=DestinationType.USER)


@pytest.mark.parametrize("answer", [{}, {"value": "456"}, {"type": "user"}, {"value": "456", "type": "planet"}])
def test_what_this_version_cannot_read_is_as_good_as_forgotten(answer: dict[str, object]) -> None:
    assert from_json(answer) is None


KEPT = {"value": "456", "type": "user"}


@pytest.mark.parametrize(
    "poison",
    [
        {"value": 456},
        {"value": None},
        {"crm": 7},
        {"trunks": [["main"]]},
        {"trunks": 7},
        {"confirm": "yes"},
        {"said": {}},
        {"caller_name": "Grace\r\nX-Evil: 1"},
        {"caller_name": "x" * 81},
        {"ring_s": "25"},
        {"ring_s": True},
        {"answer": "no"},
        {"ring_s": 4.9},
        {"ring_s": 1e9},
        {"ring_s": float("nan")},
        {"headers": "X-A"},
        {"headers": {"X-A": 7}},
        {"headers": {"X-A": "1\r\nX-Evil: 1"}},
        {"headers": {"X-A": "x" * 257}},
        {"headers": {"X-A)=1,SHELL(id": "1"}},
        {"headers": {"From": "sip:ceo@example.com"}},
        {"variables": {"CALLERID(num)": "911"}},
        {"variables": {"CHANNEL(hangup_handler_push)": "evil,s,1"}},
        {"variables": {"AGI_ROUTER_CRM_A(": "1"}},
        {"variables": {"AGI_ROUTER_CRM_A": "1\n"}},
        {"variables": {"AGI_ROUTER_CRM_A": "\ud800"}},
        {"variables": [["AGI_ROUTER_CRM_A", "1"]]},
    ],
)
def test_what_no_answer_could_have_said_is_not_taken_from_memory(poison: dict[str, object]) -> None:
    assert from_json(KEPT | {"headers": {"X-A": "1"}, "variables": {"AGI_ROUTER_CRM_A": "1"}}) is not None
    assert from_json(KEPT | poison) is None


@pytest.mark.parametrize("answer", [None, 7, "456", ["value"], [[]]])
def test_what_is_no_object_is_not_taken_from_memory(answer: object) -> None:
    assert from_json(answer) is None


def test_fields_of_a_newer_version_are_left_out() -> None:
    answer = {"value": "456", "type": "user", "colour": "red"}
    assert from_json(answer) == Understood(value="456", type=DestinationType.USER)


class Clock:
    """A clock that a test moves."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_the_cache_holds_an_answer_for_its_time_and_tells_its_age() -> None:
    clock = Clock()
    cache = Cache[str](clock=clock)
    cache.put("q", "ada")
    clock.now += 29.5
    assert cache.get("q", 30) == ("ada", 29.5)
    clock.now += 0.5
    assert cache.get("q", 30) is None
    assert cache.get("another", 30) is None


def test_a_new_answer_begins_its_time_anew() -> None:
    clock = Clock()
    cache = Cache[str](clock=clock)
    cache.put("q", "ada")
    clock.now += 20
    cache.put("q", "bob")
    clock.now += 20
    assert cache.get("q", 30) == ("bob", 20)


def test_the_oldest_answer_makes_room() -> None:
    cache = Cache[str](capacity=2)
    for question in ("a", "b", "a", "c"):
        cache.put(question, question)
    assert [cache.get(question, 30) is not None for question in ("a", "b", "c")] == [True, False, True]


def test_nothing_is_cached_with_a_time_of_zero() -> None:
    cache = Cache[str](clock=Clock())
    cache.put("q", "ada")
    assert cache.get("q", 0) is None


@pytest.mark.parametrize(
    ("code", "status", "body", "meaning"),
    [
        ("api_timeout", None, "", "outage"),
        ("breaker_open", None, "", "outage"),
        ("oauth_refused", None, "", "outage"),
        ("api_status", 500, "Traceback", "outage"),
        ("api_status", 503, "", "outage"),
        ("api_status", 401, "", "outage"),
        ("api_status", 429, "", "outage"),
        ("api_not_json", 200, "<html>maintenance</html>", "outage"),
        ("api_not_json", 204, "", "nobody"),
        ("api_status", 404, "{}", "nobody"),
        ("path_missing", 200, "{}", "nobody"),
        ("value_empty", 200, '{"id": null}', "nobody"),
        ("api_not_json", 200, " ", "neither"),
        ("api_status", 400, "", "neither"),
        ("api_redirect", 302, "", "neither"),
        ("value_not_scalar", 200, "{}", "neither"),
    ],
)
def test_an_api_that_is_down_is_told_from_one_that_has_nobody(
    code: str, status: int | None, body: str, meaning: str
) -> None:
    failure = Failure(code, "", "")
    answer = None if status is None else ReceivedAnswer(status=status, body=body, elapsed_ms=1)
    assert (is_outage(failure, answer), names_nobody(failure, answer)) == (meaning == "outage", meaning == "nobody")
