"""Lookups with OAuth 2.0, and what they have told."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from agi_router.lookup import tokens
from agi_router.lookup.client import Answer, LookupClient
from agi_router.lookup.grants import GrantMemory
from agi_router.routing.auth import OAuth2Auth
from agi_router.routing.decision import LookupProgress
from agi_router.routing.errors import Failure, RoutingError
from agi_router.routing.route import Request
from agi_router.routing.url_template import UrlTemplate
from tests.component.http_api import LOOPBACK, Handler, api
from tests.component.oidc.server import Provider
from tests.patience import PATIENCE_S


@dataclass
class Asking:
    """A client for one way to authenticate, and what it has told."""

    client: LookupClient
    request: Request
    told: list[LookupProgress] = field(default_factory=list)

    async def __call__(self, **changes: Any) -> Answer:
        return await self.client.ask(replace(self.request, **changes), {}, self.told.append)

    async def failure(self, **changes: Any) -> Failure:
        with pytest.raises(RoutingError) as caught:
            await self(**changes)
        return caught.value.failure

    @property
    def source(self) -> tokens.TokenSource:
        assert isinstance(self.request.auth, OAuth2Auth)
        return self.client.tokens[self.request.auth]


@asynccontextmanager
async def asking(auth: OAuth2Auth, handler: Handler, memory: GrantMemory | None = None) -> AsyncIterator[Asking]:
    ca_files = [auth.ca_file] if auth.ca_file else []
    async with api(handler) as port, LookupClient(LOOPBACK, ca_files, auths=[auth], grants=memory) as client:
        url = UrlTemplate.parse(f"http://127.0.0.1:{port}/")
        yield Asking(client, Request(method="GET", url=url, auth=auth, deadline_s=PATIENCE_S))


def service(provider: Provider, **changes: Any) -> OAuth2Auth:
    given = {"token_url": provider.token_url, "client_id": "service", "client_secret": provider.secret("service")}
    return OAuth2Auth(**given | {"scope": "calls"} | changes)


async def user(provider: Provider, **changes: Any) -> OAuth2Auth:
    given = {"token_url": provider.token_url, "client_id": "user", "client_secret": provider.secret("user")}
    return OAuth2Auth(**given | {"refresh_token": await provider.refresh_token()} | changes)
