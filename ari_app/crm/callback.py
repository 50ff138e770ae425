"""The page on this host that a browser comes back to after a login by OAuth 2.0, and goes once it was there."""

import asyncio
import errno
import html
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

from aiohttp import web

from agi_router.routing.errors import RoutingError
from ari_app.crm.settings import LoginSettings

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>agi-router</title>
<body style="font: 16px system-ui; margin: 4em auto; max-width: 32em"><h1>{title}</h1><p>{text}</p></body></html>
"""
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",  # the address holds the code
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
}


class Callback:
    """The page while it is open. `settings` have the port that it really has; `why_not` tells why there is no page."""

    def __init__(self, settings: LoginSettings) -> None:
        self.settings = settings
        self.why_not = ""
        self.code: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._read: Callable[[str], str] | None = None

    def expect(self, code_of: Callable[[str], str]) -> None:
        """From now on `code` gets what this makes of the address that the browser comes back to."""
        self._read = code_of

    def take(self, came_back: str) -> RoutingError | None:
        """The browser came back, or somebody brings its address; what is wrong with it.

        One that another login has asked for is not waited for. Any other brings the code, or why there is none.
        """
        if self._read is None or self.code.done():
            return None
        try:
            self.code.set_result(self._read(came_back))
        except RoutingError as error:
            if error.failure.code != "oauth_other_login":
                self.code.set_exception(error)
            return error
        return None

    async def answer(self, request: web.Request) -> web.Response:
        """What the browser shows."""
        error = self.take(str(request.rel_url))
        if error is not None:
            return _page("No login", f"{error.failure.message}: {error.failure.remedy}.", status=400)
        return _page("All right", "You can close this page. The terminal tells how it went on.")


@asynccontextmanager
async def listening(settings: LoginSettings) -> AsyncIterator[Callback]:
    """Have the page until the block ends, if its port is free."""
    callback = Callback(settings)
    app = web.Application()
    app.router.add_get(settings.callback_path, callback.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, "127.0.0.1", settings.callback_port).start()
            port = runner.addresses[0][1]
            callback.settings = replace(settings, callback_port=port)
            if settings.callback_host == "localhost":
                await _listen_by_ipv6(runner, port)
        except OSError as error:
            callback.why_not = error.strerror or str(error)
        yield callback
    finally:
        await runner.cleanup()
        if callback.code.done():
            callback.code.exception()  # whoever did not wait for it need not be told of it


async def _listen_by_ipv6(runner: web.AppRunner, port: int) -> None:
    """Browsers try ::1 first: another user of this host who listens there would be shown the code. Raises OSError."""
    try:
        await web.TCPSite(runner, "::1", port).start()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise  # what does not exist here is nobody's


def _page(title: str, text: str, status: int = 200) -> web.Response:
    body = _PAGE.format(title=html.escape(title), text=html.escape(text))
    return web.Response(text=body, content_type="text/html", status=status, headers=_HEADERS)
