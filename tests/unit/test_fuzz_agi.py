"""The fuzzer of the AGI door: its peers break nothing, come again from the same seed, and it sees broken code."""

from collections import Counter
from random import Random
from typing import Any

import pytest

from agi_router.fastagi import command, connection, request, session
from tests.fuzz.agi_peers import peers
from tests.fuzz.agi_rules import AgiRules
from tests.fuzz.rules import BrokenRuleError


async def fuzz() -> Counter[str]:
    rules = AgiRules()
    async with rules.door:
        for said in peers(Random(22), rounds=600):
            await rules.try_on(said)
    return rules.outcomes


async def test_hostile_peers_break_no_rule_and_reach_every_kind_of_outcome() -> None:
    outcomes = await fuzz()
    assert set(outcomes) == {"answered", "a command was refused", "hung up", "refused"}
    assert min(outcomes.values()) > 10
    assert await fuzz() == outcomes, "the same seed makes the same peers"


async def test_a_quote_that_ends_an_argument_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "quoted", str)
    with pytest.raises(BrokenRuleError, match=r"no command of its own|should be"):
        await fuzz()


async def test_a_control_character_from_the_peer_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request, "printable", str)
    with pytest.raises(BrokenRuleError, match="control characters in"):
        await fuzz()


async def test_a_comma_that_shifts_the_variables_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "_ITEM", {})
    with pytest.raises(BrokenRuleError, match=r"should be|that steers|zip"):
        await fuzz()


async def test_a_crash_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*given: Any) -> Any:
        raise KeyError("agi_channel")

    monkeypatch.setattr(session, "variable_name", crash)
    with pytest.raises(BrokenRuleError, match="the handler failed"):
        await fuzz()


async def test_what_is_kept_for_ever_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "LONGEST_HEADER", 10**9)
    rules = AgiRules()
    async with rules.door:
        with pytest.raises(BrokenRuleError, match="bytes are kept"):
            await rules.try_on(b"agi_a: b\n" * 20_000)
