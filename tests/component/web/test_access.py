"""Who is let in: every wrong credential, network, proxy and scope, over every path of the API."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from fastapi.routing import APIRoute
from structlog.testing import capture_logs

from ari_app.access.key import KeyLimits, Token, new_key
from ari_app.access.networks import network
from ari_app.access.scopes import Scope
from ari_app.calls.clock import now
from ari_app.web.access import ScopeCheck
from ari_app.web.app import RESOURCES, build
from ari_app.web.links import PREFIX
from ari_app.web.services import Services
from tests.component.web.rig import CONFIG, KEY, TOKEN, WebRig, web_rig

OPEN = {"/healthz", "/readyz", "/metrics"}
BY_LINK = {"/recordings/{recording_id}"}
"""Shut by a signature: test_recording_links.py."""
DOCS = {"/openapi.json", "/docs", "/docs/oauth2-redirect", "/static-offline-docs"}
WITHOUT_SCOPE = {f"{PREFIX}/whoami"}
ROUTES = [
    (method, f"{PREFIX}{route.path}".replace(":path", "").replace("{", "").replace("}", ""), route)
    for resource in RESOURCES
    for route in resource.routes
    if isinstance(route, APIRoute)
    for method in sorted(route.methods or ())
]
NAMES = [f"{method} {path}" for method, path, _ in ROUTES]


def scope_of(route: APIRoute) -> Scope | None:
    checks = [found.call for found in route.dependant.dependencies if isinstance(found.call, ScopeCheck)]
    assert len(checks) <= 1
    return checks[0].scope if checks else None


def bearer(token: str) -> Mapping[str, str]:
    return {"authorization": f"Bearer {token}"}


@asynccontextmanager
async def api(folder: Path, **web: str) -> AsyncIterator[WebRig]:
    """With these keys of `web` in its configuration."""
    given = ", ".join(f"{name}: {value}" for name, value in web.items())
    async with web_rig(folder, CONFIG.replace("requests_per_minute: off, wrong_keys_per_minute: 1000", given)) as rig:
        yield rig


def added(web: WebRig, **changes: Any) -> str:
    """The token of a new key of this rig."""
    key, token = new_key("crm", frozenset(Scope), now())
    web.keys.put(replace(key, **changes))
    return token.text


@pytest.mark.parametrize(("method", "path", "route"), ROUTES, ids=NAMES)
def test_every_path_names_the_scope_that_it_needs(method: str, path: str, route: APIRoute) -> None:
    assert (scope_of(route) is None) == (path in WITHOUT_SCOPE)


async def test_beside_the_api_only_its_docs_and_the_checks_of_health_are_open(web: WebRig) -> None:
    async with web.http.get(f"{web.url}/openapi.json") as answer:
        paths = (await answer.json())["paths"]
    assert {
        path for path, operations in paths.items() for each in operations.values() if "security" not in each
    } <= OPEN | BY_LINK
    app = build(cast("Services", None))  # handed on to requests, of which there are none
    assert {path for route in app.routes if (path := getattr(route, "path", None))} <= OPEN | BY_LINK | DOCS


async def test_every_path_is_shut_for_wrong_credentials_and_tells_none_apart(web: WebRig) -> None:
    wrong_network = added(web, name="a", networks=(network("192.0.2.0/24"),))
    no_network = added(web, name="b", networks=())
    expired = added(web, name="c", expires_at=now())
    revoked = added(web, name="d", revoked_at=now())
    key, old = new_key("e", frozenset(Scope), now())
    web.keys.put(key.rotated(old_until=now() - timedelta(seconds=1), expires_at=None)[0])
    wrong = [
        bearer(wrong_network),
        bearer(no_network),
        bearer(expired),
        bearer(revoked),
        bearer(old.text),
        bearer(TOKEN[:-1] + "0"),
        bearer(Token("f" * 12, "0" * 64).text),
        bearer(TOKEN + "0"),
        bearer(TOKEN[:-1]),
        bearer("x"),
        bearer(TOKEN.upper()),
        {"x-api-key": revoked},
        {"x-api-key": "x"},
        {**bearer(TOKEN), "x-api-key": revoked},
        {**bearer(TOKEN), "x-api-key": "x"},
    ]
    none: list[Mapping[str, str]] = [
        {},
        {"authorization": TOKEN},
        {"authorization": f"Basic {TOKEN}"},
        {"cookie": f"x-api-key={TOKEN}"},
    ]
    shown = [(headers, 'Bearer error="invalid_token"') for headers in wrong] + [(headers, "Bearer") for headers in none]
    bodies = set()
    for method, path, _ in ROUTES:
        for headers, challenge in shown if path == f"{PREFIX}/live" else (shown[0], shown[-1]):
            async with web.http.request(method, f"{web.url}{path}?token={TOKEN}", headers=headers) as answer:
                assert (answer.status, answer.headers["www-authenticate"]) == (401, challenge), (method, path, headers)
                bodies.add(await answer.text())
    assert len(bodies) == 1


@pytest.mark.parametrize(("method", "path", "route"), ROUTES, ids=NAMES)
async def test_every_path_is_shut_for_a_key_with_all_scopes_but_its_own(
    web: WebRig, method: str, path: str, route: APIRoute
) -> None:
    scope = scope_of(route)
    if scope is None:
        return
    web.scopes = set(Scope) - {scope}
    async with web.http.request(method, f"{web.url}{path}", headers=bearer(TOKEN)) as answer:
        problem = await answer.json(content_type=None)
    assert (answer.status, problem["code"]) == (403, "scope_missing")
    assert scope.value in problem["detail"]
    assert answer.headers["www-authenticate"] == f'Bearer error="insufficient_scope", scope="{scope.value}"'
    web.scopes = {scope}
    async with web.http.request(method, f"{web.url}{path}", headers=bearer(TOKEN)) as answer:
        assert answer.status not in {401, 403}


async def test_a_key_is_told_whose_it_is_by_either_header(web: WebRig) -> None:
    until = now() + timedelta(days=1)
    token = added(web, scopes=frozenset({Scope.CALLS_READ, Scope.AGENTS_READ}), expires_at=until)
    for headers in (
        bearer(token),
        {"x-api-key": token},
        {"authorization": f"bearer  {token}"},
        {**bearer(token), "x-api-key": token},
        {"authorization": "Basic eDp4", "x-api-key": token},
    ):
        status, told = await web.ask("GET", "/whoami", headers=headers)
        assert status == 200
        assert (told["key"], told["scopes"]) == ("crm", ["agents:read", "calls:read"])
        assert told["expires_at"] == until.isoformat().replace("+00:00", "Z")


async def test_why_nobody_was_let_in_stands_in_the_log_once_and_without_the_secret(web: WebRig) -> None:
    expired = added(web, expires_at=now())
    with capture_logs() as lines:
        for token in (expired, expired, TOKEN[:-1] + "0"):
            await web.ask("GET", "/whoami", headers=bearer(token))
    told = [(line["reason"], line["key"], line["address"]) for line in lines if "let in" in line["event"]]
    assert told == [
        ("the key has expired", "crm", "127.0.0.1"),
        ("the secret is wrong, or was replaced", "", "127.0.0.1"),
    ]
    assert expired.rpartition("_")[2] not in str(lines)


async def who_is_let_in(web: WebRig, token: str, *forwarded_for: str) -> int:
    headers = [*bearer(token).items(), *(("x-forwarded-for", value) for value in forwarded_for)]
    async with web.http.get(f"{web.url}{PREFIX}/whoami", headers=headers) as answer:
        return answer.status


async def test_nobody_moves_to_another_network_by_a_header_of_his_own(web: WebRig) -> None:
    token = added(web, networks=(network("192.0.2.0/24"),))
    for forwarded_for in ([], ["192.0.2.9"], ["192.0.2.9, 127.0.0.1"]):
        assert await who_is_let_in(web, token, *forwarded_for) == 401
    assert await who_is_let_in(web, TOKEN, "192.0.2.9") == 200, "it is from here all the same"


async def test_a_trusted_proxy_tells_where_requests_come_from(tmp_path: Path) -> None:
    async with api(tmp_path, trusted_proxies="[127.0.0.1, 10.0.0.0/8]") as web:
        token = added(web, networks=(network("192.0.2.0/24"),))
        for right in (["192.0.2.9"], ["192.0.2.9:4711"], ["127.0.0.1", "192.0.2.9"], ["x, 192.0.2.9, 10.1.1.1"]):
            assert await who_is_let_in(web, token, *right) == 200, right
        for wrong in ([], [""], ["198.51.100.1"], ["192.0.2.9, 198.51.100.1"], ["192.0.2.9", "x"], ["[::1"]):
            assert await who_is_let_in(web, token, *wrong) == 401, wrong
        assert await who_is_let_in(web, TOKEN, "192.0.2.9") == 401, (
            "a key for this machine is none for its proxy's clients"
        )
        assert await who_is_let_in(web, TOKEN, "127.0.0.1") == 200


@pytest.mark.parametrize(
    ("headers", "by_forwarded", "by_the_other"),
    [
        ({"forwarded": 'for=127.0.0.1, for="192.0.2.9:4711";proto=https'}, 200, 401),
        ({"forwarded": "for=192.0.2.9, for=198.51.100.1"}, 401, 401),
        ({"x-forwarded-for": "192.0.2.9"}, 401, 200),
        ({"forwarded": "for=198.51.100.1", "x-forwarded-for": "192.0.2.9"}, 401, 200),
        ({"forwarded": "for=192.0.2.9", "x-forwarded-for": "198.51.100.1"}, 200, 401),
    ],
)
async def test_of_the_two_headers_of_proxies_only_the_one_that_is_configured_is_read(
    tmp_path: Path, headers: dict[str, str], by_forwarded: int, by_the_other: int
) -> None:
    for chosen, status in {"Forwarded": by_forwarded, "X-Forwarded-For": by_the_other}.items():
        async with api(tmp_path, trusted_proxies="[127.0.0.1]", proxy_header=chosen) as web:
            shown = bearer(added(web, networks=(network("192.0.2.0/24"),)))
            async with web.http.get(f"{web.url}{PREFIX}/whoami", headers={**shown, **headers}) as answer:
                assert answer.status == status, chosen


async def test_who_guesses_is_locked_out_by_his_address_for_a_while(tmp_path: Path) -> None:
    async with api(tmp_path, wrong_keys_per_minute="3", trusted_proxies="[127.0.0.1]") as web:
        token = added(web, networks=(network("192.0.2.0/24"),))
        for guess in (0, 0, 0, 0, 1, 1, 2):
            assert await who_is_let_in(web, Token("f" * 12, f"{guess:064x}").text, "192.0.2.9") == 401
        for shown in (Token("f" * 12, "9" * 64).text, token):
            headers = {**bearer(shown), "x-forwarded-for": "192.0.2.9"}
            async with web.http.get(f"{web.url}{PREFIX}/whoami", headers=headers) as answer:
                problem = await answer.json(content_type=None)
            assert (answer.status, problem["code"]) == (429, "too_many_wrong_keys")
            assert 50 < int(answer.headers["retry-after"]) <= 60
        assert await who_is_let_in(web, token, "192.0.2.10") == 200, "his neighbour works on"


async def test_who_works_is_not_locked_out_by_who_guesses_behind_the_same_address(tmp_path: Path) -> None:
    async with api(tmp_path, wrong_keys_per_minute="3") as web:
        assert await who_is_let_in(web, TOKEN) == 200
        never_shown = added(web)
        for guess in range(4):
            assert await who_is_let_in(web, Token("f" * 12, f"{guess:064x}").text) in {401, 429}
        assert await who_is_let_in(web, never_shown) == 429
        assert await who_is_let_in(web, TOKEN) == 200
        web.keys.put(replace(KEY, revoked_at=now()))
        assert await who_is_let_in(web, TOKEN) == 401, "known as it is"


async def test_a_key_that_asks_too_often_is_told_when_it_may_again(tmp_path: Path) -> None:
    async with api(tmp_path, requests_per_minute="2") as web:
        more = added(web, limits=KeyLimits(requests_per_minute=3))
        answers = []
        for token in (TOKEN, TOKEN, TOKEN, more, more, more, more):
            async with web.http.get(f"{web.url}{PREFIX}/live", headers=bearer(token)) as answer:
                answers.append((answer.status, answer.headers))
                problem = await answer.json(content_type=None)
    assert [status for status, _ in answers] == [200, 200, 429, 200, 200, 200, 429]
    assert problem["code"] == "too_many_requests"
    first, last = answers[0][1], answers[2][1]
    assert first["ratelimit-policy"] == '"requests";q=2;w=60'
    assert first["ratelimit"].startswith('"requests";r=1;t=')
    assert "retry-after" not in first
    assert last["ratelimit"].startswith('"requests";r=0;t=')
    assert 50 < int(last["retry-after"]) <= 60


async def test_of_a_hundred_requests_at_one_instant_not_one_too_many_is_answered(tmp_path: Path) -> None:
    async with api(tmp_path, requests_per_minute="10") as web:
        answers = await asyncio.gather(*(web.ask("GET", "/whoami") for _ in range(100)))
    assert sorted(status for status, _ in answers) == [200] * 10 + [429] * 90


async def test_errors_tell_the_quota_too(tmp_path: Path) -> None:
    async with api(tmp_path, requests_per_minute="10") as web:
        web.scopes = set()
        async with web.http.get(f"{web.url}{PREFIX}/live", headers=bearer(TOKEN)) as answer:
            assert (answer.status, "ratelimit" in answer.headers) == (403, True)
        async with web.http.get(f"{web.url}{PREFIX}/live") as answer:
            assert (answer.status, "ratelimit" in answer.headers) == (401, False)
