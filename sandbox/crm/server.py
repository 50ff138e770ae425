"""The HTTP server of a CRM that stands in: who may ask, what it was asked, and its faults."""

import asyncio
import json
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, assert_never

from aiohttp import web

from sandbox.crm.faults import Fault, Faults, Trouble
from sandbox.http_server import HttpServer
from sandbox.patience import PATIENCE_S

Authorise = Callable[[str], Awaitable[bool]]
"""Whether this Authorization header, "" without one, is that of somebody who may ask."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedRequest:
    """A request as it arrived; `body` is its JSON, None where it has none (a file is not kept here)."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any


class CrmServer(HttpServer):
    """An HTTP server at `address`, on a free port, up between `async with` and its end.

    `authorise` None lets everybody in; whoever is not let in gets 401 without credentials, else `refusal`. `delay_s`
    is how long each request takes, which is not carried out before `after` is set. All of them may be changed at any
    time.
    """

    def __init__(self, address: str = "127.0.0.1", port: int = 0) -> None:
        super().__init__(address, port)
        self.faults = Faults()
        self.authorise: Authorise | None = None
        self.refusal = 403
        self.delay_s = 0.0
        self.after: asyncio.Event | None = None
        self.requests: list[ReceivedRequest] = []
        self._news = asyncio.Condition()

    def application(self) -> web.Application:
        """See HttpServer."""
        app = web.Application(middlewares=[self._failing])
        self.add_routes(app)
        return app

    def accept(self, *headers: str) -> None:
        """Let in whoever has one of these Authorization headers (see `sandbox.api.basic` and `bearer`)."""

        async def is_one(given: str) -> bool:
            return given in headers

        self.authorise = is_one

    async def until(self, holds: Callable[[], bool], timeout_s: float = PATIENCE_S) -> None:
        """Wait until this is true of what the CRM keeps; it is looked at when a request comes, and after it."""
        try:
            async with asyncio.timeout(timeout_s), self._news:
                await self._news.wait_for(holds)
        except TimeoutError:
            asked = [f"{each.method} {each.path}" for each in self.requests]
            raise TimeoutError(f"the CRM never came to this; it was asked {asked}") from None

    @abstractmethod
    def add_routes(self, app: web.Application) -> None:
        """The CRM's own API."""

    @web.middleware
    async def _failing(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        await self._keep(request)
        await self._tell_news()
        try:
            fault = self.faults.take(request.method, request.path)
            await asyncio.sleep(self.delay_s if fault is None else fault.delay_s)
            if self.after is not None:
                await self.after.wait()
            refused = await self._refused(request)
            if refused is not None:
                return refused
            if fault is None:
                return await handler(request)
            if fault.is_done:
                await handler(request)
                await self._tell_news()
            return await _failed(request, fault)
        finally:
            await self._tell_news()

    async def _tell_news(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def _keep(self, request: web.Request) -> None:
        body: Any = None
        if request.content_type.endswith("json"):
            text = await request.text()
            body = json.loads(text) if text else None
        self.requests.append(
            ReceivedRequest(
                method=request.method,
                path=request.path,
                query=dict(request.query),
                headers=dict(request.headers),
                body=body,
            )
        )

    async def _refused(self, request: web.Request) -> web.Response | None:
        given = request.headers.get("Authorization", "")
        if self.authorise is None or await self.authorise(given):
            return None
        status = self.refusal if given else 401
        return web.json_response({"error": "you may not"}, status=status)


async def _failed(request: web.Request, fault: Fault) -> web.StreamResponse:
    match fault.trouble:
        case Trouble.STATUS:
            headers = {} if fault.retry_after is None else {"Retry-After": fault.retry_after}
            return web.json_response({"error": "out of order"}, status=fault.status, headers=headers)
        case Trouble.HANG:
            await asyncio.Event().wait()
            raise AssertionError
        case Trouble.DISCONNECT:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        case Trouble.GARBAGE:
            return web.Response(text="<html>out of order", content_type="text/html")
        case _:
            assert_never(fault.trouble)
