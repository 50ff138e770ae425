"""The dial policy: denied unless allowed, and emergency numbers never."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agi_router.routing.policy import DialPolicy

POLICY = DialPolicy(frozenset({"US", "GB"}), "US")


def code(number: str, policy: DialPolicy = POLICY) -> str | None:
    refusal = policy.refusal(number)
    return None if refusal is None else refusal.code


@pytest.mark.parametrize("number", ["+12025550123", "+14155550100", "+442079460958", "+447400123456", "+18002345678"])
def test_ordinary_numbers_of_the_allowed_regions_may_be_dialled(number: str) -> None:
    assert code(number) is None


def test_without_regions_nothing_may_be_dialled() -> None:
    assert code("+12025550123", DialPolicy(frozenset(), "US")) == "policy_region"


@pytest.mark.parametrize(
    ("number", "region"),
    [("+5353001234", "CU"), ("+252612345678", "SO"), ("+41581234567", "CH"), ("+12423591234", "BS")],
)
def test_numbers_of_other_regions_are_refused_even_within_the_same_country_code(number: str, region: str) -> None:
    refusal = POLICY.refusal(number)
    assert refusal is not None
    assert refusal.code == "policy_region"
    assert region in refusal.message
    assert "add it to policy.regions" in refusal.remedy


@pytest.mark.parametrize("number", ["+88161234567890", "+80012345678", "+881612345678", "+883510012345678"])
def test_numbers_of_no_country_are_refused_whatever_is_allowed(number: str) -> None:
    assert code(number, DialPolicy(frozenset({"US", "001"}), "US")) in {"policy_region", "policy_invalid_number"}


def test_global_freephone_is_refused_by_its_region() -> None:
    assert code("+80012345678") == "policy_region"


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        ("+19002345678", "premium"),
        ("+449012345678", "premium"),
        ("+491801234567", "shared cost"),
        ("+447000000000", "personal"),
        ("+447640123456", "pager"),
    ],
)
def test_expensive_kinds_of_numbers_are_refused(number: str, kind: str) -> None:
    refusal = DialPolicy(frozenset({"US", "GB", "DE"}), "US").refusal(number)
    assert refusal is not None
    assert refusal.code == "policy_number_type"
    assert kind in refusal.message


def test_company_numbers_reached_everywhere_in_switzerland_are_ordinary() -> None:
    assert code("+41581234567", DialPolicy(frozenset({"CH"}), "CH")) is None


@pytest.mark.parametrize("number", ["+380123456789", "+12025550", "+1", "nonsense", "", "2025550123", "+1202555012३"])
def test_numbers_that_are_not_valid_are_refused(number: str) -> None:
    assert code(number, DialPolicy(frozenset({"US", "UA"}), "US")) == "policy_invalid_number"


@pytest.mark.parametrize(
    "number", ["911", "112", "+911", "+112", "9-1-1", " 112 ", "tel:911", "999", "+999", "\uff19\uff11\uff11", "1 1 2"]
)
def test_emergency_numbers_of_any_allowed_region_are_refused_in_any_form(number: str) -> None:
    assert code(number) == "policy_emergency"


def test_emergency_numbers_of_the_default_region_are_refused_though_it_is_not_allowed() -> None:
    assert code("000", DialPolicy(frozenset({"US"}), "AU")) == "policy_emergency"


def test_a_number_that_only_begins_like_an_emergency_number_is_none() -> None:
    assert code("+911123456789", DialPolicy(frozenset({"IN", "US"}), "US")) != "policy_emergency"
    assert code("+34911234567", DialPolicy(frozenset({"ES", "US"}), "US")) is None


@given(st.text(max_size=40))
def test_no_text_makes_the_policy_raise(text: str) -> None:
    refusal = POLICY.refusal(text)
    assert refusal is None or refusal.remedy
