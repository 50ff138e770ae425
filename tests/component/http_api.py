"""APIs on the loopback: a real HTTP server around one handler."""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_network
from typing import Any

from aiohttp import web

from agi_router.lookup.guard import NetworkGuard

LOOPBACK = NetworkGuard((ip_network("127.0.0.0/8"),))
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def api(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """An HTTP server; gives its port."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def replies(**response: Any) -> Handler:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(**response)

    return handler
