"""What the control socket can be asked about webhooks, for `agi-router webhooks`."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ari_app.live.forms import Command, read_form, telling
from ari_app.live.webhook_forms import LONGEST_ID, ChangeForm, DeliveriesForm, NewForm, ReplayForm, RotateForm
from ari_app.live.webhook_json import delivery_as_json, done_as_json, entry_as_json, webhook_as_json
from ari_app.live.webhooks import WebhookDesk

Arguments = Mapping[str, Any]


class _One(BaseModel):
    """A webhook, by id or name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    webhook: str = Field(min_length=1, max_length=64)


class _OneDelivery(_One):
    delivery: int = Field(ge=1, le=LONGEST_ID)


class _Change(_One, ChangeForm):
    pass


class _Rotate(_One, RotateForm):
    pass


class _Deliveries(_One, DeliveriesForm):
    pass


class _Replay(_One, ReplayForm):
    pass


def webhook_commands(desk: WebhookDesk) -> Mapping[str, Command]:
    """By their names. They raise ControlError with what is wrong."""

    async def list_(_: Arguments) -> Mapping[str, Any]:
        return {"webhooks": [webhook_as_json(each) for each in await desk.list()]}

    async def show(given: Arguments) -> Mapping[str, Any]:
        return webhook_as_json(await desk.show(read_form(_One, given).webhook))

    async def create(given: Arguments) -> Mapping[str, Any]:
        return done_as_json(await desk.create(read_form(NewForm, given)))

    async def change(given: Arguments) -> Mapping[str, Any]:
        form = read_form(_Change, given)
        return done_as_json(await desk.change(form.webhook, form))

    async def rotate(given: Arguments) -> Mapping[str, Any]:
        form = read_form(_Rotate, given)
        return done_as_json(await desk.rotate(form.webhook, form))

    async def delete(given: Arguments) -> Mapping[str, Any]:
        deleted = await desk.delete(read_form(_One, given).webhook)
        return {"id": deleted.id, "name": deleted.name}

    async def test(given: Arguments) -> Mapping[str, Any]:
        return entry_as_json(await desk.test(read_form(_One, given).webhook))

    async def deliveries(given: Arguments) -> Mapping[str, Any]:
        form = read_form(_Deliveries, given)
        entries, next_ = await desk.deliveries(form.webhook, form.wanted(), form.limit, form.cursor)
        return {"items": [entry_as_json(entry) for entry in entries], "next": next_}

    async def delivery(given: Arguments) -> Mapping[str, Any]:
        form = read_form(_OneDelivery, given)
        return delivery_as_json(await desk.delivery(form.webhook, form.delivery))

    async def replay(given: Arguments) -> Mapping[str, Any]:
        if "delivery" in given:
            one = read_form(_OneDelivery, given)
            return entry_as_json(await desk.replay_one(one.webhook, one.delivery))
        form = read_form(_Replay, given)
        replayed = await desk.replay(form.webhook, form)
        return {"replayed": replayed.count, "next": replayed.next}

    commands: Mapping[str, Command] = {
        "webhooks": list_,
        "webhook": show,
        "create_webhook": create,
        "change_webhook": change,
        "rotate_webhook": rotate,
        "delete_webhook": delete,
        "test_webhook": test,
        "webhook_deliveries": deliveries,
        "webhook_delivery": delivery,
        "replay_webhook": replay,
    }
    return {name: telling(command) for name, command in commands.items()}
