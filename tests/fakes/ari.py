"""An ARI over loopback that takes requests over websockets, and does with each what a test tells it."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self

from aiohttp import WSMsgType, web

from ari_app.asterisk.settings import AriSettings
from tests.patience import PATIENCE_S

Message = dict[str, Any]
Taking = Callable[[web.WebSocketResponse, Message], Awaitable[None]]

_EVENTS = {
    "path": "/events",
    "operations": [
        {
            "httpMethod": "GET",
            "upgrade": "websocket",
            "websocketProtocol": "ari",
            "nickname": "eventWebsocket",
            "responseClass": "Message",
            "parameters": [
                {"name": "app", "paramType": "query", "required": True, "allowMultiple": True, "dataType": "string"}
            ],
        }
    ],
}

_APPLICATIONS = {
    "path": "/applications/{applicationName}/subscription",
    "operations": [
        {
            "httpMethod": "DELETE",
            "nickname": "unsubscribe",
            "responseClass": "Application",
            "parameters": [
                {"name": "applicationName", "paramType": "path", "required": True, "dataType": "string"},
                {"name": "eventSource", "paramType": "query", "required": True, "dataType": "string"},
            ],
        }
    ],
}
_DESCRIBED = {"events": _EVENTS, "applications": _APPLICATIONS}


def response(message: Message, status: int = 204, body: Message | None = None, **more: str) -> str:
    """The answer to a RESTRequest, as Asterisk gives it."""
    told: Message = {"type": "RESTResponse", "request_id": message["request_id"], "status_code": status}
    told |= {"reason_phrase": "as told", "uri": message["uri"], **more}
    return json.dumps(told if body is None else told | {"message_body": json.dumps(body)})


class Ari:
    """`take` is what happens to a request over a websocket; `over_http` and `over_websockets` are those that came."""

    def __init__(self, *, takes_requests: bool = True) -> None:
        self.over_websockets: list[Message] = []
        self.over_http: list[str] = []
        self.apps: list[str] = []
        self.opened = asyncio.Condition()
        self._websockets: dict[str, web.WebSocketResponse] = {}
        self.take: Taking = self.answer
        self._models = ["RESTRequest", "RESTResponse"] if takes_requests else ["StasisStart"]
        self._runner = web.AppRunner(self._app(), shutdown_timeout=0.1)
        self._port = 0

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    def settings(self, *, request_sockets: int = 1, request_timeout_s: float = PATIENCE_S) -> AriSettings:
        """How to reach it."""
        return AriSettings(
            url=f"http://127.0.0.1:{self._port}",
            username="router",
            password="x",
            request_sockets=request_sockets,
            request_timeout_s=request_timeout_s,
        )

    async def answer(self, websocket: web.WebSocketResponse, message: Message) -> None:
        """204 to everything."""
        await websocket.send_str(response(message))

    async def has_open(self, websockets: int) -> None:
        """Wait until this many have been opened, the event stream among them."""
        async with asyncio.timeout(PATIENCE_S), self.opened:
            await self.opened.wait_for(lambda: len(self.apps) >= websockets)

    async def drop(self, app: str) -> None:
        """End the newest websocket of this application."""
        await self._websockets[app].close()

    def _app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/ari/api-docs/resources.json", self._resources)
        app.router.add_get("/ari/api-docs/{resource}.json", self._describe)
        app.router.add_get("/ari/events", self._websocket)
        app.router.add_route("*", "/ari/{rest:.*}", self._request)
        return app

    @property
    def _base(self) -> str:
        return f"http://127.0.0.1:{self._port}/ari"

    async def _resources(self, _: web.Request) -> web.Response:
        apis = [{"path": f"/api-docs/{name}.{{format}}", "description": name} for name in _DESCRIBED]
        return web.json_response({"swaggerVersion": "1.1", "basePath": self._base, "apis": apis})

    async def _describe(self, request: web.Request) -> web.Response:
        resource = request.match_info["resource"]
        models = {name: {"id": name, "properties": {}} for name in self._models}
        told = {"swaggerVersion": "1.1", "basePath": self._base, "resourcePath": f"/api-docs/{resource}.{{format}}"}
        return web.json_response(told | {"apis": [_DESCRIBED[resource]], "models": models})

    async def _websocket(self, request: web.Request) -> web.WebSocketResponse:
        websocket = web.WebSocketResponse()
        await websocket.prepare(request)
        async with self.opened:
            self.apps.append(request.query["app"])
            self._websockets[request.query["app"]] = websocket
            self.opened.notify_all()
        async for message in websocket:
            if message.type is WSMsgType.TEXT:
                asked = message.json()
                self.over_websockets.append(asked)
                await self.take(websocket, asked)
        return websocket

    async def _request(self, request: web.Request) -> web.Response:
        self.over_http.append(f"{request.method} {request.path_qs}")
        return web.Response(status=204)
