"""Upstreams and second URLs in the configuration: what they become, and which secrets go where."""

from pathlib import Path

import pytest

from agi_router.decide import RoutingSettings
from agi_router.document import ConfigError, load_document, validate
from agi_router.lookup.upstream import UpstreamLimits
from agi_router.routing.auth import Auth, BasicAuth, BearerAuth, NoAuth
from agi_router.routing.needs import Needs
from agi_router.settings import RoutingSections, routing_settings
from tests.component.agi_router.settings_text import asked

ROUTE = """\
defaults: {region: US}
routes:
  sales:
    request:
      url: https://api.example.com/v1?n={{callerNumber}}
      KEYS
    response: {type: user, path: id}
"""
BASIC = "auth: {type: basic, username: u, password: p}\n      "
SPARE = "second_url: 'https://spare.example.com/v1?n={{callerNumberDigits}}'"


def load(folder: Path, text: str) -> RoutingSettings:
    file = folder / "c.yaml"
    file.write_text(text)
    document = load_document(file, {"PW": "s3same"})
    return routing_settings(document, validate(document, RoutingSections))


def second_auth(folder: Path, keys: str) -> Auth:
    request = asked(load(folder, ROUTE.replace("KEYS", keys)).routes[0])
    assert request.second is not None
    return request.second.auth


def problem(folder: Path, text: str) -> str:
    """The only problem, without its file."""
    with pytest.raises(ConfigError) as refused:
        load(folder, text)
    (told,) = refused.value.problems
    return str(told).removeprefix(f"{folder}/")


def test_a_request_without_second_url_has_no_second(tmp_path: Path) -> None:
    request = asked(load(tmp_path, ROUTE.replace("KEYS", BASIC)).routes[0])
    assert (request.second, request.second_auth, request.urls) == (None, NoAuth(), (request.url,))


def test_the_second_request_is_the_first_at_another_url(tmp_path: Path) -> None:
    keys = f"second_url: 'https://api.example.com/v2?l={{{{var.LANG}}}}'\n      {BASIC}method: PUT"
    request = asked(load(tmp_path, ROUTE.replace("KEYS", keys)).routes[0])
    assert request.second is not None
    assert request.second.url.render({"var.LANG": "en"}) == "https://api.example.com/v2?l=en"
    assert (request.second.method, request.second.auth) == ("PUT", BasicAuth("u", "p"))
    assert request.second.second is None
    assert request.needs() == Needs(variables=frozenset({"LANG"}))


@pytest.mark.parametrize(
    ("keys", "meant"),
    [
        ("", NoAuth()),
        ("second_auth: {type: same}", NoAuth()),
        (f"{BASIC}second_auth: {{type: same}}", BasicAuth("u", "p")),
        (f"{BASIC}second_auth: {{type: none}}", NoAuth()),
        (f"{BASIC}second_auth: {{type: bearer, token: '${{PW}}'}}", BearerAuth("s3same")),
        ("second_auth: {type: bearer, token: '${PW}'}", BearerAuth("s3same")),
    ],
)
def test_the_second_url_gets_the_credentials_that_the_operator_gives_it(tmp_path: Path, keys: str, meant: Auth) -> None:
    assert second_auth(tmp_path, f"{SPARE}\n      {keys}") == meant


@pytest.mark.parametrize("origin", ["https://API.example.com:443", "https://api.example.com"])
def test_at_the_same_origin_the_credentials_are_the_same(tmp_path: Path, origin: str) -> None:
    assert second_auth(tmp_path, f"second_url: {origin}/spare\n      {BASIC}") == BasicAuth("u", "p")


@pytest.mark.parametrize(
    "url", ["https://spare.example.com/", "http://api.example.com/", "https://api.example.com:8443/"]
)
@pytest.mark.parametrize(
    ("keys", "what"),
    [
        (BASIC, "auth"),
        ("headers: {X-Auth-Token: abc}", "headers.X-Auth-Token"),
        ("headers: {X-Source: '${PW}'}", "headers.X-Source"),
        ("fields: {api_key: 1}", "fields.api_key"),
        ("body: {a: [{password: 1}]}", "body"),
        (f"{BASIC}headers: {{X-Source: 'a ${{PW}}'}}", "auth and headers.X-Source"),
    ],
)
def test_no_secret_goes_to_another_origin_unless_the_operator_says_so(
    tmp_path: Path, url: str, keys: str, what: str
) -> None:
    text = ROUTE.replace("KEYS", f"second_url: {url}\n      {keys}")
    told = problem(tmp_path, text)
    assert told.startswith("c.yaml:6: routes.sales.request.second_url: stands at another origin than url")
    assert f"would get {what} too; if it may, write second_auth: {{type: same}}" in told
    load(tmp_path, text.replace("    response:", "      second_auth: {type: same}\n    response:"))


def test_credentials_of_its_own_do_not_let_other_secrets_through(tmp_path: Path) -> None:
    keys = f"{SPARE}\n      second_auth: {{type: none}}\n      headers: {{X-Token: '${{PW}}'}}"
    told = problem(tmp_path, ROUTE.replace("KEYS", keys))
    assert told.startswith("c.yaml:7: routes.sales.request.second_auth: says who asks there, but headers.X-Token")
    assert "s3same" not in told


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("second_url: 'https://{{callerNumber}}/'", "6: routes.sales.request.second_url: a variable stands in the"),
        ("second_url: ftp://spare/", "6: routes.sales.request.second_url: is not an http"),
        ("second_url: 'https://api.example.com/v1?n={{callerNumber}}'", "second_url: is the same as url"),
        ("second_auth: {type: none}", "4: routes.sales.request: has second_auth, but no second_url"),
        (f"{SPARE}\n      second_auth: {{type: sane}}", 'second_auth.type: "sane" does not exist'),
        (f"{SPARE}\n      second_auth: {{type: basic, username: u}}", "second_auth.password"),
        (
            f"{SPARE}\n      headers: {{X-K: a}}\n      second_auth: {{type: api_key, name: x-k, value: v}}",
            "7: routes.sales.request.headers.X-K: is the header in which auth puts",
        ),
        (
            f"{SPARE}\n      second_auth: {{type: api_key, name: accept, value: v}}",
            "7: routes.sales.request.second_auth.name: is a header of the router's own",
        ),
    ],
)
def test_a_second_url_that_cannot_be_is_told(tmp_path: Path, keys: str, said: str) -> None:
    assert said in problem(tmp_path, ROUTE.replace("KEYS", keys))


def test_upstreams_have_their_limits_by_origin(tmp_path: Path) -> None:
    text = ROUTE.replace("KEYS", SPARE) + (
        "upstreams:\n  - {origin: 'https://API.example.com:443/', max_concurrent: 3, failures: 1, open_s: 0.5}\n"
        "  - {origin: https://spare.example.com, failures: 2}\n"
    )
    settings = load(tmp_path, text)
    assert settings.upstreams == {
        "https://api.example.com": UpstreamLimits(max_concurrent=3, failures=1, open_s=0.5),
        "https://spare.example.com": UpstreamLimits(failures=2),
    }
    assert settings.warnings == ()


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ("[{}]", "8: upstreams[0].origin: "),
        ("[{origin: https://api.example.com/v1}]", "8: upstreams[0].origin: is more than an origin"),
        ("[{origin: 'https://api.example.com?a=1'}]", "write scheme, host and port only: https://api.example.com"),
        ("[{origin: api.example.com}]", "8: upstreams[0].origin: is not an http:// or https:// URL"),
        ("[{origin: https://api.example.com, max_concurrent: 0}]", "max_concurrent: must be at least 1, not 0"),
        ("[{origin: https://api.example.com, failures: 0}]", "failures: must be at least 1, not 0"),
        ("[{origin: https://api.example.com, open_s: 0}]", "open_s: must be at least 0.1, not 0"),
        ("[{origin: https://api.example.com, opens_s: 1}]", 'opens_s: unknown key; did you mean "open_s"?'),
        (
            "[{origin: https://api.example.com}, {origin: 'https://API.example.com:443'}]",
            '8: upstreams[1].origin: "https://api.example.com" is already given at',
        ),
    ],
)
def test_an_upstream_that_cannot_be_is_told(tmp_path: Path, entries: str, said: str) -> None:
    assert said in problem(tmp_path, ROUTE.replace("KEYS", "method: GET") + f"upstreams: {entries}\n")


def test_an_upstream_that_no_route_asks_is_a_warning_with_the_nearest_one(tmp_path: Path) -> None:
    text = ROUTE.replace("KEYS", SPARE) + "upstreams: [{origin: https://app.example.com}]\n"
    (told,) = load(tmp_path, text).warnings
    assert "c.yaml:8: upstreams[0].origin: no route asks https://app.example.com" in told
    assert 'did you mean "https://api.example.com"?' in told
