"""RateLimit headers, on every answer to a key: also on errors, files and streams, which no path operation decorates."""

from typing import Final

from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ari_app.access.rates import Quota

_QUOTA: Final = "quota"


def tell_quota(request: Request, quota: Quota) -> None:
    """Have the answer to this request tell how its key stands."""
    setattr(request.state, _QUOTA, quota)


class RateHeaders:
    """ASGI middleware that adds them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        state = scope.setdefault("state", {})

        async def send_with_quota(message: Message) -> None:
            if message["type"] == "http.response.start" and (quota := state.get(_QUOTA)) is not None:
                MutableHeaders(scope=message).update(dict(quota.headers))
            await send(message)

        await self._app(scope, receive, send_with_quota)
