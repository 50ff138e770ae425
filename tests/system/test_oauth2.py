"""Calls whose lookup needs an access token from a real token endpoint (oidc-provider), on a real Asterisk."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from ari_app.domain import events as e
from sandbox import Phone
from sandbox.router import Config
from tests.component.http_api import api
from tests.component.oidc.crm import Crm
from tests.component.oidc.server import Provider, running_provider
from tests.patience import PATIENCE_S
from tests.system.rig import ADA, Rig, running


@pytest.fixture(scope="module")
def started_provider() -> Iterator[Provider]:
    with running_provider() as running:
        yield running


@pytest.fixture
async def provider(started_provider: Provider) -> Provider:
    await started_provider.reset()
    return started_provider


@dataclass(frozen=True)
class Office:
    """The rig, and an API that takes only what the token endpoint has given out."""

    rig: Rig
    crm: Crm

    async def rings(self, phone: Phone) -> Sequence[e.CallEvent]:
        """`is_busy`, and its story."""
        await self.is_busy(phone)
        await self.rig.idle()
        return await self.rig.router.trace((await self.rig.router.records())[-1].call_id)

    async def is_busy(self, phone: Phone) -> None:
        """A call for which this phone rings, and is busy."""
        call = await self.rig.call()
        await (await phone.next_call()).reject(486)
        assert await call.final_status() == 486


@asynccontextmanager
async def office(
    provider: Provider, client_id: str = "service", *, deadline_s: float = 10, **auth: Any
) -> AsyncIterator[Office]:
    """The router is this client of the provider."""
    given = {"type": "oauth2", "token_url": provider.token_url, "client_id": client_id}
    given["client_secret"] = provider.secret(client_id)
    crm = Crm(provider, says=ADA)
    async with api(crm.handle) as port:

        def asking_with_tokens(config: Config) -> None:
            request = {"url": f"http://127.0.0.1:{port}/", "auth": given | auth, "deadline_s": deadline_s}
            sales = config["routes"]["sales"]
            sales |= {"request": request, "response": {"format": "text", "type": "user"}}
            sales["fallback"] = [{"endpoint": "PJSIP/carol"}, {"hangup": "busy"}]
            config["network"]["allowed_networks"].append("127.0.0.1/32")

        async with running(asking_with_tokens) as rig:
            yield Office(rig, crm)


def failures(story: Sequence[e.CallEvent]) -> list[tuple[type[e.CallEvent], str]]:
    return [(type(event), event.code) for event in story if isinstance(event, e.AttemptFailed | e.LookupFailed)]


async def test_calls_share_a_token_and_a_revoked_one_is_replaced_within_the_call(provider: Provider) -> None:
    async with office(provider, scope="calls") as here, here.rig.user("ada") as ada:
        for _ in range(2):
            assert failures(await here.rings(ada)) == []
        assert await provider.requests() == [("client_credentials", "")]
        first, second = here.crm.shown
        assert first == second

        await provider.revoke(first)
        assert failures(await here.rings(ada)) == [(e.AttemptFailed, "api_status")]
        assert await provider.requests() == [("client_credentials", "")] * 2
        assert here.crm.shown[2] == first != here.crm.shown[3]
        log = here.rig.router.log_path.read_text()
        assert not any(token in log for token in here.crm.shown)


async def test_an_expired_token_is_replaced_with_a_refresh_token_that_rotates_also_over_a_restart(
    provider: Provider,
) -> None:
    """Tokens that live a second are too near their end for a second question."""
    await provider.let_tokens_live(1)
    granted = await provider.refresh_token()
    async with office(provider, "user", refresh_token=granted) as here, here.rig.user("ada") as ada:
        await provider.answered(1)
        assert failures(await here.rings(ada)) == []
        await here.rig.router.stop()
        await here.rig.router.start()
        await provider.answered(3)
        assert failures(await here.rings(ada)) == []
        assert len(set(here.crm.shown)) == len(here.crm.shown) == 2
        # One for each start, and one for each call; used twice, a refresh token would be refused.
        assert await provider.requests() == [("refresh_token", "")] * 4


async def test_while_the_token_endpoint_is_down_the_fallback_rings_and_says_why(
    provider: Provider, unused_tcp_port: int
) -> None:
    nowhere = f"http://127.0.0.1:{unused_tcp_port}/token"
    async with office(provider, token_url=nowhere) as here, here.rig.user("carol") as carol:
        assert failures(await here.rings(carol)) == [(e.LookupFailed, "oauth_unreachable")]
        assert here.crm.shown == []


async def test_when_no_new_token_comes_for_a_revoked_one_the_fallback_rings_in_time(provider: Provider) -> None:
    async with office(provider, deadline_s=5) as here, here.rig.user("ada") as ada:
        await here.rings(ada)
        await provider.revoke(here.crm.shown[0])
        await provider.hold()
        async with here.rig.user("carol") as carol:
            await here.is_busy(carol)
        await provider.release()
        await here.rig.idle()
        record = (await here.rig.router.records())[-1]
        story = await here.rig.router.trace(record.call_id)
        (failed,) = [event for event in story if isinstance(event, e.LookupFailed)]
        assert failed.code == "oauth_timeout"
        assert (failed.at - story[0].at).total_seconds() < PATIENCE_S  # the token endpoint never answers
        assert failures(await here.rings(ada)) == []
