"""`answer`, `waiting` and `limits`: what a route says, what `defaults` say for it, and what does not fit."""

import re
from pathlib import Path

import pytest

from agi_router.routing.treatment import Answer, Confirmation, Treatment, Waiting
from tests.component.agi_router.settings_text import load, problems

CONFIG = """\
defaults: {region: US, DEFAULTS}
routes:
  sales:
    request: {url: https://api.example.com/}
    response: {type: endpoint, path: id}
    ROUTE
"""


def config(route: str = "remember: {}", defaults: str = "timeout_s: 20") -> str:
    return CONFIG.replace("DEFAULTS", defaults).replace("ROUTE", route)


def treatment(folder: Path, route: str = "remember: {}", defaults: str = "timeout_s: 20") -> Treatment:
    return load(folder, config(route, defaults)).routes[0].treatment


def test_a_caller_hears_ringing_until_somebody_answers_and_nothing_is_limited(tmp_path: Path) -> None:
    assert treatment(tmp_path) == Treatment(answer=Answer.ON_BRIDGE, waiting=Waiting.RINGING)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("waiting: silence", Treatment(waiting=Waiting.SILENCE)),
        ("waiting: {sound: music, music_class: jazz}", Treatment(waiting=Waiting.MUSIC, music_class="jazz")),
        ("waiting: {announcement: custom/welcome}", Treatment(announcement=("custom/welcome",))),
        ("waiting: {announcement: [hello, please-wait]}", Treatment(announcement=("hello", "please-wait"))),
        ("answer: on_wait", Treatment(answer=Answer.ON_WAIT)),
        ("confirmation: {timeout_s: 20}", Treatment(confirmation=Confirmation(timeout_s=20))),
        (
            "confirmation: {prompt: custom/press-5, digit: 5}",
            Treatment(confirmation=Confirmation(prompt=("custom/press-5",), digit="5")),
        ),
        ("limits: {chain_s: 90, talk_s: 7200, warn_s: 60}", Treatment(chain_s=90, talk_s=7200, warn_s=60)),
    ],
)
def test_a_route_and_the_defaults_say_it_in_the_same_words(tmp_path: Path, written: str, meant: Treatment) -> None:
    assert treatment(tmp_path, written) == meant
    assert treatment(tmp_path, defaults=written) == meant
    assert load(tmp_path, config(defaults=written)).treatment == meant


def test_what_a_route_does_not_say_the_defaults_do(tmp_path: Path) -> None:
    defaults = "answer: now, waiting: music, limits: {talk_s: 60}"
    assert treatment(tmp_path, "waiting: silence", defaults) == Treatment(
        answer=Answer.NOW, waiting=Waiting.SILENCE, talk_s=60
    )


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("waiting: musak", "known here: ringing, music, silence"),
        ("waiting: {music_class: jazz}", "has a music_class, but no music; add sound: music"),
        ("waiting: {announcement: sound:hello}", "is not the name of a sound; write it without sound:"),
        ("waiting: {announcement: ../secret}", "is not the name of a sound"),
        ("waiting: {announcement: 'a&tone:ring'}", "is not the name of a sound"),
        ("limits: {talk_s: 60, warn_s: 60}", "has a warn_s that is not within talk_s"),
        ("confirmation: {digit: 5}", "has digit 5, but the prompt says to press 1; add a prompt of your own"),
        ("confirmation: {prompt: custom/press-5, digit: 55}", 'digit: is one key, 0 to 9, * or #, not "55"'),
        ("confirmation: {prompt: []}", "routes.sales.confirmation.prompt: "),
        ("answer: later", "routes.sales.answer: "),
    ],
)
def test_what_does_not_fit_is_told_with_its_remedy(tmp_path: Path, written: str, problem: str) -> None:
    (told,) = problems(tmp_path, config(written))
    assert problem in told


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("remember: {}", 200),
        ("limits: {chain_s: 0}", 200),
        ("limits: {chain_s: 150}", 150),
        ("limits: {chain_s: 120}", None),
        ("answer: on_wait", None),
        ("answer: now", None),
    ],
)
def test_a_chain_that_outlasts_a_carriers_patience_is_warned_of(
    tmp_path: Path, written: str, seconds: int | None
) -> None:
    chain = "fallback: [{endpoint: a, timeout_s: 60}, {endpoint: b, timeout_s: 120}, {hangup: busy}]"
    warnings = load(tmp_path, config(f"{chain}\n    {written}")).warnings
    if seconds is None:
        assert warnings == ()
    else:
        (warning,) = warnings
        assert f"may ring for {seconds} s before the caller is answered" in warning
        assert "answer: on_wait" in warning


@pytest.mark.parametrize(
    ("chain", "seconds"),
    [
        ("{announcement: x}, {endpoint: b, timeout_s: 120}", None),
        ("{announcement: x, answer: false}, {endpoint: b, timeout_s: 120}", 200),
        ("{dialplan: ivr}, {endpoint: b, timeout_s: 120}", None),
        ("{voicemail: '1'}, {endpoint: b, timeout_s: 120}", None),
    ],
)
def test_what_rings_behind_a_step_that_answers_or_ends_the_call_is_not_counted(
    tmp_path: Path, chain: str, seconds: int | None
) -> None:
    warnings = load(tmp_path, config(f"fallback: [{{endpoint: a, timeout_s: 60}}, {chain}]")).warnings
    assert [warning.partition("may ring for ")[2].partition(" s ")[0] for warning in warnings] == (
        [] if seconds is None else [str(seconds)]
    )


def test_a_table_of_values_and_the_chain_of_a_closed_route_are_counted_as_well(tmp_path: Path) -> None:
    closed = "hours: office\n    closed: [{endpoint: a, timeout_s: 60}, {endpoint: b, timeout_s: 61}]"
    text = config(closed) + 'hours: {office: {zone: UTC, open: ["mon 09:00-10:00"]}}\n'
    (of_the_closed,) = load(tmp_path, text).warnings
    assert "may ring for 121 s" in of_the_closed
    table = "response: {path: to, values: {vip: {endpoint: a, timeout_s: 130}}}"
    (of_the_table,) = load(tmp_path, re.sub(r"response: .*", table, config(""))).warnings
    assert "may ring for 130 s" in of_the_table
