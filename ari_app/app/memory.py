"""What a router remembers on disk: it is open before the first call begins, and closed after the last one has ended."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from agi_router.routing.volume import Volume
from ari_app.app.activities import wishes
from ari_app.calls.clock import now
from ari_app.live.activities import ActivityDesk
from ari_app.live.keys import KeyDesk, open_keys
from ari_app.live.recordings import RecordingDesk, open_recordings
from ari_app.live.webhook_forms import Rules
from ari_app.live.webhooks import WebhookDesk, open_webhooks
from ari_app.settings import Settings
from ari_app.storage.activity_marks import ActivityMarker
from ari_app.storage.activity_records import ActivityRecords
from ari_app.storage.call_log import CallLog, writing_call_log
from ari_app.storage.grants import StoredGrants, writing_grants
from ari_app.storage.last_good import LastGoodAnswers, open_last_good
from ari_app.storage.messages import MessageLog, writing_messages
from ari_app.storage.number_forms import NumberForms, counting_number_forms
from ari_app.storage.outbox import OutboxWriter, StoredNotices, writing_notices
from ari_app.storage.outgoing import open_outgoing
from ari_app.storage.retention import keeping_to
from ari_app.storage.serving import Database, open_database


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """The database, and who writes to it."""

    database: Database
    outbox: OutboxWriter
    notices: StoredNotices
    call_log: CallLog
    grants: StoredGrants
    last_good: LastGoodAnswers
    keys: KeyDesk
    webhooks: WebhookDesk
    volume: Volume
    recordings: RecordingDesk
    messages: MessageLog
    number_forms: NumberForms
    marker: ActivityMarker
    activities: ActivityDesk

    async def settle(self) -> None:
        """Have all that is told of callers by now in the database."""
        await self.call_log.flush()
        await self.last_good.flush()
        await self.notices.flush()
        await self.messages.flush()


@asynccontextmanager
async def remembering(settings: Settings) -> AsyncIterator[Memory]:
    """Open it until the block ends. Raises StorageError."""
    outbox = OutboxWriter(region=settings.routing.policy.region)
    marker = ActivityMarker()
    marker.wishes = wishes(settings.crm)
    async with (
        open_database(settings.storage) as database,
        keeping_to(settings.retention, database, settings.webhooks.keep_days),
        writing_notices(database, outbox) as notices,
        writing_call_log(database, outbox, marker) as call_log,
        writing_grants(database) as grants,
        open_last_good(database) as last_good,
        open_keys(database) as keys,
        open_webhooks(database, Rules.of(settings), outbox.ring) as webhooks,
        open_outgoing(database) as journal,
        open_recordings(database, settings.recordings.folder) as recordings,
        writing_messages(database) as messages,
        counting_number_forms(database) as number_forms,
    ):
        webhooks.subscriptions.tell(lambda every: outbox.receivers.know({each.id: each.wanted for each in every}))
        volume = Volume(settings.routing.volume, journal)
        volume.restore(await journal.kept(), now())  # how much was dialled outside, also before this start
        yield Memory(
            database=database,
            outbox=outbox,
            notices=notices,
            call_log=call_log,
            grants=grants,
            last_good=last_good,
            keys=keys,
            volume=volume,
            recordings=recordings,
            webhooks=webhooks,
            messages=messages,
            number_forms=number_forms,
            marker=marker,
            activities=ActivityDesk(ActivityRecords(database.writer, database.reader)),
        )
