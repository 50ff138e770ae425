"""The webhooks: their secrets can be read, their receivers take what they are sent, and nothing was given up."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from ari_app.calls.clock import now
from ari_app.doctor.check import Check
from ari_app.doctor.finding import Finding, Group, Topic
from ari_app.live.webhook_forms import Rules
from ari_app.live.webhooks import Shown, reading_webhooks
from ari_app.settings import Settings
from ari_app.storage.errors import StorageError
from ari_app.storage.sealing import Sealing
from ari_app.storage.secret_key import stored_key

WEBHOOKS: Final = Topic("webhooks", Group.ROUTER)

LONG_WAIT: Final = timedelta(minutes=10)
"""A receiver that was restarted has taken everything by then."""


def webhook_check(settings: Settings) -> Check:
    """No finding where there are none."""

    async def webhooks() -> Sequence[Finding]:
        sealing = Sealing(stored_key(settings.storage))
        try:
            async with reading_webhooks(settings.storage, Rules.of(settings), sealing) as desk:
                return judge_webhooks(await desk.list(), now())
        except StorageError:
            return []  # the finding `database` tells it

    return Check(WEBHOOKS, webhooks)


def judge_webhooks(every: Sequence[Shown], at: datetime) -> list[Finding]:
    """One finding for each that needs somebody, or one for all."""
    if not every:
        return []
    wrong = [finding for shown in every if (finding := _judge(shown, at)) is not None]
    waiting = sum(shown.standing.pending for shown in every)
    count = "1 webhook" if len(every) == 1 else f"{len(every)} webhooks"
    return wrong or [WEBHOOKS.ok(f"{count}, and {waiting or 'no'} deliveries wait")]


def _judge(shown: Shown, at: datetime) -> Finding | None:
    webhook, standing = shown.subscription, shown.standing
    name, topic = webhook.name, WEBHOOKS.of(webhook.name)
    if not webhook.secrets:
        return topic.error(
            f"{name} is sent nothing: its secret cannot be read, as the key file beside the database is another one",
            f"put that file back and restart; or agi-router webhooks rotate {name}, and set its headers again",
        )
    if not webhook.is_enabled:
        if not webhook.disabled_reason:
            return None
        return topic.warning(
            f"{name} was disabled: {webhook.disabled_reason}; {standing.pending} deliveries wait",
            f"mend the receiver at {webhook.url}, then agi-router webhooks enable {name}",
        )
    if standing.failing_since is not None and at - standing.failing_since > LONG_WAIT:
        since = f"{standing.failing_since.astimezone():%Y-%m-%d %H:%M}"
        return topic.warning(
            f"the receiver of {name} has taken nothing since {since}; {standing.pending} deliveries wait",
            f"look what it answers: agi-router webhooks deliveries {name} --state pending, then the same with an ID",
        )
    if standing.oldest_pending_at is not None and at - standing.oldest_pending_at > LONG_WAIT:
        since = f"{standing.oldest_pending_at.astimezone():%Y-%m-%d %H:%M}"
        return topic.warning(
            f"deliveries to {name} wait since {since}",
            f"does a router run, or agi-router webhooks deliver? agi-router webhooks deliveries {name} --state pending",
        )
    if standing.failed:
        return topic.warning(
            f"{standing.failed} deliveries to {name} were given up",
            f"send them again, as far back as you need: agi-router webhooks replay {name} --failed --since 7d",
        )
    return None
