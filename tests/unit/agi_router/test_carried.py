"""What an answer carries for the phones: names, times, headers and variables, all of them harmless."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agi_router.routing.carried import LONGEST_NAME, LONGEST_VALUE
from agi_router.routing.destination import DestinationType
from agi_router.routing.errors import RoutingError
from agi_router.routing.path import JsonPath
from agi_router.routing.response import understand
from agi_router.routing.route import AnswerFormat, Carries, Response
from agi_router.routing.understood import Understood


def paths(*texts: str) -> tuple[JsonPath, ...]:
    return tuple(map(JsonPath.parse, texts))


CARRIES = Carries(
    caller_name=paths("name", "company"),
    ring_s=paths("ring"),
    headers={"X-Contact": paths("id", "lead"), "X-Tier": paths("tier")},
    variables={"AGI_ROUTER_CRM_ID": paths("id")},
)
JSON = Response(format=AnswerFormat.JSON, type=DestinationType.AUTO, paths=paths("to"), carries=CARRIES)
RPC = Response(format=AnswerFormat.JSON_RPC, type=DestinationType.AUTO, paths=paths("to"), carries=CARRIES)


def says(**answer: Any) -> Understood:
    return understand(JSON, json.dumps({"to": "ada", **answer}).encode())


def test_an_answer_carries_what_it_has() -> None:
    understood = says(name="Zoë Ω", ring=20, id=77, tier="gold & more; <x>")
    assert understood == Understood(
        value="ada",
        type=DestinationType.AUTO,
        caller_name="Zoë Ω",
        ring_s=20,
        headers={"X-Contact": "77", "X-Tier": "gold & more; <x>"},
        variables={"AGI_ROUTER_CRM_ID": "77"},
    )


def test_the_first_path_that_has_something_wins() -> None:
    assert says(name="", company="ACME").caller_name == "ACME"
    assert says(name=None, company="ACME").caller_name == "ACME"
    assert says(name="\r\n\x00", company="ACME").caller_name == "ACME"
    assert says(lead="L-1").headers == {"X-Contact": "L-1"}


@pytest.mark.parametrize("answer", [{}, {"name": None, "ring": None, "id": ""}, {"id": " "}])
def test_what_is_not_there_is_nothing_to_speak_of(answer: dict[str, Any]) -> None:
    assert says(**answer) == Understood(value="ada", type=DestinationType.AUTO)


@pytest.mark.parametrize(
    ("given", "carried"), [(True, "true"), (1.5, "1.5"), (10**30, str(10**30)), ("a\r\nX-Evil: 1", "a X-Evil: 1")]
)
def test_a_value_is_told_on_one_line(given: object, carried: str) -> None:
    assert says(id=given).headers["X-Contact"] == says(id=given).variables["AGI_ROUTER_CRM_ID"] == carried


def test_what_fits_nowhere_is_noted_and_left_aside() -> None:
    understood = says(id={"a": 1}, tier=["gold"], name=["Ada"])
    assert (understood.headers, understood.variables, understood.caller_name) == ({}, {}, None)
    assert [note.partition(":")[0] for note in understood.notes] == [
        "caller_name",
        "X-Contact",
        "X-Tier",
        "AGI_ROUTER_CRM_ID",
    ]


def test_what_is_too_long_is_cut_and_noted() -> None:
    understood = says(name="n" * 500, id="i" * 500)
    assert len(understood.caller_name or "") == LONGEST_NAME
    assert len(understood.headers["X-Contact"]) == len(understood.variables["AGI_ROUTER_CRM_ID"]) == LONGEST_VALUE
    assert len(understood.notes) == 3


@pytest.mark.parametrize(("ring", "seconds"), [(20, 20), ("45", 45), (12.5, 12.5), (1, 5), ("0.1", 5), (86400, 3600)])
def test_a_time_to_ring_is_kept_within_its_bounds(ring: object, seconds: float) -> None:
    understood = says(ring=ring)
    assert understood.ring_s == seconds
    assert bool(understood.notes) == (float(str(ring)) != seconds)


@pytest.mark.parametrize("ring", [0, -5, "soon", True, [20], {"s": 20}, "NaN", "inf", "\x00", 10**400])
def test_an_odd_time_to_ring_is_noted_and_left_aside(ring: object) -> None:
    understood = says(ring=ring)
    assert understood.ring_s is None
    assert len(understood.notes) == (0 if ring == "\x00" else 1)
    assert all(note.isprintable() for note in understood.notes)


def test_a_time_of_the_table_stands_unless_the_answer_has_one() -> None:
    vip = Understood(value="456", type=DestinationType.USER, ring_s=40)
    response = Response(format=AnswerFormat.JSON, paths=paths("to"), values={"vip": vip}, carries=CARRIES)
    assert understand(response, b'{"to": "vip"}').ring_s == 40
    assert understand(response, b'{"to": "vip", "ring": 10}').ring_s == 10


def test_an_answer_without_a_value_carries_all_the_same() -> None:
    nobody = Understood(value="reception", type=DestinationType.ENDPOINT)
    response = Response(format=AnswerFormat.JSON, paths=paths("to"), values={"": nobody}, carries=CARRIES)
    assert understand(response, b'{"name": "Ada"}').caller_name == "Ada"
    assert understand(response, b"").caller_name is None


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
ANSWERS = st.fixed_dictionaries(
    {"to": st.just("ada") | JSON_VALUES},
    optional=dict.fromkeys(("name", "company", "ring", "id", "lead", "tier"), JSON_VALUES),
)


@given(
    st.binary(max_size=60) | ANSWERS.map(json.dumps).map(str.encode),
    st.sampled_from([JSON, RPC]),
)
def test_nothing_that_steers_anything_gets_through(body: bytes, response: Response) -> None:
    if response is RPC:
        body = b'{"result": ' + body + b"}"
    try:
        understood = understand(response, body)
    except RoutingError as error:
        assert error.failure.message.isprintable()
        return
    texts = [*understood.headers.values(), *understood.variables.values(), understood.caller_name or "-"]
    for text in [*texts, *understood.notes]:
        assert text
        assert text.isprintable()
    for text in texts:
        assert len(text) <= LONGEST_VALUE
        text.encode()
    assert understood.ring_s is None or 5 <= understood.ring_s <= 3600
    json.dumps([understood.ring_s, dict(understood.headers)], allow_nan=False)
