"""A customer's API, over real HTTP: it knows who is responsible for which caller, or misbehaves as a test wants."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import encode_basic_auth, web

from sandbox.http_server import HttpServer
from sandbox.patience import PATIENCE_S

SEARCH = "/v1/calls/search"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedRequest:
    """A request as it arrived. Header names are as they were sent; `query` holds the last value of each name."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a path answers.

    After `delay_s`, or when the event `after` is set: `status` and `body` (a str or bytes as it is, all else as JSON).
    With `authorization` other requests get 401: what must stand in the Authorization header, see `basic` and `bearer`.
    """

    body: object = None
    status: int = 200
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    after: asyncio.Event | None = None
    authorization: str | None = None


def basic(username: str, password: str) -> str:
    """The Authorization header of Basic authentication."""
    return encode_basic_auth(username, password)


def bearer(token: str) -> str:
    """The Authorization header with a bearer token."""
    return f"Bearer {token}"


def calls_of_user(user_id: object) -> Answer:
    """Aircall's answer to a search: the newest call first, with the user who had it."""
    return Answer(body={"calls": [{"id": 1, "direction": "inbound", "user": {"id": user_id}}]})


class Api(HttpServer):
    """An HTTP server at `address`, on a free port, up between `async with` and its end.

    `users` answers `GET /v1/calls/search?phone_number=`: the caller's number, and the id of who spoke with him last;
    a number that is not in it gets an empty list of calls. `answers` says what another path does, or this one too.
    Both may be changed at any time. A path that is in neither is 404.
    """

    def __init__(self, address: str, *, users: Mapping[str, object] | None = None) -> None:
        super().__init__(address)
        self.users: dict[str, object] = dict(users or {})
        self.answers: dict[str, Answer] = {}
        self.requests: list[ReceivedRequest] = []
        self.in_progress: defaultdict[str, int] = defaultdict(int)
        self._new_requests: asyncio.Queue[ReceivedRequest] = asyncio.Queue()

    @property
    def url(self) -> str:
        """Its base URL, without a slash at the end."""
        return self.origin

    @property
    def search_url(self) -> str:
        """The search's URL, ready for a route's `request.url`."""
        return f"{self.url}{SEARCH}?phone_number={{{{callerNumber}}}}"

    def application(self) -> web.Application:
        """See HttpServer."""
        app = web.Application(client_max_size=16 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._handle)
        return app

    async def next_request(self, timeout_s: float = PATIENCE_S) -> ReceivedRequest:
        """The oldest request that nobody took yet; it may still wait for its answer."""
        try:
            async with asyncio.timeout(timeout_s):
                return await self._new_requests.get()
        except TimeoutError:
            raise TimeoutError(f"No request reached the API within {timeout_s:g} s") from None

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        received = ReceivedRequest(
            method=request.method,
            path=request.path,
            query=dict(request.query),
            headers=dict(request.headers),
            body=await request.text(),
        )
        self.requests.append(received)
        self._new_requests.put_nowait(received)
        answer = self._answer(received)
        self.in_progress[request.path] += 1
        try:
            await asyncio.sleep(answer.delay_s)
            if answer.after is not None:
                await answer.after.wait()
        finally:
            self.in_progress[request.path] -= 1
        if answer.authorization not in {None, request.headers.get("Authorization")}:
            return web.json_response({"error": "unauthorized"}, status=401)
        return _response(answer)

    def _answer(self, request: ReceivedRequest) -> Answer:
        if answer := self.answers.get(request.path):
            return answer
        if request.path != SEARCH:
            return Answer(status=404, body={"error": "not found"})
        number = request.query.get("phone_number", "")
        return calls_of_user(self.users[number]) if number in self.users else Answer(body={"calls": []})


def _response(answer: Answer) -> web.Response:
    match answer.body:
        case bytes() as raw:
            body = raw
        case str() as text:
            body = text.encode()
        case value:
            body = json.dumps(value).encode()
    return web.Response(body=body, status=answer.status, content_type=answer.content_type, headers=dict(answer.headers))
