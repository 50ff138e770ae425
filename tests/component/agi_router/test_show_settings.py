"""`show`: what phones see of a call, of a route or of `defaults`, and what does not fit."""

from pathlib import Path

import pytest

from agi_router.routing.call_info import CallInfo
from agi_router.routing.needs import Needs
from agi_router.routing.shown import Shown
from agi_router.routing.template import call_values
from tests.component.agi_router.settings_text import load, problems
from tests.component.agi_router.test_treatment_settings import config

CALL = CallInfo(
    call_id="c1",
    route_name="sales",
    caller_number="+14155550177",
    caller_name="Ann\r\nEvil: 1",
    caller_withheld=False,
    called_number="+14155550100",
)


def shown(folder: Path, written: str, call: CallInfo = CALL) -> Shown:
    return load(folder, config(written)).routes[0].showing.of_call(call_values(call, "US"))


def test_a_number_a_prefix_and_headers_are_shown(tmp_path: Path) -> None:
    written = 'show: {number: "415 555 0100", name_prefix: "Sales: ", headers: {X-Route: "{{routeName}} desk"}}'
    assert shown(tmp_path, written) == Shown(
        number="+14155550100", name_prefix="Sales: ", headers={"X-Route": "sales desk"}
    )


def test_nothing_is_shown_unless_it_is_said(tmp_path: Path) -> None:
    assert shown(tmp_path, "remember: {}") == Shown()


def test_what_a_caller_brings_cannot_add_a_header_and_an_empty_one_is_left_out(tmp_path: Path) -> None:
    written = 'show: {headers: {X-Name: "{{callerName}}", X-Empty: "{{previousStep}}"}}'
    assert shown(tmp_path, written) == Shown(headers={"X-Name": "AnnEvil: 1"})


def test_a_route_replaces_what_the_defaults_show(tmp_path: Path) -> None:
    defaults = 'show: {name_prefix: "All: ", headers: {X-A: a}}'
    settings = load(tmp_path, config("show: {name_prefix: 'Sales: '}", defaults))
    assert (settings.showing.name_prefix, settings.routes[0].showing.name_prefix) == ("All: ", "Sales: ")
    assert settings.routes[0].showing.headers == {}
    assert load(tmp_path, config(defaults=defaults)).routes[0].showing == settings.showing


def test_what_a_header_shows_is_asked_of_the_channel(tmp_path: Path) -> None:
    written = 'show: {headers: {X-A: "{{header.X-From-Carrier}} {{var.LANG}}"}}'
    needs = load(tmp_path, config(written)).routes[0].needs()
    assert needs == Needs(frozenset({"X-From-Carrier"}), frozenset({"LANG"}))


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("show: {number: nobody}", "is not a telephone number"),
        ('show: {headers: {Contact: "x"}}', "is not the name of a header for the phones"),
        ('show: {name_prefix: "a\\tb"}', "holds characters that no phone shows"),
        ('show: {headers: {X-A: "{{caller}}"}}', "unknown variable"),
    ],
)
def test_what_does_not_fit_is_told(tmp_path: Path, written: str, problem: str) -> None:
    (told,) = problems(tmp_path, config(written))
    assert problem in told
