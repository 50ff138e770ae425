"""Paths into an answer: what they find, and what they say when they find nothing."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agi_router.routing.errors import Failure, RoutingError
from agi_router.routing.path import JsonPath, find_first

ANSWER = {
    "calls": [{"user": {"id": 456, "name": " Ada "}}, {"user": {"id": "77"}}],
    "odd-key": {"a.b": "yes", "it's": "quoted", "": "blank key"},
    "a/b": {"m~n": "pointer"},
    "-": "dash",
    "0": "zero",
    "empty": "",
    "nothing": None,
    "flag": True,
    "whole": 456.0,
    "broken": 1.5,
    "huge": 1e300,
    "list": [],
}


def find(path: str, answer: Any = ANSWER) -> str:
    return JsonPath.parse(path).find(answer)


def failure(path: str, answer: Any = ANSWER) -> Failure:
    with pytest.raises(RoutingError) as raised:
        find(path, answer)
    return raised.value.failure


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("calls[0].user.id", "456"),
        ("calls[1].user.id", "77"),
        ("calls[ 0 ].user.name", "Ada"),
        ('["odd-key"]["a.b"]', "yes"),
        ("['odd-key']['a.b']", "yes"),
        ('odd-key["a.b"]', "yes"),
        ('["odd-key"]["it\'s"]', "quoted"),
        (r"['odd-key']['it\'s']", "quoted"),
        ('["odd-key"][""]', "blank key"),
        ("/calls/0/user/id", "456"),
        ("/a~1b/m~0n", "pointer"),
        ('["a/b"]["m~n"]', "pointer"),
        ("-", "dash"),
        ("[0]", "zero"),
        ("whole", "456"),
    ],
)
def test_the_value_is_found(path: str, value: str) -> None:
    assert find(path) == value


def test_the_empty_pointer_is_the_whole_answer() -> None:
    assert find("", "+12025550123") == "+12025550123"


def test_the_first_path_that_yields_a_value_wins() -> None:
    paths = tuple(JsonPath.parse(path) for path in ("nobody.id", "empty", "calls[1].user.id", "whole"))
    assert find_first(paths, ANSWER) == "77"


def test_when_no_path_yields_a_value_the_first_one_is_explained() -> None:
    with pytest.raises(RoutingError, match="nobody"):
        find_first((JsonPath.parse("nobody"), JsonPath.parse("empty")), ANSWER)


def test_a_missing_key_is_told_with_the_keys_that_are_there() -> None:
    missing = failure("calls[0].user.uid")
    assert missing.code == "path_missing"
    assert '"uid"' in missing.message
    assert "/calls/0/user" in missing.message
    assert 'keys "id", "name"' in missing.message


@pytest.mark.parametrize(
    "path", ["calls[2].user.id", "calls.user", "calls.-", "/calls/-", "list[0]", "empty.a", "nothing.a", "flag[0]"]
)
def test_a_path_into_what_is_not_there_is_missing(path: str) -> None:
    assert failure(path).code == "path_missing"


@pytest.mark.parametrize(
    ("answer", "is_fine"),
    [
        ({"calls": []}, True),
        ({"calls": None}, True),
        ({}, True),
        ({"calls": [{"agent": 456}]}, False),
        ({"records": []}, False),
    ],
)
def test_an_api_that_knows_nobody_is_told_apart_from_a_wrong_path(answer: object, is_fine: bool) -> None:
    with pytest.raises(RoutingError) as missing:
        find("calls[0].user.id", answer)
    assert missing.value.failure.code == "path_missing"
    assert missing.value.failure.remedy.startswith("nothing is wrong") is is_fine


@pytest.mark.parametrize("path", ["empty", "nothing"])
def test_no_text_is_an_empty_value(path: str) -> None:
    assert failure(path).code == "value_empty"


@pytest.mark.parametrize("path", ["flag", "calls", "calls[0]", "broken", "huge", "list"])
def test_what_cannot_name_a_destination_is_not_a_value(path: str) -> None:
    assert failure(path).code == "value_not_scalar"


def test_a_line_break_in_a_value_is_kept_for_the_checks_that_refuse_it() -> None:
    assert find("a", {"a": "ada\r\n"}) == "ada\r\n"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("calls[0]..id", "position 10"),
        ("calls[-1]", "position 6"),
        ("calls[x]", "position 6"),
        ("calls[0", "position 6"),
        ("a b", "position 2"),
        (".a", "position 1"),
        ("a.", "position 3"),
        ("$.calls[0]", "leave out the $"),
        ("/a~2b", "~0"),
    ],
)
def test_a_path_that_makes_no_sense_is_refused_with_the_place(path: str, said: str) -> None:
    with pytest.raises(ValueError) as raised:
        JsonPath.parse(path)
    assert said in str(raised.value)


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)


@given(st.one_of(st.text(max_size=20), st.text(alphabet="ab.[]'\"/~0-$ \\", max_size=12)), json_values)
def test_any_text_is_a_path_or_a_clear_error_and_finds_text_or_a_failure(text: str, answer: Any) -> None:
    try:
        path = JsonPath.parse(text)
    except ValueError as error:
        assert str(error)
        return
    try:
        assert path.find(answer)
    except RoutingError as error:
        assert error.failure.remedy


@given(st.lists(st.text(max_size=6), min_size=1, max_size=4))
def test_every_key_can_be_reached_in_brackets(keys: list[str]) -> None:
    answer: Any = "found"
    for key in reversed(keys):
        answer = {key: answer}
    path = "".join("[" + '"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"' + "]" for key in keys)
    assert JsonPath.parse(path).find(json.loads(json.dumps(answer))) == "found"
