"""Where a configuration lets calls go: by internal numbers, queues, contexts of the dialplan, and an answer's type."""

from pathlib import Path

import pytest

from agi_router.directory.numbers import InternalNumber, ToRoute
from agi_router.directory.queues import Queue
from agi_router.routing.destination import (
    AnnouncementDestination,
    EndpointDestination,
    NumberDestination,
)
from agi_router.routing.route import FallbackStep
from tests.component.agi_router.settings_text import load, problems, with_route


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("{type: usr, path: id}", 'response.type: "usr" does not exist; did you mean "user"?'),
        ("{type: phone, path: id}", '"phone" does not exist; known here: user, team, endpoint, external, '),
        ("{type: user}", "needs a path"),
        ("{type: user, format: text, path: id}", "take path away"),
        ("{type: user, path: 'a[}'}", "position 2"),
        ("{type: user, path: []}", "at least one path"),
        ("{type: user, path: }", "path"),
        ("{path: id}", "response: needs the type of the value; give type, type_path, or a table"),
    ],
)
def test_a_response_that_cannot_be_is_told(tmp_path: Path, keys: str, said: str) -> None:
    (told,) = problems(tmp_path, with_route(response=keys))
    assert said in told


NUMBERS = """\
directory:
  users: [{id: "456", extension: "101", devices: [PJSIP/ada]}]
  numbers: {"+14155550100": {route: sales}, "200": {endpoint: PJSIP/reception}, "*9": {announcement: custom/closed}}
"""


def test_internal_numbers_lead_to_routes_and_destinations(tmp_path: Path) -> None:
    fallback = "    fallback: [{number: '101'}, {number: (415) 555-0100}]\n"
    settings = load(tmp_path, with_route() + fallback + NUMBERS)
    assert settings.numbers == (
        InternalNumber("+14155550100", ToRoute("sales")),
        InternalNumber("200", EndpointDestination("reception")),
        InternalNumber("*9", AnnouncementDestination(("custom/closed",))),
    )
    assert settings.routes[0].fallback == (
        FallbackStep(NumberDestination("101"), 25),
        FallbackStep(NumberDestination("+14155550100"), 25),
    )


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ('"200": {route: sails}', 'directory.numbers.200.route: there is no route "sails"; did you mean "sales"?'),
        ('"101": {hangup: busy}', 'directory.numbers.101: "101" is already given at'),
        ('"200": {user: "9"}', 'directory.numbers.200.user: no user has the id or e-mail address "9"'),
    ],
)
def test_an_internal_number_that_leads_nowhere_is_told(tmp_path: Path, numbers: str, said: str) -> None:
    text = NUMBERS.splitlines()[:2]
    (told,) = problems(tmp_path, "\n".join([with_route(), *text, f"  numbers: {{{numbers}}}", ""]))
    assert said in told


def test_the_types_of_destinations_that_a_configuration_names_are_known(tmp_path: Path) -> None:
    text = """\
defaults: {region: US, fallback: [{voicemail: "101"}]}
policy: {dialplan_contexts: [ivr]}
directory: {queues: [{id: a, name: support}], numbers: {"200": {queue: a}, "201": {route: sales}}}
routes:
  sales:
    request: {url: "https://api.example.com/"}
    response: {path: to, type: dialplan, values: {closed: {announcement: custom/closed}}}
    fallback: [{endpoint: x}, {hangup: busy}]
"""
    assert load(tmp_path, text).destination_types == {
        *("voicemail", "queue", "dialplan", "announcement", "endpoint", "hangup")
    }


def test_a_queue_has_its_own_patience_unless_a_step_says_otherwise(tmp_path: Path) -> None:
    queues = "directory: {queues: [{id: a, name: support}, {id: b, name: sales, timeout_s: 60}]}\n"
    fallback = "    fallback: [{queue: a}, {queue: b}, {queue: b, timeout_s: 9}]\n"
    settings = load(tmp_path, with_route() + fallback + queues)
    assert settings.queues == (Queue(id="a", name="support"), Queue(id="b", name="sales", timeout_s=60))
    assert [step.timeout_s for step in settings.routes[0].fallback or ()] == [300, 60, 9]


def test_answers_may_name_contexts_of_the_dialplan_that_the_policy_allows(tmp_path: Path) -> None:
    text = with_route(response="{type: dialplan, path: to}") + "policy: {dialplan_contexts: [ivr, night.2]}\n"
    assert load(tmp_path, text).policy.dialplan_contexts == {"ivr", "night.2"}
