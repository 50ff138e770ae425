"""Events of all calls as Server-Sent Events, of which none is lost: whoever was cut off goes on after the last one.

The wire format is https://html.spec.whatwg.org/multipage/server-sent-events.html. FastAPI's own streams of events frame
it; what they lack is a bound for readers who take nothing, and an end when the router stops.
"""

import json
from collections.abc import AsyncIterator, Callable
from functools import partial
from time import monotonic
from typing import Annotated, Any, Final, get_args

from fastapi import APIRouter, Header, Query, Response
from fastapi.sse import format_sse_event
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema
from starlette.types import Receive, Send
from starlette.types import Scope as Connection

from agi_router.document.problems import suggestion
from ari_app.access.scopes import Access, Scope
from ari_app.domain.event_log import EventFilter, LoggedEvent
from ari_app.domain.events import CallEvent
from ari_app.live.event_feed import EventFeed, PositionError
from ari_app.web.access import require
from ari_app.web.call_filter import STORABLE, UserCalled, user_ids
from ari_app.web.problems import ProblemError, failed, problems
from ari_app.web.services import Router
from ari_app.web.streaming import BoundedStream

resource = APIRouter(prefix="/events", tags=["events"])

MOST_FOLLOWERS: Final = 100
HEARTBEAT_S = 15.0
"""A comment comes after so much silence: proxies close what is silent for longer, and who is gone is noticed."""

RETRY_MS: Final = 2000
LAST_POSITION: Final = 2**63 - 1
EVENT_TYPES: Final = tuple(sorted(kind.__name__ for kind in get_args(CallEvent)))


def _known(name: str) -> str:
    if name not in EVENT_TYPES:
        raise ValueError(f"there is no event of the type {name}{suggestion(name, list(EVENT_TYPES))}")
    return name


EventType = Annotated[str, AfterValidator(_known), Field(max_length=64, json_schema_extra={"enum": list(EVENT_TYPES)})]
Id = Annotated[str, Field(min_length=1, max_length=64, pattern=STORABLE)]
Position = Annotated[int, Field(ge=0, le=LAST_POSITION)]
Absent = SkipJsonSchema[None]
"""In an address nothing can be null: what is not given is not there."""


class Following(BaseModel):
    """Which events, and from where on."""

    model_config = ConfigDict(extra="forbid")

    call: list[Id] = Field([], max_length=100, description="only of these calls, by their ids")
    type: list[EventType] = Field([], max_length=100, description="only of these types")
    user: list[Id] = Field(
        [], max_length=100, description="only of calls in which one of these users takes part, and since he does"
    )
    after: Position | Absent = Field(
        None, description="go on after this position; 0: the oldest event; without it: from now on"
    )
    wait_s: float | Absent = Field(
        None, ge=0, le=3600, description="end when nothing has come for so many seconds; 0: tell what is on record"
    )

    def wanted(self, user_called: UserCalled) -> EventFilter:
        """As a filter."""
        users = frozenset(user_ids(self.user, user_called))
        return EventFilter(calls=frozenset(self.call), types=frozenset(self.type), users=users)


_STREAM: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "Events, each as soon as it is on record, until the reader leaves or the router stops. "
        "`id` is the event's position, `event` its type, `data` a JSON object with call_id, seq, at, type and data.",
        "content": {
            "text/event-stream": {
                # Of each event, as those read it who know of streams: OpenAPI 3.1 has no word for the whole.
                "schema": {
                    "type": "object",
                    "properties": {
                        "id": {"type": "string"},
                        "event": {"type": "string"},
                        "data": {"type": "string", "contentMediaType": "application/json"},
                    },
                },
                "example": "retry: 2000\nid: 4711\n\nevent: LegRinging\n"
                'data: {"call_id": "20261121T012209-4a8f0c1e9b7d", "seq": 7, "at": "2026-11-21T01:22:09.512000Z", '
                '"type": "LegRinging", "data": {"leg": "leg-1"}}\nid: 4712\n\n',
            }
        },
    }
}


@resource.get(
    "",
    operation_id="followEvents",
    response_class=BoundedStream,
    responses=_STREAM | problems(401, 403, 409, 410, 422, 503),
)
async def follow_events(
    router: Router,
    access: Annotated[Access, require(Scope.EVENTS_READ)],
    asked: Annotated[Following, Query()],
    last_event_id: Annotated[
        Position | Absent,
        Header(description="the same as `after`, which it precedes: browsers send it when they connect again"),
    ] = None,
) -> Response:
    """Follow what happens to all calls, live, and go on without a loss after any interruption.

    Comments keep the connection alive. Every message, also one without an event, has the `id` after which to go on.
    The stream ends when its key is revoked or replaced, or expires.
    """
    try:
        position = await router.events.start(asked.after if last_event_id is None else last_event_id)
    except PositionError as error:
        status = 410 if error.failure.code == "position_gone" else 409
        raise failed(status, error.failure) from None
    # From here to the first step of the answer, which counts it, nobody else gets his turn.
    if router.events.followers >= MOST_FOLLOWERS:
        raise ProblemError(
            503,
            "too_many_followers",
            f"{MOST_FOLLOWERS} followers are connected, and that is the limit",
            "Let one follower tell the others, or ask for shorter streams (wait_s).",
            headers={"retry-after": "5"},
        )
    wanted = asked.wanted(router.routing.in_force.user_called)
    is_welcome = partial(router.doorkeeper.is_welcome, access)
    return _EventStream(router.events, _told(router.events, position, wanted, asked.wait_s, is_welcome))


class _EventStream(BoundedStream):
    media_type = "text/event-stream"

    def __init__(self, feed: EventFeed, told: AsyncIterator[bytes]) -> None:
        # Proxies of nginx's kind are to pass on what comes, and not to gather it.
        super().__init__(told, headers={"cache-control": "no-cache", "x-accel-buffering": "no"})
        self._feed = feed

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        with self._feed.following():
            await super().__call__(scope, receive, send)


async def _told(
    feed: EventFeed, position: int, wanted: EventFilter, wait_s: float | None, is_welcome: Callable[[], bool]
) -> AsyncIterator[bytes]:
    """The position first, so that also a reader who is cut off before his first event loses none."""
    yield format_sse_event(id=str(position), retry=RETRY_MS)
    quiet_since = spoke_at = monotonic()
    while not feed.is_closed:
        until = spoke_at + HEARTBEAT_S if wait_s is None else min(spoke_at + HEARTBEAT_S, quiet_since + wait_s)
        window = await feed.next(position, wanted, max(0.0, until - monotonic()))
        if not is_welcome():
            return
        for event in window.events:
            yield _frame(event)
        is_over = wait_s is not None and window.upto == position and monotonic() >= quiet_since + wait_s
        position = window.upto
        if window.events:
            quiet_since = spoke_at = monotonic()
        elif is_over or monotonic() >= spoke_at + HEARTBEAT_S:
            yield format_sse_event(comment="", id=str(position))
            spoke_at = monotonic()
        if is_over:
            return


def _frame(event: LoggedEvent) -> bytes:
    at = event.at.isoformat().replace("+00:00", "Z")
    head = json.dumps({"call_id": event.call_id, "seq": event.seq, "at": at, "type": event.type})
    data = f'{head[:-1]}, "data": {event.data}}}'
    return format_sse_event(id=str(event.position), event=event.type, data_str=data)
