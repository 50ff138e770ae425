"""Gaps of the history, filled from the table into which Asterisk writes its calls itself."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ari_app.calls.clock import now
from ari_app.calls.pbx_calls import PbxCalls, Source
from ari_app.domain.gaps import Gap
from ari_app.domain.pbx_record import PbxRecord
from ari_app.storage.errors import StorageError
from ari_app.storage.failures import FAILURES, reason
from ari_app.storage.fill import CallTable, call_table
from ari_app.storage.fill_settings import FillSettings
from ari_app.storage.gaps import StoredGaps
from ari_app.storage.pbx_calls import PbxCallLog

NO_TABLE: Final = StorageError(
    "history.fill_from is not configured, so what was missed is nowhere to be found",
    "Have Asterisk write its calls into a table, and name it: docs/history.md tells how.",
)


@dataclass(frozen=True, slots=True)
class Filled:
    """What became of one gap: how many calls were added or completed."""

    gap: Gap
    calls: int


class Filling:
    """Reads what a gap has swallowed. Doing it again changes nothing.

    A table is read from a little before a gap until a little after: calls which are `heard` whole are left out, since
    what is filled in is history by then, of which no CRM is told.
    """

    def __init__(self, settings: FillSettings | None, gaps: StoredGaps, written: PbxCallLog, heard: PbxCalls) -> None:
        self._settings = settings
        self._gaps = gaps
        self._written = written
        self._heard = heard

    @property
    def is_possible(self) -> bool:
        """Whether there is a table."""
        return self._settings is not None

    async def fill(self, *, again: bool = False, over_before: datetime | None = None) -> list[Filled]:
        """Fill the gaps that are over, the oldest first; `again` those too that were filled.

        Calls without an end in the table that began before `over_before` are over: Asterisk was started then.
        Raises StorageError.
        """
        if self._settings is None:
            raise NO_TABLE
        gaps = [gap for gap in await self._gaps.gaps() if gap.ended_at is not None and (again or not gap.filled)]
        done = []
        async with call_table(self._settings) as table:
            await table.check()
            for gap in reversed(gaps):
                done.append(Filled(gap, await self._fill(table, gap, over_before)))
                await self._gaps.filled(gap, self._settings.table)
        return done

    async def _fill(self, table: CallTable, gap: Gap, over_before: datetime | None) -> int:
        source = Source.CEL if self._settings and self._settings.table == "cel" else Source.CDR
        count = 0
        async for events in table.calls(gap.began_at, gap.ended_at or now()):
            told: list[PbxRecord] = []
            calls = PbxCalls(source, told.append, self._heard.names)
            for event in events:
                calls.take(event)
            calls.close_all(over_before)
            try:
                count += await self._written.fill(
                    [call for call in told if not self._heard.will_tell(call.record.linkedid)]
                )
            except FAILURES as error:
                raise StorageError(
                    f"the calls of a gap cannot be written: {reason(error)}",
                    "Look after the database: agi-router doctor",
                ) from error
        return count
