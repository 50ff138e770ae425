"""An engine between a real database and real receivers, at a pace at which tests have no time to wait."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from aiohttp import web
from standardwebhooks import Webhook

from agi_router.lookup.guard import NetworkGuard
from ari_app.domain.notices import Notice
from ari_app.domain.webhooks import Subscription
from ari_app.lanes.health import Pauses
from ari_app.lanes.lane import Pace
from ari_app.lanes.schedule import Schedule
from ari_app.storage.deliveries import open_outbox
from ari_app.storage.serving import Database
from ari_app.webhooks.engine import Engine, delivering
from ari_app.webhooks.rendering import Rendered, UnknownTemplateError
from ari_app.webhooks.sending import open_sender
from ari_app.webhooks.tally import Result, Tally
from tests.component.http_api import LOOPBACK, api
from tests.patience import PATIENCE_S

SECRET = "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTEyMzQ="
BEGIN = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
SOON = timedelta(milliseconds=5)
PATIENT = Schedule(waits=(*(SOON,) * 200, timedelta(hours=75)))
"""So many attempts that nothing is given up, and nobody is dead who takes nothing for a second."""
BRISK = Pace(
    schedule=PATIENT,
    pauses=Pauses(first=SOON, longest=SOON),
    look=timedelta(milliseconds=20),
    retry=timedelta(seconds=0.05),
)

Answer = Callable[[str, int], web.Response | None]
"""What a receiver answers to this event, of which it has heard so many times; None: it hangs."""


def taken(_id: str, _count: int) -> web.Response:
    return web.Response(status=204)


@dataclass
class Receiver:
    """Checks and notes what it is sent: `heard` are the ids as they came, `kept` those that it has answered with 2xx.

    It answers when it may (`gate`), and after a while.
    """

    answer: Answer = taken
    heard: list[str] = field(default_factory=list)
    kept: list[tuple[str, str]] = field(default_factory=list)
    at_once: int = 0
    pause_s: float = 0.0
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    url: str = ""

    def __post_init__(self) -> None:
        self.gate.set()

    async def receive(self, request: web.Request) -> web.Response:
        self.at_once += 1
        try:
            body = await request.read()
            Webhook(SECRET).verify(body, dict(request.headers), json_parse=False)
            id_ = request.headers["webhook-id"]
            self.heard.append(id_)
            answer = self.answer(id_, self.heard.count(id_))
            await self._tell()
            await self.gate.wait()
            await asyncio.sleep(self.pause_s)
            if answer is None:
                await asyncio.sleep(60)
                return web.Response()
            if 200 <= answer.status < 300:
                self.kept.append((json.loads(body)["data"].get("call", {}).get("call_id", ""), id_))
                await self._tell()
            return answer
        finally:
            self.at_once -= 1

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait for requests until this holds."""
        async with asyncio.timeout(PATIENCE_S), self.changed:
            await self.changed.wait_for(holds)

    async def until_kept(self, ids: Sequence[str]) -> None:
        """Wait until it has taken all of these."""
        await self.until(lambda: {id_ for _, id_ in self.kept} >= set(ids))

    def of_subject(self, subject: str) -> list[str]:
        """The events of a subject in the order in which they were first taken."""
        return list(dict.fromkeys(id_ for about, id_ in self.kept if about == subject))

    async def _tell(self) -> None:
        async with self.changed:
            self.changed.notify_all()


@asynccontextmanager
async def receiving(answer: Answer = taken) -> AsyncIterator[Receiver]:
    receiver = Receiver(answer)
    async with api(receiver.receive) as port:
        receiver.url = f"http://127.0.0.1:{port}/hooks"
        yield receiver


class KnownSubscriptions:
    """The receivers, as somebody else changes them."""

    def __init__(self, *subscriptions: Subscription) -> None:
        self.all: Sequence[Subscription] = subscriptions
        self.changed = asyncio.Event()
        self.reasons: dict[str, str] = {}

    def put(self, *subscriptions: Subscription) -> None:
        self.all = subscriptions
        self.changed.set()
        self.changed = asyncio.Event()

    async def disable(self, subscription_id: str, reason: str) -> None:
        self.reasons[subscription_id] = reason
        self.put(*(replace(each, is_enabled=each.is_enabled and each.id != subscription_id) for each in self.all))


class NoTemplates:
    def render(self, subscription: Subscription, notice: Notice) -> Rendered | None:
        if subscription.template == "silent":
            return None
        raise UnknownTemplateError(f"there is no template {subscription.template}")


def to(receiver: Receiver, name: str = "crm") -> Subscription:
    return Subscription(id=name, name=name, url=receiver.url, secrets=(SECRET,), created_at=BEGIN, changed_at=BEGIN)


@dataclass
class Running:
    """An engine at work: what it counts, and what it tells of the disabled."""

    tally: Tally
    news: list[tuple[str, str]]
    engine: Engine

    def count(self, result: Result) -> int:
        return self.tally.totals.get(result, 0)


@asynccontextmanager
async def engine(
    database: Database,
    subscriptions: KnownSubscriptions,
    pace: Pace = BRISK,
    *,
    guard: NetworkGuard = LOOPBACK,
    within_s: float = PATIENCE_S,
    stop_s: float = PATIENCE_S,
    is_alone: bool = True,
) -> AsyncIterator[Running]:
    tally, news = Tally(), list[tuple[str, str]]()
    async with AsyncExitStack() as open_ends:
        outbox = await open_ends.enter_async_context(open_outbox(database.writer, is_alone=is_alone))
        sender = await open_ends.enter_async_context(open_sender(guard, NoTemplates(), within_s=within_s))
        made = Engine(
            outbox=outbox,
            subscriptions=subscriptions,
            sender=sender,
            pace=pace,
            tally=tally,
            news=lambda subscription, reason: news.append((subscription.id, reason)),
        )
        await open_ends.enter_async_context(delivering(made, None, stop_s=stop_s))
        yield Running(tally, news, made)
