"""What a route asks: its URL, method, fields, credentials and certificates."""

from pathlib import Path

import pytest
import trustme

from agi_router.document import ConfigError
from agi_router.routing.auth import ApiKeyAuth, BearerAuth, ClientAuth, KeyPlace, NoAuth, OAuth2Auth
from agi_router.routing.route import Send
from tests.component.agi_router.settings_text import ROUTE, asked, load, problems, with_route

OAUTH = "type: oauth2, token_url: 'https://login.example.com/', client_id: c"


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
    assert asked(load(tmp_path, with_route(f"auth: {auth}")).routes[0]).auth == meant


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
    request = asked(load(tmp_path, with_route(keys)).routes[0])
    assert (request.method, request.send) == (method, send)


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
    assert len(asked(load(tmp_path, with_route(fields)).routes[0]).fields) == 4


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


def test_a_private_authority_is_found_beside_the_configuration(tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")
    assert asked(load(tmp_path, with_route("ca_file: ca.pem")).routes[0]).ca_file == tmp_path / "ca.pem"


def test_a_file_that_holds_no_certificate_is_told(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    (told,) = problems(tmp_path, with_route("ca_file: ca.pem"))
    assert "routes.sales.request.ca_file" in told
    assert "PEM" in told


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
    assert len({asked(route).auth for route in settings.routes}) == 1
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
