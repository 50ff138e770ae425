"""aioari behind a thin subclass that mends what was found by experiment (aioari 0.10.2, aioswagger11 0.9.1).

- Credentials go in the Authorization header. aioswagger11 puts them into the URL, unquoted in the websocket's, where a
  password with & or % fails and every exception shows it.
- Each request has a deadline, and its answer is read at once, so that the connection is free for the next one.
- Requests go over websockets where Asterisk takes them there (ari_app.asterisk.request_socket), else over HTTP.
- Errors are ours (ari_app.calls.ports); aioswagger11 raises aiohttp's *server* exceptions.
- The websocket has a heartbeat, and events go to one synchronous function: aioari awaits callbacks in its read loop.
"""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import structlog
from aioari.client import Client
from aioswagger11.http_client import HttpClient

from ari_app.asterisk.request_socket import LONGEST_QUEUE, Answer, RequestSocket
from ari_app.asterisk.settings import AriSettings
from ari_app.calls.ports import NotFoundError, RefusedError, TelephonyError, UnreachableError

log = structlog.get_logger(__name__)

CONNECT_TIMEOUT_S: Final = 2.0
CONNECTIONS: Final = 40
"""Bounds what a burst of calls opens at once; Asterisk's http.conf allows 100 sessions by default."""
IDLE_S: Final = 10.0
"""Asterisk closes idle connections after 15 s (http.conf session_keep_alive); ours must be the first to go."""
REQUEST_SOCKET_RETRY_S: Final = 1.0

Event = dict[str, Any]


class AriHttp(HttpClient):
    """What aioswagger11 calls for its requests. `sockets` are the open ones that requests may take."""

    def __init__(self, settings: AriSettings) -> None:
        self._settings = settings
        self._session = aiohttp.ClientSession(
            headers={"Authorization": aiohttp.encode_basic_auth(settings.username, settings.password, "utf-8")},
            timeout=aiohttp.ClientTimeout(total=settings.request_timeout_s, sock_connect=CONNECT_TIMEOUT_S),
            connector=aiohttp.TCPConnector(limit=CONNECTIONS, keepalive_timeout=IDLE_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )
        self.sockets: list[RequestSocket] = []

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def request(
        self,
        method: str,
        url: str,
        params: Mapping[str, Any] | None = None,
        data: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request. Raises a TelephonyError."""
        socket = self._shortest_queue(method, params)
        try:
            if socket is not None:
                async with asyncio.timeout(self._settings.request_timeout_s):
                    answer = await socket.request(method, url.rpartition("/ari/")[2], params, data)
            else:
                answer = await self._over_http(method, url, params, data, headers)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise UnreachableError(f"Asterisk's ARI at {self._settings.url}: {_seen(error)}") from error
        if answer.status >= 300:
            raise _refusal(method, url, answer)
        return answer

    def _shortest_queue(self, method: str, params: Mapping[str, Any] | None) -> RequestSocket | None:
        """None sends the request over HTTP."""
        if method == "GET" and not params:
            return None  # it may list all there is, and Asterisk closes a websocket that takes over 100 ms to read
        socket = min(self.sockets, key=lambda socket: socket.queue, default=None)
        return socket if socket is not None and socket.queue < LONGEST_QUEUE else None

    async def _over_http(
        self,
        method: str,
        url: str,
        params: Mapping[str, Any] | None,
        data: Any,
        headers: Mapping[str, str] | None,
    ) -> Answer:
        async with self._session.request(
            method, url, params=params, data=data, headers=headers, allow_redirects=False
        ) as response:
            return Answer(response.status, response.reason or "", (await response.read()).decode(errors="replace"))

    async def ws_connect(self, url: str, params: Mapping[str, str] | None = None) -> aiohttp.ClientWebSocketResponse:
        """Open the event stream. Raises a TelephonyError."""
        try:
            return await self._session.ws_connect(
                url,
                params=params,
                heartbeat=self._settings.heartbeat_s,
                timeout=aiohttp.ClientWSTimeout(ws_close=1.0),
                max_msg_size=0,
            )
        except aiohttp.WSServerHandshakeError as error:
            raise RefusedError(f"Asterisk refused the event stream: {error.status} {error.message}") from error
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise UnreachableError(f"Asterisk's ARI at {self._settings.url}: {_seen(error)}") from error


def _seen(error: Exception) -> str:
    silent = isinstance(error, TimeoutError) and not str(error)
    return "no answer in time" if silent else str(error) or type(error).__name__


def _refusal(method: str, url: str, answer: Answer) -> NotFoundError | RefusedError:
    """Asterisk says in `message` what it did not like; the query string is left out, it may hold a caller's number."""
    try:
        message = json.loads(answer.body).get("message", "")
    except (ValueError, AttributeError):
        message = answer.reason
    what = f"{method} {urlsplit(url).path}: {answer.status} {message}"
    # 409 is also the answer for a channel that has hung up and is still being taken apart.
    is_gone = answer.status == 404 or (answer.status == 409 and "not in Stasis" in message)
    return NotFoundError(what) if is_gone else RefusedError(what)


def event_in(text: str) -> Event | None:
    """The event in a message; None, and a line in the log, for what is none: it must not end the connection."""
    try:
        event = json.loads(text)
    except ValueError:
        event = None
    if not isinstance(event, dict):
        log.error("Asterisk sent a message that is no event; it is left out", length=len(text))
        return None
    return event


class AriClient(Client):
    """aioari's client with a read loop that never waits for anybody."""

    def __init__(self, settings: AriSettings) -> None:
        self.app = settings.app
        self._url = settings.url
        self._request_sockets = settings.request_sockets
        super().__init__(settings.url.rstrip("/") + "/", AriHttp(settings))  # type: ignore[no-untyped-call]

    async def open(self) -> None:
        """Read Asterisk's description of its interface. Raises a TelephonyError when it can't be reached."""
        try:
            await self.init()  # type: ignore[no-untyped-call]
        except (ValueError, TypeError, LookupError, AttributeError) as error:  # some other page than the description
            raise RefusedError(
                f"what answers at {self._url} is not Asterisk's ARI; is a proxy, or another server, in front of it?"
            ) from error

    async def close(self) -> None:
        """Close all connections."""
        await self.swagger.close()  # type: ignore[no-untyped-call]

    async def listen(self, connected: Callable[[], None], take: Callable[[Event], None]) -> None:
        """Read events until the connection ends, giving each to `take`; call `connected` once the app is registered."""
        async with self.registered() as websocket, self._requests_over_websockets():
            connected()
            async for message in websocket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    event = event_in(message.data)
                    if event is not None:
                        take(event)

    @asynccontextmanager
    async def _requests_over_websockets(self) -> AsyncIterator[None]:
        """Within this context, if Asterisk knows how; HTTP serves while none is open, or many wait on each."""
        known = "RESTResponse" in self.swagger.events.json["api_declaration"]["models"]
        number = self._request_sockets if known else 0
        keeping = [asyncio.create_task(self._keep_request_socket()) for _ in range(number)]
        try:
            yield
        finally:
            for task in keeping:
                task.cancel()
            await asyncio.gather(*keeping, return_exceptions=True)

    async def _keep_request_socket(self) -> None:
        """Hold one open. Asterisk knows it as an application, of which nothing is left when the socket closes."""
        name = f"{self.app}-requests-{secrets.token_hex(8)}"
        sockets = self.swagger.http_client.sockets
        while True:
            try:
                websocket = await self.swagger.events.eventWebsocket(app=name)
                socket = RequestSocket(websocket)
                sockets.append(socket)
                try:
                    await socket.listen()
                finally:
                    sockets.remove(socket)
                    await websocket.close()
            except (TelephonyError, ValueError) as error:
                log.debug("a websocket for requests can't be opened", error=str(error))
            await asyncio.sleep(REQUEST_SOCKET_RETRY_S)

    @asynccontextmanager
    async def registered(self, app: str = "") -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """Asterisk knows the app (else ours) within this context, which is given its event stream.

        Raises a TelephonyError.
        """
        websocket = await self.swagger.events.eventWebsocket(app=app or self.app)
        try:
            yield websocket
        finally:
            await websocket.close()

    async def filter_events(self, types: Mapping[str, Iterable[str]], app: str = "") -> None:
        """Have Asterisk send the app (else ours) only the `allowed` types of events, or all but the `disallowed` ones.

        The filter is lost when Asterisk destroys the app, so it is set at each connect. Sent raw: aioari's
        `applications.filter` sends an empty body.
        """
        listed = {which: [{"type": event} for event in events] for which, events in types.items()}
        await self._put(f"applications/{app or self.app}/eventFilter", listed)

    async def send_text(self, to: str, sender: str, text: str) -> None:
        """Send a text message. In the body, as a URL ends at some 4,000 characters."""
        await self._put("endpoints/sendMessage", {"to": to, "from": sender, "body": text})

    async def _put(self, path: str, body: Mapping[str, Any]) -> None:
        await self.swagger.http_client.request(
            "PUT",
            f"{self.swagger.api_docs['basePath']}/{path}",
            data=json.dumps(body),
            headers={"Content-Type": "application/json"},
        )
