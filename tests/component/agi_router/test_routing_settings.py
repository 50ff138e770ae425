"""The configuration of routing: what it becomes, and what is told of sections that cannot be."""

from ipaddress import ip_network
from pathlib import Path

import pytest

from agi_router.directory.trunks import Trunk
from agi_router.directory.users import EndpointDevice, ExternalDevice
from agi_router.routing.auth import BasicAuth, NoAuth
from agi_router.routing.caller_id import CallersOwn, OwnNumber
from agi_router.routing.destination import (
    DestinationType,
    EndpointDestination,
    ExternalDestination,
    HangupCause,
    HangupDestination,
    UserDestination,
)
from agi_router.routing.needs import Ahead
from agi_router.routing.numbers import NumberFormat
from agi_router.routing.policy import DialPolicy
from agi_router.routing.route import AnswerFormat, FallbackStep, Remember, Send
from agi_router.routing.template import Template
from tests.component.agi_router.settings_text import MINIMAL, asked, load, problems, with_route

FULL = """\
directory:
  users:
    - {id: 456, name: Ada, email: Ada@example.com, extension: "101",
       devices: [PJSIP/ada, {external: +14155550177}, {endpoint: desk}]}
trunks:
  - {name: main, endpoint: PJSIP/trunk, number_format: digits, caller_id: (415) 555-0100}
  - {name: spare, endpoint: spare, caller_id: caller, setup_timeout_s: 2.5}
policy: {regions: [US, GB]}
network: {allowed_networks: [127.0.0.0/8, 10.1.2.3]}
defaults:
  region: US
  timeout_s: 15
  fallback: [{endpoint: PJSIP/desk}]
routes:
  sales:
    request:
      url: https://api.example.com/search?order=desc&n={{callerNumber}}
      fields: {uuid: "{{callId}}"}
      headers: {X-Source: pbx}
      auth: {type: basic, username: u, password: "${PW}"}
      deadline_s: 2.5
    response: {type: user, path: ["calls[0].user.id", /owner]}
    ringing: {timeout_s: 25}
    fallback:
      - {user: ADA@example.com, timeout_s: 20}
      - {external: 2025550123, trunk: spare}
      - {hangup: busy}
    remember: {cache_s: 30, last_good_s: 604800}
  support:
    request:
      url: https://api.example.com/
      body: {filters: [{value: "{{callerNumberNational}}", limit: 1}]}
    response: {format: text, type: auto}
"""


def test_a_full_configuration_becomes_settings(tmp_path: Path) -> None:
    settings = load(tmp_path, FULL)
    ada = settings.users[0]
    assert (ada.id, ada.email, ada.extension) == ("456", "Ada@example.com", "101")
    assert ada.devices == (EndpointDevice("ada"), ExternalDevice("+14155550177"), EndpointDevice("desk"))
    assert settings.trunks == (
        Trunk(
            name="main",
            endpoint="trunk",
            number_format=NumberFormat.DIGITS,
            caller_id=OwnNumber("14155550100"),
            setup_timeout_s=4,
        ),
        Trunk(name="spare", endpoint="spare", caller_id=CallersOwn(), setup_timeout_s=2.5),
    )
    assert settings.policy == DialPolicy(frozenset({"US", "GB"}), "US")
    assert settings.guard.allowed == (ip_network("127.0.0.0/8"), ip_network("10.1.2.3/32"))
    assert settings.fallback == (FallbackStep(EndpointDestination("desk"), 15),)
    assert settings.warnings == ()


def test_a_route_is_asked_read_and_rung_as_it_says(tmp_path: Path) -> None:
    sales, support = load(tmp_path, FULL).routes
    assert (asked(sales).method, asked(sales).send, asked(sales).deadline_s) == ("GET", Send.QUERY, 2.5)
    assert asked(sales).auth == BasicAuth("u", "s3same")
    assert [path.pointer.path for path in sales.response.paths] == ["/calls/0/user/id", "/owner"]
    assert (sales.response.format, sales.response.type) == (AnswerFormat.JSON, DestinationType.USER)
    assert sales.ringing.timeout_s == 25
    assert sales.remember == Remember(cache_s=30, last_good_s=604800)
    assert sales.fallback is not None
    assert [(step.destination, step.timeout_s) for step in sales.fallback[:2]] == [
        (UserDestination("456"), 20),
        (ExternalDestination("+12025550123", ("spare",)), 25),
    ]
    assert sales.fallback[2].destination == HangupDestination(HangupCause.BUSY)
    assert (asked(support).method, asked(support).send, asked(support).auth) == ("POST", Send.JSON, NoAuth())
    assert asked(support).body == {"filters": [{"value": Template.parse("{{callerNumberNational}}"), "limit": 1}]}
    assert (support.response.format, support.response.paths) == (AnswerFormat.TEXT, ())
    assert (support.ringing.timeout_s, support.fallback) == (15, None)
    assert support.remember == Remember(cache_s=0, last_good_s=0)


def test_a_configuration_needs_only_a_region_and_says_what_it_lacks(tmp_path: Path) -> None:
    settings = load(tmp_path, MINIMAL)
    assert settings.routes == ()
    assert len(settings.warnings) == 1
    assert "there are no routes" in settings.warnings[0]


def test_trunks_without_allowed_regions_are_a_warning(tmp_path: Path) -> None:
    settings = load(tmp_path, with_route() + "trunks: [{name: main, endpoint: trunk, caller_id: caller}]\n")
    assert [warning.removeprefix(f"{tmp_path}/config.yaml:") for warning in settings.warnings] == [
        "9: trunks: policy.regions allows no region, so no number outside is ever dialled; add yours"
    ]


def test_a_number_that_the_policy_refuses_is_a_warning(tmp_path: Path) -> None:
    text = FULL.replace("+14155550177", "+5353001234")
    (warning,) = load(tmp_path, text).warnings
    assert ":4: directory.users[0].devices[1].external: is never dialled: +5353001234 is in CU" in warning


@pytest.mark.parametrize(
    ("found", "replaced", "said"),
    [
        ("{user: ADA@", "{user: adda@", "25: routes.sales.fallback[0].user: no user has the id or e-mail address"),
        ("{user: ADA@", "{user: adda@", 'did you mean "Ada@example.com"?'),
        ("spare}", "spar}", '26: routes.sales.fallback[1].trunk: there is no trunk "spar"; did you mean "spare"?'),
        ("2025550123", "12345", '26: routes.sales.fallback[1].external: "12345" is not a telephone number'),
        ("(415) 555-0100", "nobody", '6: trunks[0].caller_id: "nobody" is not a telephone number'),
        ("name: spare", "name: main", '7: trunks[1].name: "main" is already given at'),
        ("desk}]}\n", "desk}]}\n    - {id: '456'}\n", '5: directory.users[1].id: "456" is already given at'),
        ("desk}]}\n", "desk}]}\n    - {id: b, email: aDA@example.com}\n", "5: directory.users[1].email: "),
        ("[{endpoint: PJSIP/desk}]", "[{hangup: busy}, {endpoint: x}]", "13: defaults.fallback[0]: a hangup ends the"),
        ("PJSIP/desk}", "PJSIP/900@trunk}", "13: defaults.fallback[0].endpoint: 900@trunk leads to a trunk"),
        ("[PJSIP/ada,", "[spare,", "4: directory.users[0].devices[0]: spare leads to a trunk"),
        ("      headers:", "      ca_file: none.pem\n      headers:", "19: routes.sales.request.ca_file: "),
    ],
)
def test_what_does_not_fit_together_is_told_where_it_stands(
    tmp_path: Path, found: str, replaced: str, said: str
) -> None:
    assert found in FULL
    told = problems(tmp_path, FULL.replace(found, replaced))
    assert any(said in line for line in told), told


def test_numbers_outside_without_any_trunk_are_errors_everywhere_at_once(tmp_path: Path) -> None:
    text = FULL.replace("type: auto", "type: external").replace(", trunk: spare", "")
    start, end = text.index("trunks:"), text.index("policy:")
    told = problems(tmp_path, text[:start] + text[end:])
    assert [line.split(": ")[1] for line in told] == [
        "directory.users[0].devices[1].external",
        "routes.sales.fallback[1].external",
        "routes.support.response.type",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("defaults: {}", "defaults.region: is missing"),
        ("routes: {}", "defaults: is missing"),
        ("defaults: {region: uk}", '"uk" is not a region; did you mean "GB"?'),
        ("defaults: {region: no}", 'did you mean "NO"?'),
        ("defaults: {region: US, timeout_s: 4}", "timeout_s: must be at least 5, not 4"),
        (MINIMAL + "policy: {regions: [US, Europe]}", 'policy.regions[1]: "Europe" is not a region; write an ISO 3166'),
        (MINIMAL + "network: {allowed_networks: [10.0.0.1/8]}", "host bits"),
        (MINIMAL + "network: {allowed_networks: [10]}", "is not a network"),
        (MINIMAL + "directory: {users: [{id: '', devices: [x]}]}", "users[0].id"),
        (MINIMAL + "directory: {users: [{id: a, email: x}]}", '"x" is not an e-mail address'),
        (MINIMAL + "directory: {users: [{id: a, devices: [SIP/x]}]}", "devices[0]"),
        (MINIMAL + "directory: {users: [{id: a, devices: [+12025550123]}]}", 'write {external: "+12025550123"}'),
        (MINIMAL + "directory: {users: [{id: a, devices: [{}]}]}", "give one of endpoint, external"),
        (MINIMAL + "directory: {users: [{id: a, devices: [{endpoint: x, external: '1'}]}]}", "endpoint and external"),
        (MINIMAL + "directory: {users: [{id: a, devices: [{endpoint: x, trunk: t}]}]}", "only an external number"),
        (MINIMAL + "routes: {'a,b': {}}", "must be a name of letters"),
        ("defaults: {region: US, fallback: [{hangup: buzy}]}", 'hangup: "buzy" does not exist; did you mean "busy"?'),
        ("defaults: {region: US, fallback: [{hangup: busy, timeout_s: 5}]}", "takes no time"),
        ("defaults: {region: US, fallback: [{dialplan: ivr, timeout_s: 5}]}", "has a dialplan, which takes no time"),
        ("defaults: {region: US, fallback: [{announcement: a, timeout_s: 5}]}", "has an announcement, which is played"),
        (MINIMAL + "routes: {sales: {hours: {zone: UTC}}}", "hours: must be a single text, not a mapping or a list"),
        (MINIMAL + "directory: {numbers: {abc: {hangup: busy}}}", "numbers.abc: is neither an extension"),
        (
            MINIMAL + "directory: {numbers: {'1': {}}}",
            "numbers.1: has no destination; give one of user, team, endpoint",
        ),
        (MINIMAL + "directory: {numbers: {'1': {hangup: busy, route: sales}}}", "has hangup and route"),
        (
            MINIMAL + "directory: {numbers: {'1': {endpoint: x, timeout_s: 9}}}",
            "has timeout_s, which is that of the step",
        ),
        ("defaults: {region: US, fallback: [{queue: support}]}", 'no queue has the id "support"; add it to queues'),
        (MINIMAL + "directory: {queues: [{id: a, name: 'b,c'}]}", "queues[0].name: must be a name of letters"),
        (MINIMAL + "directory: {queues: [{id: a, name: b}, {id: a, name: c}]}", "queues' ids are unique"),
        ("defaults: {region: US, fallback: [{announcement: []}]}", 'fallback[0].announcement: "" names no sounds'),
        (MINIMAL + "policy: {dialplan_contexts: ['a,b']}", "policy.dialplan_contexts[0]: is not the name of a context"),
        ("defaults: {region: US, fallback: [{voicemail: '101&102'}]}", 'fallback[0].voicemail: "101&102" is not a'),
        ("defaults: {region: US, fallback: [{voicemail: 101, timeout_s: 9}]}", "takes the time of a message"),
        ("defaults: {region: US, fallback: [{fax: '101'}]}", "fallback[0].fax: unknown key"),
        (MINIMAL + "routs: {}", 'routs: unknown key; did you mean "routes"?'),
    ],
)
def test_a_section_that_cannot_be_is_told(tmp_path: Path, text: str, said: str) -> None:
    told = problems(tmp_path, text)
    assert any(said in line for line in told), told


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("{cache_s: -1}", "remember.cache_s: must be at least 0, not -1"),
        ("{cache_s: 3601}", "remember.cache_s: must be at most 3600, not 3601"),
        ("{last_good_s: 31536001}", "remember.last_good_s: must be at most 31536000, not 31536001"),
        ("{last_good: 1}", 'remember.last_good: unknown key; did you mean "last_good_s"?'),
    ],
)
def test_a_memory_that_cannot_be_is_told(tmp_path: Path, keys: str, said: str) -> None:
    (told,) = problems(tmp_path, with_route() + f"    remember: {keys}\n")
    assert said in told


def test_guessing_ahead_needs_last_good_answers(tmp_path: Path) -> None:
    (told,) = problems(tmp_path, with_route() + "    ringing: {ahead: create}\n")
    assert "routes.sales.ringing.ahead" in told
    assert "set remember.last_good_s" in told
    settings = load(tmp_path, with_route() + "    ringing: {ahead: ring}\n    remember: {last_good_s: 60}\n")
    assert settings.routes[0].needs().ahead is Ahead.RING


def test_no_problem_tells_a_secret(tmp_path: Path) -> None:
    text = with_route("url: 'https://u:${PW}@api.example.com/'\n      auth: {type: bearer, token: [\"${PW}\"]}")
    told = problems(tmp_path, text.replace("      url: https://api.example.com/\n", ""))
    assert len(told) == 2
    assert not any("s3same" in line for line in told)
