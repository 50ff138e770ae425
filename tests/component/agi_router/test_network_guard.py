"""The network guard against names and addresses that lead inside: real DNS over UDP, real sockets on the loopback.

Every way out is tried: a lookup, its second URL, a token endpoint, and the connection of the doctor.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from ipaddress import ip_network
from typing import Any

import pytest
from aiohttp import web

from agi_router.lookup import guard as guard_module
from agi_router.lookup.client import LookupClient
from agi_router.lookup.guard import NetworkGuard
from agi_router.routing.auth import OAuth2Auth
from agi_router.routing.decision import FailedAttempt, LookupProgress
from agi_router.routing.errors import RoutingError
from agi_router.routing.route import Request
from agi_router.routing.url_template import UrlTemplate
from tests.component.dns import DnsResolver, NameServer, name_server
from tests.patience import PATIENCE_S

ALLOWED, FORBIDDEN = "127.0.0.1", "127.0.0.2"
ONLY_ALLOWED = NetworkGuard((ip_network(ALLOWED),))
INSIDE = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "100.127.255.254",
    "192.0.0.1",
    "192.0.0.192",
    "192.88.99.1",
    "198.18.0.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:0:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::127.0.0.1",
    "64:ff9b::8.8.8.8",
    "64:ff9b:1::10.0.0.1",
    "64:ff9b:1:ffff:ffff:ffff:a00:1",
    "100::1",
    "2001::ffff:7f00:1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:db8::1",
    "2002:7f00:1::1",
    "2002:a9fe:a9fe::",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
]
HOSTS_OF_A_LAN = {
    "127.0.0.1": "ada",
    "[::ffff:127.0.0.1]": "ada",
    "127.0.0.2": "network_denied",
    "[::ffff:127.0.0.2]": "network_denied",
    "[64:ff9b::127.0.0.1]": "network_denied",
    "[2002:7f00:1::]": "network_denied",
    "[::1]": "network_denied",
    "10.0.0.1": "network_denied",
}


@dataclass
class Api:
    """One API, at both addresses; remembers at which of them it was reached."""

    port: int = 0
    reached: list[str] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        assert request.transport is not None
        self.reached.append(request.transport.get_extra_info("sockname")[0])
        return web.Response(text="ada")


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    api = Api()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", api.handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, ALLOWED, 0).start()
    api.port = runner.addresses[0][1]
    await web.TCPSite(runner, FORBIDDEN, api.port).start()
    yield api
    await runner.cleanup()


@asynccontextmanager
async def resolving_by(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> AsyncIterator[NameServer]:
    async with name_server(*answers) as server:
        monkeypatch.setattr(guard_module, "ThreadedResolver", lambda: DnsResolver(server.port))
        yield server


async def outcome(request: Request, guard: NetworkGuard, told: list[LookupProgress] | None = None) -> str:
    """The body of the answer to one new client, or the code of the failure."""
    auths = [request.auth, request.second_auth]
    async with LookupClient(guard, auths=auths) as client:
        try:
            return (await client.ask(request, {}, ([] if told is None else told).append)).body.decode()
        except RoutingError as error:
            return error.failure.code


def request(url: str, **changes: Any) -> Request:
    return replace(Request(method="GET", url=UrlTemplate.parse(url), deadline_s=PATIENCE_S), **changes)


@pytest.mark.parametrize("address", INSIDE)
async def test_a_name_that_leads_inside_is_denied(address: str, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async with resolving_by(monkeypatch, [address]) as dns:
        assert await outcome(request(f"http://crm.example.com:{api.port}/"), NetworkGuard()) == "network_denied"
    assert dns.asked == ["AAAA", "A"]
    assert api.reached == []


async def test_the_connection_goes_to_the_address_that_was_checked(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS rebinding: the name leads to a good address when it is checked, and inside when it is asked again."""
    async with resolving_by(monkeypatch, [ALLOWED], [FORBIDDEN]) as dns:
        assert await outcome(request(f"http://crm.example.com:{api.port}/"), ONLY_ALLOWED) == "ada"
        assert dns.asked == ["AAAA", "A"]
        assert await outcome(request(f"http://crm.example.com:{api.port}/"), ONLY_ALLOWED) == "network_denied"
    assert api.reached == [ALLOWED]


async def test_every_connection_is_checked_anew(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    turns = [[ALLOWED], [FORBIDDEN], [ALLOWED, FORBIDDEN], [FORBIDDEN, ALLOWED], ["::1", ALLOWED], [FORBIDDEN, "::1"]]
    async with resolving_by(monkeypatch, *turns):
        said = [await outcome(request(f"http://crm.example.com:{api.port}/"), ONLY_ALLOWED) for _ in turns]
    assert said == ["ada", "network_denied", "ada", "ada", "ada", "network_denied"]
    assert set(api.reached) == {ALLOWED}


async def test_the_second_url_is_guarded(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    second = UrlTemplate.parse(f"http://second.example.com:{api.port}/")
    told: list[LookupProgress] = []
    async with resolving_by(monkeypatch, [FORBIDDEN]):
        asked = request(f"http://first.example.com:{api.port}/", second_url=second)
        assert await outcome(asked, ONLY_ALLOWED, told) == "network_denied"
    failed = [attempt.failure.code for attempt in told if isinstance(attempt, FailedAttempt)]
    assert failed == ["network_denied"]
    assert api.reached == []


async def test_a_token_endpoint_is_guarded(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    auth = OAuth2Auth(token_url=f"http://login.example.com:{api.port}/", client_id="c", client_secret="s")
    async with resolving_by(monkeypatch, [FORBIDDEN]):
        asked = request(f"http://{ALLOWED}:{api.port}/", auth=auth)
        assert await outcome(asked, ONLY_ALLOWED) == "network_denied"
    assert api.reached == []


async def test_the_doctors_connection_is_guarded(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async with resolving_by(monkeypatch, [FORBIDDEN]), LookupClient(ONLY_ALLOWED) as client:
        with pytest.raises(RoutingError) as caught:
            await client.reach(request(f"http://crm.example.com:{api.port}/"))
    assert caught.value.failure.code == "network_denied"


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1.",
        "127.1",
        "127.0.1",
        "2130706433",
        "017700000001",
        "0177.0.0.1",
        "0x7f.0.0.1",
        "0x7f000001",
        "0X7F.1",
        "127.000.000.001",
        "0",
        "0.0.0.0",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
    ],
)
async def test_no_way_of_writing_an_address_of_our_own_reaches_it(host: str, api: Api) -> None:
    code = await outcome(request(f"http://{host}:{api.port}/"), NetworkGuard())
    assert code in {"network_denied", "api_url", "api_dns"}
    assert api.reached == []


async def test_an_allowed_network_opens_itself_and_nothing_beside_it(api: Api) -> None:
    guard = NetworkGuard((ip_network("127.0.0.0/31"),))
    said = {host: await outcome(request(f"http://{host}:{api.port}/"), guard) for host in HOSTS_OF_A_LAN}
    assert said == HOSTS_OF_A_LAN
    assert api.reached == [ALLOWED] * 2
