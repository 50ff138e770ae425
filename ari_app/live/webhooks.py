"""What is done with webhooks by command and by REST: made, changed, rotated, tried, looked into, sent again."""

import asyncio
import base64
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

import structlog

from agi_router.document.problems import suggestion
from ari_app.calls.clock import now
from ari_app.domain.deliveries import DeliveryEntry, DeliveryFilter, Replayed, ReplayFilter, Standing
from ari_app.domain.history import Period
from ari_app.domain.notices import Notice, NoticeType
from ari_app.domain.webhooks import Attempt, NoticeFilter, Subscription
from ari_app.live.subscriptions import Subscriptions, open_subscriptions
from ari_app.live.webhook_forms import (
    ID_PREFIX,
    ChangeForm,
    NewForm,
    ReplayForm,
    RotateForm,
    Rules,
    WebhookError,
    check,
    template_warnings,
    types_of,
)
from ari_app.storage.database import reading_engine
from ari_app.storage.delivery_records import DeliveryRecords
from ari_app.storage.sealing import Sealing
from ari_app.storage.serving import Database
from ari_app.storage.settings import StorageSettings
from ari_app.storage.subscriptions import StoredSubscriptions
from ari_app.storage.uncut import readings_over
from ari_app.webhooks.payload import as_it_is
from ari_app.webhooks.rendering import Rendered, Rendering, UnknownTemplateError

MOST: Final = 100
"""Each of them is looked at for every event."""

SECRET_BYTES: Final = 32
SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - what stands before one

HIDDEN: Final = "***"

log = structlog.get_logger("agi_router.webhooks")


@dataclass(frozen=True, slots=True)
class Shown:
    """A subscription, and how it does. Beside a running router nobody `knows_secrets`."""

    subscription: Subscription
    standing: Standing
    knows_secrets: bool = True


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a subscription. `secret` is there when it is a new one: it is never shown again."""

    shown: Shown
    warnings: Sequence[str]
    secret: str = ""


@dataclass(frozen=True, slots=True)
class DeliveryShown:
    """A delivery with what is sent: `rendered` is None where the template has nothing for it, or is not known."""

    entry: DeliveryEntry
    rendered: Rendered | None
    attempts: Sequence[Attempt]


class WebhookDesk:
    """Everything raises WebhookError with what is wrong, and StorageError. A webhook goes by its id or its name.

    `wake` is called when deliveries were put in line. `rendering` knows the templates.
    """

    def __init__(
        self,
        subscriptions: Subscriptions,
        records: DeliveryRecords,
        rules: Rules,
        wake: Callable[[], None] = lambda: None,
        rendering: Rendering | None = None,
        *,
        knows_secrets: bool = True,
    ) -> None:
        self.subscriptions = subscriptions
        self.rules = rules
        self._records = records
        self._wake = wake
        self.rendering = rendering
        self._knows_secrets = knows_secrets
        self._one_at_a_time = asyncio.Lock()

    async def list(self) -> Sequence[Shown]:
        """All of them."""
        every = self.subscriptions.all
        standings = await self._records.standings([each.id for each in every])
        return [Shown(each, standings[each.id], self._knows_secrets) for each in every]

    async def show(self, webhook: str) -> Shown:
        """One of them."""
        return await self._shown(self.found(webhook))

    async def create(self, form: NewForm) -> Done:
        """Have one more."""
        checked = check(form, self.rules, NoticeFilter())
        async with self._one_at_a_time:
            self._free(form.name)
            if len(self.subscriptions.all) >= MOST:
                raise WebhookError(
                    "webhooks_full",
                    f"there are {MOST} webhooks, and no more can be",
                    "Delete one that nobody needs, or let one receiver pass on to others.",
                )
            at, secret = now(), new_secret()
            subscription = Subscription(
                id=ID_PREFIX + secrets.token_hex(8),
                secrets=(secret,),
                is_enabled=form.enabled is not False,
                created_at=at,
                changed_at=at,
                **checked.values,
            )
            await self.subscriptions.add(subscription)
        log.info("a webhook was made", webhook=subscription.name, url=subscription.url)
        warnings = [*checked.warnings, *template_warnings(subscription, self.rules)]
        return Done(Shown(subscription, Standing()), warnings, secret)

    async def change(self, webhook: str, form: ChangeForm) -> Done:
        """Change what is given, and leave the rest."""
        async with self._one_at_a_time:
            before = self.found(webhook)
            checked = check(form, self.rules, before.wanted)
            values = {name: value for name, value in checked.values.items() if value != getattr(before, name)}
            if values:
                if not before.secrets:
                    raise WebhookError(
                        "secret_lost",
                        f"the secret and the headers of {before.name} cannot be read: a change would lose them",
                        f"Put the key file back that stood beside the database; or agi-router webhooks rotate "
                        f"{before.name} gives it a new secret, then set its headers again.",
                    )
                if "name" in values:
                    self._free(values["name"])
                await self.subscriptions.change(replace(before, changed_at=now(), **values))
            if form.enabled is not None and form.enabled != before.is_enabled:
                await self.subscriptions.switch(before.id, is_enabled=form.enabled)
        after = self.found(before.id)
        log.info("a webhook was changed", webhook=after.name, url=after.url, enabled=after.is_enabled)
        return Done(await self._shown(after), [*checked.warnings, *template_warnings(after, self.rules)])

    async def rotate(self, webhook: str, form: RotateForm) -> Done:
        """Give it a new secret; the one until now signs beside it for a while."""
        async with self._one_at_a_time:
            before, at, secret = self.found(webhook), now(), new_secret()
            keeps = bool(before.secrets and form.keep_old_s)
            rotated = replace(
                before,
                secrets=(secret, before.secrets[0]) if keeps else (secret,),
                old_secret_until=at + timedelta(seconds=form.keep_old_s) if keeps else None,
                changed_at=at,
            )
            await self.subscriptions.change(rotated)
        log.info("the secret of a webhook was replaced", webhook=rotated.name, old_signs_for_s=form.keep_old_s)
        lost = not before.secrets
        warnings = ["its headers were lost with the former secret: set them again, if it had any"] if lost else []
        return Done(await self._shown(rotated), warnings, secret)

    async def delete(self, webhook: str) -> Subscription:
        """Forget it, with all that was still to be sent to it and what is on record of its deliveries."""
        async with self._one_at_a_time:
            found = self.found(webhook)
            await self.subscriptions.remove(found.id)
        log.info("a webhook was deleted", webhook=found.name, url=found.url)
        return found

    async def test(self, webhook: str) -> DeliveryEntry:
        """Send an event to this one alone, whatever its filter is."""
        found = self.found(webhook)
        name = secrets.token_hex(8)
        notice = Notice(
            id=f"test-{name}",
            type=NoticeType.WEBHOOK_TEST,
            at=now(),
            subject=f"test/{name}",  # it waits for nothing that was told before
            data={"webhook": {"id": found.id, "name": found.name}},
        )
        delivery = await self._records.send_alone(found.id, notice)
        self._wake()
        return (await self.delivery(found.id, delivery)).entry

    async def deliveries(
        self, webhook: str, wanted: DeliveryFilter, limit: int, before: int | None = None
    ) -> tuple[Sequence[DeliveryEntry], int | None]:
        """A page of them, the newest first, and where the next one begins."""
        entries = await self._records.entries(self.found(webhook).id, wanted, limit + 1, before)
        return entries[:limit], entries[limit - 1].id if len(entries) > limit else None

    async def delivery(self, webhook: str, number: int) -> DeliveryShown:
        """One of them, with every attempt."""
        found = self.found(webhook)
        read = await self._records.one(found.id, number)
        if read is None:
            raise self._no_delivery(found, number)
        entry, notice, attempts = read
        return DeliveryShown(entry, None if notice is None else self._render(found, notice), attempts)

    async def replay_one(self, webhook: str, number: int) -> DeliveryEntry:
        """Send again what this delivery carried, after all that is in line."""
        found = self.found(webhook)
        again = await self._records.replay_one(found.id, number)
        if again is None:
            raise self._no_delivery(found, number)
        self._wake()
        return (await self.delivery(found.id, again)).entry

    async def replay(self, webhook: str, form: ReplayForm) -> Replayed:
        """Send again what was told in a period, in its order, after all that is in line."""
        found = self.found(webhook)
        if form.before is not None and form.before <= form.since:
            raise WebhookError("bad_period", "the period ends before it begins", "Let `before` be after `since`.")
        wanted = ReplayFilter(
            period=Period(form.since, form.before), types=types_of(form.types), only_failed=form.only_failed
        )
        replayed = await self._records.replay(found, wanted, form.limit, form.cursor)
        if replayed.count:
            self._wake()
        log.info("events are sent again", webhook=found.name, events=replayed.count, since=form.since.isoformat())
        return replayed

    def found(self, webhook: str) -> Subscription:
        """The one with this id or name. Raises WebhookError."""
        every = self.subscriptions.all
        found = next((each for each in every if webhook in (each.id, each.name)), None)
        if found is None:
            near = suggestion(webhook, [each.name for each in every])
            raise WebhookError(
                "webhook_unknown",
                f"there is no webhook {webhook}{near}",
                "agi-router webhooks list shows those there are.",
            )
        return found

    def _free(self, name: str) -> None:
        if any(each.name == name for each in self.subscriptions.all):
            raise WebhookError(
                "webhook_exists", f"there is a webhook {name} already", f"Take another name, or change {name}."
            )

    async def _shown(self, subscription: Subscription) -> Shown:
        standings = await self._records.standings([subscription.id])
        return Shown(subscription, standings[subscription.id], self._knows_secrets)

    def _render(self, subscription: Subscription, notice: Notice) -> Rendered | None:
        if not subscription.template or self.rendering is None:
            return as_it_is(notice)
        hidden = dict.fromkeys(subscription.headers, HIDDEN)  # a template may put one into the body
        try:
            return self.rendering.render(replace(subscription, headers=hidden), notice)
        except UnknownTemplateError:
            return None

    def _no_delivery(self, subscription: Subscription, number: int) -> WebhookError:
        return WebhookError(
            "delivery_unknown",
            f"{subscription.name} has no delivery {number}",
            f"agi-router webhooks deliveries {subscription.name} lists them; old ones go after webhooks.keep_days.",
        )


def new_secret() -> str:
    """256 random bits, in the form of Standard Webhooks.

    https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
    """
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


@asynccontextmanager
async def open_webhooks(
    database: Database,
    rules: Rules,
    wake: Callable[[], None] = lambda: None,
    rendering: Rendering | None = None,
) -> AsyncIterator[WebhookDesk]:
    """The webhooks of the router that serves, until the block ends. Raises StorageError."""
    async with open_subscriptions(database) as subscriptions:
        yield WebhookDesk(subscriptions, DeliveryRecords(database.writer, database.reader), rules, wake, rendering)


@asynccontextmanager
async def reading_webhooks(
    settings: StorageSettings, rules: Rules, sealing: Sealing | None = None
) -> AsyncIterator[WebhookDesk]:
    """The webhooks beside a running router: nothing of them can be changed. Raises StorageError.

    Without `sealing` nothing of their secrets is known, not even whether they can be read.
    """
    reader = reading_engine(settings)
    try:
        subscriptions = Subscriptions(StoredSubscriptions(reader, reader, sealing))
        await subscriptions.read()
        records = DeliveryRecords(reader, reader)
        yield WebhookDesk(subscriptions, records, rules, knows_secrets=sealing is not None)
    finally:
        await readings_over()
        await reader.dispose()
