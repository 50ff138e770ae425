"""Webhooks: who is told what. The secret of one is shown when it is made or replaced, and never again."""

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, Field, JsonValue

from ari_app.access.scopes import Access, Scope
from ari_app.live.event_types import event_types
from ari_app.live.webhook_forms import ChangeForm, NewForm, RotateForm
from ari_app.live.webhook_json import done_as_json, webhook_as_json
from ari_app.web.access import require
from ari_app.web.links import webhook_path
from ari_app.web.paging import Listed, PageWanted
from ari_app.web.problems import problems
from ari_app.web.services import Router
from ari_app.wire.calls import Moment

resource = APIRouter(prefix="/webhooks", tags=["webhooks"])

Asking = Annotated[Access, require(Scope.WEBHOOKS_READ)]
Changing = Annotated[Access, require(Scope.WEBHOOKS_WRITE)]
WebhookName = Annotated[
    str, Path(min_length=1, max_length=64, description="its id or its name", examples=["crm"], alias="webhook")
]

_CHANGED: Final = problems(400, 401, 403, 404, 409, 422)


class Webhook(BaseModel):
    """A subscription, and how it does. Of an empty filter every value is taken."""

    id: str = Field(examples=["wh_9f3a2c1b77aa0e41"])
    name: str = Field(examples=["crm"])
    url: str = Field(examples=["https://crm.example.com/hooks/pbx"])
    enabled: bool = Field(description="false: it gets nothing, and what it would get waits")
    state: Literal["active", "disabled", "secret_lost"] = Field(
        description="secret_lost: the key file beside the database is another one; a new secret mends it"
    )
    disabled_reason: str = Field(description='why the router has disabled it, "" when it was not the router')
    types: list[str] = Field(examples=[["call.answered", "call.ended"]])
    users: list[str]
    teams: list[str]
    queues: list[str]
    numbers: list[str]
    routes: list[str]
    directions: list[str]
    template: str = Field(description='"": events are sent as they are')
    headers: list[str] | None = Field(description="the names of those that go with every request")
    created_at: Moment
    changed_at: Moment
    old_secret_until: Moment | None = Field(description="until then a secret that was replaced signs as well")
    pending: int = Field(ge=0, description="deliveries that wait, or are tried again")
    failed: int = Field(ge=0, description="deliveries that were given up: see its replay")
    oldest_pending_at: Moment | None = Field(description="when that happened of which it has waited longest to hear")
    last_success_at: Moment | None
    failing_since: Moment | None = Field(description="null: the last request succeeded, or there was none")


class Changed(BaseModel):
    """A subscription that was changed."""

    warnings: list[str] = Field(description="what is allowed, and probably not meant")
    webhook: Webhook


class WithSecret(Changed):
    """A subscription with a new secret."""

    secret: str = Field(
        description="by which the receiver knows that it is the router: shown only now",
        examples=["whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"],
    )


class EventType(BaseModel):
    """What a webhook may be told of."""

    type: str = Field(examples=["call.ended"])
    description: str
    example: dict[str, JsonValue] = Field(description="what is sent: type, timestamp and data")


class EventTypes(BaseModel):
    """All there are."""

    items: list[EventType]


_MADE: Final[dict[int | str, dict[str, Any]]] = {
    201: {
        "description": "It was made.",
        "headers": {"Location": {"description": "The webhook.", "schema": {"type": "string"}}},
    }
}


@resource.get("", operation_id="listWebhooks", responses=problems(401, 403, 422))
async def list_webhooks(router: Router, page: PageWanted, _: Asking) -> Listed[Webhook]:
    """All webhooks, the oldest first."""
    part = page.of(await router.webhooks.list())
    items = [Webhook.model_validate(webhook_as_json(shown)) for shown in part.items]
    return Listed(items=items, total=part.total, next=part.next)


@resource.post(
    "", operation_id="createWebhook", status_code=201, responses={**_MADE, **problems(400, 401, 403, 409, 422)}
)
async def create_webhook(router: Router, form: NewForm, _: Changing, response: Response) -> WithSecret:
    """Have a receiver told what happens from now on. The answer holds its secret: keep it, nobody can show it again."""
    done = await router.webhooks.create(form)
    response.headers["location"] = webhook_path(done.shown.subscription.id)
    return WithSecret.model_validate(done_as_json(done))


@resource.get("/event-types", operation_id="listEventTypes", responses=problems(401, 403))
async def list_event_types(_: Asking) -> EventTypes:
    """Every type of event, with an example of what is sent."""
    return EventTypes(
        items=[
            EventType(type=kind.value, description=known.description, example=known.payload)
            for kind, known in event_types().items()
        ]
    )


@resource.get("/{webhook}", operation_id="getWebhook", responses=problems(401, 403, 404, 422))
async def get_webhook(router: Router, webhook: WebhookName, _: Asking) -> Webhook:
    """One webhook, and how it does."""
    return Webhook.model_validate(webhook_as_json(await router.webhooks.show(webhook)))


@resource.patch("/{webhook}", operation_id="changeWebhook", responses=_CHANGED)
async def change_webhook(router: Router, webhook: WebhookName, form: ChangeForm, _: Changing) -> Changed:
    """Change what is given; it counts at once, also for what waits. Enabling it sends what has waited meanwhile."""
    return Changed.model_validate(done_as_json(await router.webhooks.change(webhook, form)))


@resource.delete("/{webhook}", operation_id="deleteWebhook", status_code=204, responses=problems(401, 403, 404, 422))
async def delete_webhook(router: Router, webhook: WebhookName, _: Changing) -> None:
    """Delete it, with all that waits for it and what is on record of its deliveries."""
    await router.webhooks.delete(webhook)


@resource.post("/{webhook}/secret", operation_id="rotateWebhookSecret", responses=problems(400, 401, 403, 404, 422))
async def rotate_secret(
    router: Router, webhook: WebhookName, _: Changing, form: RotateForm | None = None
) -> WithSecret:
    """Give it a new secret. For a while, a day if nothing else is said, what is sent is signed by both."""
    return WithSecret.model_validate(done_as_json(await router.webhooks.rotate(webhook, form or RotateForm())))
