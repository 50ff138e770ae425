"""What programs and people are told of a request that is wrong."""

from typing import Any

import pytest

from ari_app.control.settings import ControlError
from ari_app.live.forms import read_form
from ari_app.live.placing import CallForm
from ari_app.live.steering import SteerForm
from ari_app.live.webhook_forms import NewForm, RotateForm

HOLD = {"call_id": "20261121T114416", "action": "hold"}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"agent_ring_s": 1}, "agent_ring_s must be at least 5 [bad_request]"),
        ({"customer_ring_s": 9999}, "customer_ring_s must be at most 3600 [bad_request]"),
        ({"agent_ring_s": "soon"}, "agent_ring_s is wrong: input should be a valid number, "),
        ({"number": ""}, "number is empty [bad_request]"),
        ({"name": "G" * 300}, "name has more than 256 characters [bad_request]"),
        ({"compaign": "renewals"}, 'compaign is not known; did you mean "campaign"? [bad_request]'),
        ({"first": "boss"}, "first is none of agent, customer [bad_request]"),
    ],
)
def test_a_wrong_request_for_a_call_names_the_field_and_its_bounds(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ControlError) as refused:
        read_form(CallForm, {"number": "102"} | wrong)
    assert str(refused.value).startswith(message)


def test_a_value_in_a_list_is_named_by_the_list_and_a_bound_by_all_its_digits() -> None:
    with pytest.raises(ControlError, match=r"^directions is none of inbound, outbound, internal \[bad_request\]"):
        read_form(NewForm, {"name": "crm", "url": "https://crm.example.com/hooks", "directions": ["in"]})
    with pytest.raises(ControlError, match=r"^keep_old_s must be at most 2592000 \[bad_request\]"):
        read_form(RotateForm, {"webhook": "crm", "keep_old_s": 10**7})


def test_a_request_without_what_it_needs_is_told_so() -> None:
    with pytest.raises(ControlError, match=r"^number is missing \[bad_request\]"):
        read_form(CallForm, {})


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"value": "now"}, "hold takes no value [bad_value]"),
        ({"action": "record"}, "record: what is it to do? [bad_value]"),
        ({"action": "record", "value": "stat"}, 'record: "stat" is nothing that a recording does [bad_value]'),
        ({"action": "transfer"}, "no target [bad_target]"),
    ],
)
def test_a_value_that_an_action_does_not_take_or_lacks_is_refused(asked: dict[str, str], message: str) -> None:
    with pytest.raises(ControlError) as refused:
        read_form(SteerForm, HOLD | asked).asked()
    assert str(refused.value) == message
