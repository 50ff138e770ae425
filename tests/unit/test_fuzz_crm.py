"""The fuzzer of CRM answers: they pass, come again from the same seed, and it sees code that is broken."""

from random import Random

import pytest

from ari_app.crm.document import answer
from tests.fuzz.answers import answers
from tests.fuzz.crm_rules import SEEDS, CrmRules
from tests.fuzz.rules import BrokenRuleError


def fuzz(rounds: int = 150) -> CrmRules:
    rules = CrmRules()
    for body, _ in answers(Random(11), rounds, SEEDS):
        rules.try_on(body)
    return rules


def test_hostile_answers_break_no_rule_and_reach_every_kind_of_outcome() -> None:
    assert set(fuzz().outcomes) == {"records", "nothing", "crm_answer", "crm_refused"}


def test_a_value_with_a_line_break_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer, "as_text", lambda value: value if isinstance(value, str) else "")
    with pytest.raises(BrokenRuleError, match="control characters in"):
        fuzz()


def test_an_exception_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer, "as_text", lambda value: value.strip())
    with pytest.raises(BrokenRuleError, match="AttributeError"):
        fuzz()
