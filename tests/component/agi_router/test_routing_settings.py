"""The routing sections: a full configuration becomes settings, and what does not fit is told where it stands."""

from ipaddress import ip_network
from pathlib import Path

import pytest
import trustme

from agi_router.decide import RoutingSettings
from agi_router.directory.numbers import InternalNumber, ToRoute
from agi_router.directory.queues import Queue
from agi_router.directory.trunks import Trunk
from agi_router.directory.users import EndpointDevice, ExternalDevice
from agi_router.document import ConfigError, load_document, validate
from agi_router.routing.auth import ApiKeyAuth, BasicAuth, BearerAuth, ClientAuth, KeyPlace, NoAuth, OAuth2Auth
from agi_router.routing.caller_id import CallersOwn, OwnNumber
from agi_router.routing.destination import (
    AnnouncementDestination,
    DestinationType,
    EndpointDestination,
    ExternalDestination,
    HangupCause,
    HangupDestination,
    NumberDestination,
    UserDestination,
)
from agi_router.routing.needs import Ahead
from agi_router.routing.numbers import NumberFormat
from agi_router.routing.policy import DialPolicy
from agi_router.routing.route import AnswerFormat, FallbackStep, Remember, Send
from agi_router.routing.template import Template
from agi_router.settings import RoutingSections, routing_settings

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
MINIMAL = "defaults: {region: US}\n"
ROUTE = """\
defaults: {region: US}
routes:
  sales:
    request:
      url: https://api.example.com/
      REQUEST
    response:
      RESPONSE
"""
OAUTH = "type: oauth2, token_url: 'https://login.example.com/', client_id: c"


def load(folder: Path, text: str) -> RoutingSettings:
    file = folder / "config.yaml"
    file.write_text(text, encoding="utf-8")
    document = load_document(file, {"PW": "s3same", "TWO_LINES": "a\nb"})
    return routing_settings(document, validate(document, RoutingSections))


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        load(folder, text)
    return [str(problem).removeprefix(f"{folder}/config.yaml:") for problem in raised.value.problems]


def with_route(request: str = "method: GET", response: str = "{type: user, path: id}") -> str:
    return ROUTE.replace("REQUEST", request).replace("RESPONSE", response)


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
    assert (sales.request.method, sales.request.send, sales.request.deadline_s) == ("GET", Send.QUERY, 2.5)
    assert sales.request.auth == BasicAuth("u", "s3same")
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
    assert (support.request.method, support.request.send, support.request.auth) == ("POST", Send.JSON, NoAuth())
    assert support.request.body == {"filters": [{"value": Template.parse("{{callerNumberNational}}"), "limit": 1}]}
    assert (support.response.format, support.response.paths) == (AnswerFormat.TEXT, ())
    assert (support.ringing.timeout_s, support.fallback) == (15, None)
    assert support.remember == Remember(cache_s=0, last_good_s=0)


@pytest.mark.parametrize(
    ("auth", "meant"),
    [
        ("{type: none}", NoAuth()),
        ("{type: bearer, token: t}", BearerAuth("t")),
        ("{type: api_key, name: X-Key, value: v}", ApiKeyAuth(KeyPlace.HEADER, "X-Key", "v")),
        ("{type: api_key, in: query, name: key, value: v}", ApiKeyAuth(KeyPlace.QUERY, "key", "v")),
        ("{type: bearer, token_file: token}", BearerAuth("from-file")),
        (
            "{type: oauth2, token_url: https://login.example.com, client_id: c, client_secret_file: token}",
            OAuth2Auth(token_url="https://login.example.com/", client_id="c", client_secret="from-file"),
        ),
        (
            "{type: oauth2, token_url: 'https://login.example.com/t?v=1', client_id: c, refresh_token: r, "
            "client_auth: body, scope: a b, parameters: {audience: https://api.example.com}}",
            OAuth2Auth(
                token_url="https://login.example.com/t?v=1",
                client_id="c",
                refresh_token="r",
                client_auth=ClientAuth.BODY,
                scope="a b",
                parameters=(("audience", "https://api.example.com"),),
            ),
        ),
    ],
)
def test_credentials(tmp_path: Path, auth: str, meant: object) -> None:
    (tmp_path / "token").write_text("from-file\n")
    assert load(tmp_path, with_route(f"auth: {auth}")).routes[0].request.auth == meant


@pytest.mark.parametrize(
    ("keys", "method", "send"),
    [
        ("method: get", "GET", Send.QUERY),
        ("fields: {a: 1}", "GET", Send.QUERY),
        ("body: {a: 1}", "POST", Send.JSON),
        ("send: json", "POST", Send.JSON),
        ("send: form", "POST", Send.FORM),
        ("method: POST\n      fields: {a: 1}", "POST", Send.JSON),
        ("method: POST\n      fields: {a: 1}\n      send: query", "POST", Send.QUERY),
        ("method: POST", "POST", Send.QUERY),
    ],
)
def test_method_and_send_follow_from_each_other(tmp_path: Path, keys: str, method: str, send: Send) -> None:
    request = load(tmp_path, with_route(keys)).routes[0].request
    assert (request.method, request.send) == (method, send)


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
    ("keys", "said"),
    [
        ("method: PATCH", '6: routes.sales.request.method: "PATCH" does not exist'),
        ("deadline_s: 11", "6: routes.sales.request.deadline_s: must be at most 10, not 11"),
        ("deadlines_s: 1", 'unknown key; did you mean "deadline_s"?'),
        ("fields: {n: '{{callerNo}}'}", "6: routes.sales.request.fields.n: unknown variable {{callerNo}}; did you"),
        ("fields: {n: [1]}", "6: routes.sales.request.fields.n: is a single value; for a nested one use body"),
        ("body: {a: [{b: '{{x}}'}]}", "6: routes.sales.request.body: .a[0].b: unknown variable {{x}}"),
        ("headers: {'X Y': a}", "headers.X Y: is not the name of a header"),
        ("headers: {Content-Length: 1}", "is set by the router itself"),
        ("headers: {X-A: 'ä'}", "printable ASCII"),
        ("headers: {keep-alive: 1}", "6: routes.sales.request.headers.keep-alive: belongs to the connection"),
        ("headers: {X-A: a, x-a: b}", "6: routes.sales.request.headers.x-a: is already a header under headers"),
        (
            "auth: {type: bearer, token: t}\n      headers: {authorization: x}",
            "7: routes.sales.request.headers.authorization: is the header in which auth puts the credentials",
        ),
        (
            "auth: {type: api_key, name: X-Key, value: v}\n      headers: {x-key: x}",
            "7: routes.sales.request.headers.x-key: is the header in which auth puts",
        ),
        ("headers: {X-A: '${TWO_LINES}'}", "6: routes.sales.request.headers.X-A: a header holds printable ASCII"),
        ("send: headers\n      fields: {X-A: '${TWO_LINES}'}", "fields.X-A: a header holds printable ASCII"),
        ("auth: {type: api_key, name: accept, value: v}", "auth.name: is a header of the router's own"),
        ("rpc_method: ''", "6: routes.sales.request.rpc_method: "),
        ("rpc_method: 'a{{callId}}'", "6: routes.sales.request.rpc_method: is the same for every call"),
        ("send: xml", '"xml" does not exist; known here: query, form, headers, json, json-rpc'),
        ("auth: {type: digest}", 'auth.type: "digest" does not exist; known here: none, basic, bearer, api_key'),
        ("auth: {type: bearer, token: ''}", "auth.token: is empty"),
        (f"auth: {{{OAUTH}}}", "auth: asks for a token with nothing; give client_secret, or refresh_token"),
        (f"auth: {{{OAUTH}, client_secret: ''}}", "auth.client_secret: is empty"),
        (f"auth: {{{OAUTH}, client_secret: s, client_auth: jwt}}", 'auth.client_auth: "jwt" does not exist'),
        (f"auth: {{{OAUTH}, client_secret: s, parameters: {{scope: a}}}}", "is sent by the router itself"),
        (f"auth: {{{OAUTH}, client_sekret: s}}", 'auth.client_sekret: unknown key; did you mean "client_secret"?'),
        ("auth: {type: oauth2, client_id: c, client_secret: s}", "auth.token_url: is missing"),
        (
            "auth: {type: oauth2, token_url: login.example.com, client_id: c, client_secret: s}",
            "auth.token_url: is not",
        ),
        (
            "auth: {type: oauth2, token_url: 'https://a.example/{{callId}}', client_id: c, client_secret: s}",
            "auth.token_url: holds variables",
        ),
        (f"auth: {{{OAUTH}, client_secret: s}}\n      headers: {{authorization: x}}", "the header in which auth puts"),
        ('auth: {type: bearer, token: "a\\nb"}', "auth.token: is empty or holds characters"),
        ("auth: {type: basic, username: 'a:b', password: x}", "auth.username"),
    ],
)
def test_a_request_that_cannot_be_is_told_where_it_stands(tmp_path: Path, keys: str, said: str) -> None:
    told = problems(tmp_path, with_route(keys))
    assert len(told) == 1
    assert said in told[0]


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("body: {a: 1}\n      fields: {a: 1}", "has both fields and body"),
        ("body: {a: 1}\n      send: form", "take send away"),
        ("method: GET\n      send: json", "method GET carries no json"),
        ("method: GET\n      body: {a: 1}", "method GET carries no json"),
        ("method: GET\n      send: form", "method GET carries no form"),
        ("method: GET\n      send: json-rpc\n      rpc_method: m", "method GET carries no json-rpc"),
        ("body: {a: 1}\n      send: headers", "take send away"),
        (
            "fields: {k: 1}\n      auth: {type: api_key, in: query, name: k, value: v}",
            "has the field k, which auth adds",
        ),
        ("send: json-rpc", "add rpc_method: with the name"),
        ("rpc_method: m", "set send: json-rpc"),
        ("rpc_method: m\n      send: json", "set send: json-rpc"),
        ("rpc_method: m\n      send: json-rpc\n      body: '{{callId}}'", "a mapping or a list"),
    ],
)
def test_a_request_that_contradicts_itself_is_told(tmp_path: Path, keys: str, said: str) -> None:
    (told,) = problems(tmp_path, with_route(keys))
    assert told.startswith("4: routes.sales.request: ")
    assert said in told


@pytest.mark.parametrize(
    ("name", "beside", "said"),
    [
        ("X Y", "", "is not the name of a header"),
        ('"X-A: b\\nX-B"', "", "is not the name of a header"),
        ("Host", "", "belongs to the connection"),
        ("Content-Length", "", "belongs to the connection"),
        ("proxy-authorization", "", "belongs to the connection"),
        ("content-type", "", "to replace it, write it under headers"),
        ("user-agent", "", "to replace it, write it under headers"),
        ("x-source", "headers: {X-Source: pbx}", "is already a header under headers"),
        ("Authorization", "auth: {type: basic, username: u, password: p}", "in which auth puts the credentials"),
        ("x-key", "auth: {type: api_key, name: X-Key, value: v}", "in which auth puts the credentials"),
    ],
)
def test_a_field_that_cannot_be_a_header_is_told(tmp_path: Path, name: str, beside: str, said: str) -> None:
    (told,) = problems(tmp_path, with_route(f"send: headers\n      fields: {{{name}: 1}}\n      {beside}"))
    assert told.startswith("7: routes.sales.request.fields.")
    assert said in told


@pytest.mark.parametrize("text", ["ä", "a\\nX-B: c"])
def test_a_field_whose_text_no_header_can_carry_is_told(tmp_path: Path, text: str) -> None:
    (told,) = problems(tmp_path, with_route(f'send: headers\n      fields: {{X-A: "{text}"}}'))
    assert "7: routes.sales.request.fields.X-A: a header holds printable ASCII" in told


def test_fields_are_free_in_their_names_where_they_are_no_headers(tmp_path: Path) -> None:
    fields = "fields: {'X Y': 1, Host: 2, authorization: ä, Authorization: 3}\n      auth: {type: bearer, token: t}"
    assert len(load(tmp_path, with_route(fields)).routes[0].request.fields) == 4


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://x/", "not an http"),
        ("https://{{callerName}}/", "scheme, host or port"),
        ("5", "with its scheme"),
        ("crm/?n={{callerNumber}}", "with its scheme"),
    ],
)
def test_a_url_that_cannot_be_is_told(tmp_path: Path, url: str, said: str) -> None:
    (told,) = problems(tmp_path, with_route().replace("https://api.example.com/", f"'{url}'"))
    assert told.startswith("5: routes.sales.request.url: ")
    assert said in told


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


def test_guessing_ahead_needs_last_good_answers(tmp_path: Path) -> None:
    (told,) = problems(tmp_path, with_route() + "    ringing: {ahead: create}\n")
    assert "routes.sales.ringing.ahead" in told
    assert "set remember.last_good_s" in told
    settings = load(tmp_path, with_route() + "    ringing: {ahead: ring}\n    remember: {last_good_s: 60}\n")
    assert settings.routes[0].needs().ahead is Ahead.RING


def test_a_private_authority_is_found_beside_the_configuration(tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")
    assert load(tmp_path, with_route("ca_file: ca.pem")).routes[0].request.ca_file == tmp_path / "ca.pem"


def test_a_file_that_holds_no_certificate_is_told(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    (told,) = problems(tmp_path, with_route("ca_file: ca.pem"))
    assert "routes.sales.request.ca_file" in told
    assert "PEM" in told


def test_no_problem_tells_a_secret(tmp_path: Path) -> None:
    text = with_route("url: 'https://u:${PW}@api.example.com/'\n      auth: {type: bearer, token: [\"${PW}\"]}")
    told = problems(tmp_path, text.replace("      url: https://api.example.com/\n", ""))
    assert len(told) == 2
    assert not any("s3same" in line for line in told)


SHARED = """\
defaults: {region: US}
routes:
  sales: &route
    request: &request
      url: https://api.example.com/
      auth: &auth {type: oauth2, token_url: https://login.example.com/, client_id: c, refresh_token: r}
    response: {format: text, type: auto}
  support:
    <<: *route
    request: {<<: *request, auth: {<<: *auth, SCOPE}}
"""


def test_routes_may_share_a_refresh_token_only_with_equal_settings(tmp_path: Path) -> None:
    settings = load(tmp_path, SHARED.replace("SCOPE", "client_auth: basic"))
    assert len({route.request.auth for route in settings.routes}) == 1
    with pytest.raises(ConfigError, match=r"routes\.support\.request\.auth: has the refresh_token of .*config.yaml:6"):
        load(tmp_path, SHARED.replace("SCOPE", "scope: a"))


@pytest.mark.parametrize(
    ("url", "warned"),
    [("http://login.example.com", True), ("http://127.0.0.1:9", False), ("http://localhost", False)],
)
def test_a_token_endpoint_without_tls_is_warned_of(tmp_path: Path, url: str, warned: bool) -> None:
    auth = f"auth: {{type: oauth2, token_url: '{url}', client_id: c, client_secret: s}}"
    route = ROUTE.replace("REQUEST", auth).replace("RESPONSE", "{format: text, type: auto}")
    assert any("without TLS" in warning for warning in load(tmp_path, route).warnings) is warned
