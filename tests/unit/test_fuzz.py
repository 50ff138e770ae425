"""The fuzzer: its answers pass, come again from the same seed, and it sees code that is broken."""

import re
from random import Random
from typing import Any

import pytest

from agi_router.routing import carried, meaning, response
from tests.fuzz.answers import answers
from tests.fuzz.rules import BrokenRuleError, Rules


def fuzz() -> Rules:
    rules = Rules()
    for body, charset in answers(Random(22), rounds=400):
        rules.try_on(body, charset)
    return rules


def test_hostile_answers_break_no_rule_and_reach_every_kind_of_outcome() -> None:
    outcomes = fuzz().outcomes
    reached = {
        "rings user",
        "rings endpoint",
        "rings external",
        "hangs up",
        "goes to the dialplan",
        "announces",
        "asks a route",
        "leaves a message",
        "waits in a queue",
        "rpc_error",
        "endpoint_is_trunk",
    }
    assert reached <= set(outcomes)
    assert fuzz().outcomes == outcomes, "the same seed makes the same answers"


def test_a_header_with_a_line_break_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carried, "one_line", str)
    with pytest.raises(BrokenRuleError, match="control characters in"):
        fuzz()


def test_an_endpoint_that_is_more_than_a_name_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meaning, "ENDPOINT", re.compile(".*", re.DOTALL))
    with pytest.raises(BrokenRuleError, match="dials"):
        fuzz()


def test_a_crash_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*given: Any) -> Any:
        raise KeyError("user")

    monkeypatch.setattr(response, "document", crash)
    with pytest.raises(BrokenRuleError, match="crashed: KeyError"):
        fuzz()


def test_an_answer_that_takes_for_ever_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*given: Any) -> Any:
        while True:
            pass

    monkeypatch.setattr(response, "document", hang)
    with pytest.raises(BrokenRuleError, match="took more than"):
        fuzz()
