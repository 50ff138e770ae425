"""The outbox: what others are told, written in the transaction of what it tells of, and due to all who want it.

A notice and its deliveries are rows beside those of the call: they are there if the call's are, and not otherwise. A
notice of which nobody wants to hear is not written at all.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from sqlalchemy import Insert, Integer, String, bindparam, exists, false, insert, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ari_app.domain.call_notices import Standing, notices_of
from ari_app.domain.call_telling import Said
from ari_app.domain.notices import Notice
from ari_app.domain.parts import CallPart
from ari_app.domain.record import CallRecord
from ari_app.domain.webhooks import DeliveryState, Receivers
from ari_app.storage.codec import storable
from ari_app.storage.failures import FAILURES, is_fault_of_rows, reason
from ari_app.storage.schema import UtcDateTime, notices, webhook_deliveries, webhook_subscriptions
from ari_app.storage.serving import Database
from ari_app.storage.upsert import upsert
from ari_app.storage.write_behind import WriteBehind
from ari_app.wire.calls import CallWithParts

GATHER_S: Final = 0.05
"""A killed router forgets at most what was told to `tell` in this time. What calls tell is never forgotten."""

log = structlog.get_logger("agi_router.outbox")


class OutboxWriter:
    """Puts notices where deliveries are taken from. `region` is that by which numbers without a plus are read."""

    def __init__(self, receivers: Receivers | None = None, region: str = "ZZ") -> None:
        self.receivers = Receivers() if receivers is None else receivers
        self.region = region
        self._bell = asyncio.Event()

    @property
    def bell(self) -> asyncio.Event:
        """Rings when deliveries were committed: take it, look for what is due, then wait for it. Each rings once."""
        return self._bell

    def notices_of(
        self,
        said: Sequence[tuple[datetime, Said]],
        record: CallRecord,
        parts: Sequence[CallPart],
        seq: str = "",
    ) -> list[Notice]:
        """What is to be told of a call, as far as anybody may want it; each with its moment.

        No call is kept from the log by what it cannot be told as: that is logged, and nothing is told.
        """
        wanted = [(at, each) for at, each in said if self.receivers.may_want(each.type)]
        if not wanted:
            return []
        try:
            shown = CallWithParts.of(record, parts).model_dump(mode="json")
            return notices_of(wanted, Standing(record=record, parts=parts, shown=shown, seq=seq), self.region)
        except Exception:
            kinds = [each.type for _, each in wanted]
            log.exception("others cannot be told of a call", call_id=record.call_id, lost=kinds)
            return []

    async def put(self, connection: AsyncConnection, told: Collection[Notice]) -> bool:
        """Write, within the caller's transaction, what somebody wants of this; whether that was anything.

        What is there already stays as it is. Ring when the transaction is committed.
        """
        wanted = [(notice, ids) for notice in told if (ids := self.receivers.wanting(notice))]
        if not wanted:
            return False
        due_at = datetime.now(UTC)
        await connection.execute(_PUT_NOTICES.on(connection), [_to_row(notice) for notice, _ in wanted])
        rows = [
            {"of_notice": notice.id, "to": subscription_id, "now": due_at}
            for notice, ids in wanted
            for subscription_id in ids
        ]
        await connection.execute(_PUT_DELIVERIES, rows)
        return True

    def ring(self) -> None:
        """Deliveries are on the disk: whoever waits for some looks now."""
        self._bell.set()
        self._bell = asyncio.Event()


class StoredNotices:
    """Implements `ari_app.domain.notices.Notices`. Made by `writing_notices`."""

    def __init__(self, database: Database, outbox: OutboxWriter) -> None:
        self._writer = database.writer
        self._outbox = outbox
        self.rows: WriteBehind[Notice] = WriteBehind("notices", self._commit, gather_s=GATHER_S)

    def tell(self, notice: Notice) -> None:
        """See the protocol."""
        try:
            if self._outbox.receivers.wanting(notice):
                self.rows.put(notice.id, replace(notice, data=storable(notice.data)))
        except Exception:
            log.exception("a notice cannot be stored, and nobody is told", notice=notice.id, type=notice.type)

    async def flush(self) -> None:
        """Wait until all is committed, for as long as the database can't be written."""
        await self.rows.flush()

    async def _commit(self, batch: Mapping[str, Notice], is_prune_due: bool) -> None:  # noqa: ARG002
        try:
            await self._put(batch.values())
        except FAILURES as error:
            if not is_fault_of_rows(error):
                raise
            await self._put_each(batch.values())

    async def _put(self, told: Collection[Notice]) -> None:
        if not told:
            return
        async with self._writer.begin() as connection:
            is_any = await self._outbox.put(connection, told)
        if is_any:
            self._outbox.ring()

    async def _put_each(self, told: Collection[Notice]) -> None:
        """One odd notice must not keep back all others for ever."""
        for notice in told:
            try:
                await self._put([notice])
            except FAILURES as error:
                if not is_fault_of_rows(error):
                    raise
                log.error(  # noqa: TRY400 - the reason is named
                    "a notice is lost: the database cannot hold it",
                    notice=notice.id,
                    type=notice.type,
                    reason=reason(error),
                )


@asynccontextmanager
async def writing_notices(database: Database, outbox: OutboxWriter) -> AsyncIterator[StoredNotices]:
    """Write in the background until the block ends; then all is committed, unless that takes long."""
    told = StoredNotices(database, outbox)
    async with told.rows.running():
        yield told


def _to_row(notice: Notice) -> dict[str, Any]:
    about = {
        name: sorted(value) if isinstance(value, frozenset) else value for name, value in asdict(notice.about).items()
    }
    return {
        "id": notice.id,
        "type": notice.type.value,
        "at": notice.at,
        "subject": notice.subject,
        "call_id": notice.call_id,
        "about": storable(about),
        "data": dict(notice.data),
    }


_PUT_NOTICES: Final = upsert(notices, (), by=notices.c.id)


def _deliveries() -> Insert:
    """Due at once; nothing when the subscription has been deleted meanwhile, or gets this notice already."""
    is_there = exists().where(
        webhook_deliveries.c.position == notices.c.position,
        webhook_deliveries.c.subscription_id == webhook_subscriptions.c.id,
    )
    due = {
        "subscription_id": webhook_subscriptions.c.id,
        "position": notices.c.position,
        "subject": notices.c.subject,
        "state": literal(DeliveryState.PENDING.value, String),
        "attempts": literal(0, Integer),
        "due_at": bindparam("now", type_=UtcDateTime),
        "is_replay": false(),
    }
    wanted = (
        select(*due.values())
        .select_from(notices)
        .join(webhook_subscriptions, webhook_subscriptions.c.id == bindparam("to"))
        .where(notices.c.id == bindparam("of_notice"), ~is_there)
    )
    return insert(webhook_deliveries).from_select(list(due), wanted)


_PUT_DELIVERIES: Final = _deliveries()
