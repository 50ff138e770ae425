"""The number that a trunk is shown: one of ours, or none, unless the caller's own is wanted."""

import pytest

from agi_router.routing.caller_id import CalledNumber, CallersOwn, OwnNumber, shown_number

CALLED = CalledNumber({"+14155550100": "4155550100", "+442079460958": "011442079460958"}, "US")


@pytest.mark.parametrize("called", ["+14155550100", "14155550100", "(415) 555-0100"])
def test_the_called_number_is_shown_in_the_form_of_the_trunk_whatever_its_own(called: str) -> None:
    assert shown_number(CALLED, called) == "4155550100"


@pytest.mark.parametrize("called", ["+14155550199", "", "s", "101", "+1415555010"])
def test_a_called_number_that_is_not_ours_is_not_shown(called: str) -> None:
    assert shown_number(CALLED, called) == ""


def test_a_number_of_ours_is_shown_whatever_was_called() -> None:
    assert shown_number(OwnNumber("4155550100"), "+14155550199") == "4155550100"


def test_the_callers_own_number_is_left_to_his_channel() -> None:
    assert shown_number(CallersOwn(), "+14155550100") is None
