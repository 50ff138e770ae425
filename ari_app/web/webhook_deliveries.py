"""What webhooks were sent, and what came of it; and sending again."""

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from ari_app.domain.webhooks import DeliveryState
from ari_app.live.webhook_forms import LONGEST_ID, DeliveriesForm, ReplayForm
from ari_app.live.webhook_json import delivery_as_json, entry_as_json
from ari_app.web.problems import problems
from ari_app.web.services import Router
from ari_app.web.webhooks import Asking, Changing, WebhookName
from ari_app.wire.calls import Moment

resource = APIRouter(prefix="/webhooks/{webhook}", tags=["webhooks"])

Number = Annotated[int, Path(ge=1, le=LONGEST_ID, description="the delivery's id", examples=[4711])]

_STATUSES: Final = problems(401, 403, 404, 422)


class DeliveryEntry(BaseModel):
    """One event on its way to one receiver."""

    id: int = Field(examples=[4711])
    event_id: str = Field(description="the header webhook-id: the same in each attempt, and when it is sent again")
    type: str = Field(examples=["call.ended"])
    subject: str = Field(description="events of one subject are sent in their order", examples=["call/20261121T…"])
    call_id: str = Field(description='"" of what concerns no call')
    at: Moment = Field(description="when it happened")
    state: DeliveryState = Field(description="failed: given up after the last attempt")
    attempts: int = Field(ge=0)
    due_at: Moment | None = Field(description="of one that is pending: when it is tried at the earliest")
    finished_at: Moment | None
    is_replay: bool = Field(description="it was asked for again")


class SentRequest(BaseModel):
    """What is sent, as the template in force makes it; without the headers."""

    method: str
    content_type: str
    body: str


class Tried(BaseModel):
    """One attempt."""

    number: int = Field(ge=1)
    at: Moment
    url: str
    elapsed_ms: float
    status: int | None = Field(description="null: no answer came")
    error: str = Field(description='why it does not count, "" if it does')
    answer: str = Field(description="the beginning of the answer")


class Delivery(DeliveryEntry):
    """One delivery, what it carries, and every attempt at it."""

    request: SentRequest | None = Field(description="null: the template has nothing for this event")
    tried: list[Tried]


class Deliveries(BaseModel):
    """A page of deliveries, the newest first."""

    items: list[DeliveryEntry]
    next: str | None = Field(description="ask with cursor=... for the next page; null: there is none")


class ReplayedEvents(BaseModel):
    """What was put in line again."""

    replayed: int = Field(ge=0)
    next: int | None = Field(description="ask again with it as `cursor` for the rest; null: that was all")


@resource.post("/test", operation_id="testWebhook", status_code=202, responses=_STATUSES)
async def test_webhook(router: Router, webhook: WebhookName, _: Changing) -> DeliveryEntry:
    """Send it a webhook.test, whatever its filter is; the delivery tells what came of it."""
    return DeliveryEntry.model_validate(entry_as_json(await router.webhooks.test(webhook)))


@resource.get("/deliveries", operation_id="listDeliveries", responses=_STATUSES)
async def list_deliveries(
    router: Router, webhook: WebhookName, _: Asking, asked: Annotated[DeliveriesForm, Query()]
) -> Deliveries:
    """What it was sent, and is to be sent, as far back as `webhooks.keep_days` reach."""
    entries, next_ = await router.webhooks.deliveries(webhook, asked.wanted(), asked.limit, asked.cursor)
    items = [DeliveryEntry.model_validate(entry_as_json(entry)) for entry in entries]
    return Deliveries(items=items, next=None if next_ is None else str(next_))


@resource.get("/deliveries/{delivery}", operation_id="getDelivery", responses=_STATUSES)
async def get_delivery(router: Router, webhook: WebhookName, delivery: Number, _: Asking) -> Delivery:
    """One delivery, what it carries, and every attempt at it."""
    return Delivery.model_validate(delivery_as_json(await router.webhooks.delivery(webhook, delivery)))


@resource.post("/deliveries/{delivery}/replay", operation_id="replayDelivery", status_code=202, responses=_STATUSES)
async def replay_delivery(router: Router, webhook: WebhookName, delivery: Number, _: Changing) -> DeliveryEntry:
    """Send again what it carried, with the same webhook-id, after all of its subject that waits."""
    return DeliveryEntry.model_validate(entry_as_json(await router.webhooks.replay_one(webhook, delivery)))


@resource.post("/replay", operation_id="replayEvents", status_code=202, responses=problems(400, 401, 403, 404, 422))
async def replay_events(router: Router, webhook: WebhookName, form: ReplayForm, _: Changing) -> ReplayedEvents:
    """Send again, in their order, the events of a period that it takes: also those of before it was made.

    What waits for it already is not put in line twice.
    """
    replayed = await router.webhooks.replay(webhook, form)
    return ReplayedEvents(replayed=replayed.count, next=replayed.next)
