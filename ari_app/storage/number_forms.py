"""In which form of a number each CRM knows its contacts: counted, and kept over restarts."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import select

from ari_app.storage.failures import FAILURES, unusable
from ari_app.storage.schema import crm_number_forms
from ari_app.storage.serving import Database
from ari_app.storage.upsert import upsert
from ari_app.storage.write_behind import WriteBehind

GATHER_S: Final = 5.0

_PUT = upsert(crm_number_forms)


@dataclass(frozen=True, slots=True)
class _Count:
    connector: str
    form: str
    count: int
    at: datetime


class NumberForms:
    """Implements `ari_app.crm.finding.FormTally`. Made by `counting_number_forms`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._counts: dict[str, dict[str, int]] = {}
        self.rows: WriteBehind[_Count] = WriteBehind("forms of numbers", self._commit, gather_s=GATHER_S)

    def counts(self, connector: str) -> Mapping[str, int]:
        """See the protocol."""
        return self._counts.get(connector, {})

    def matched(self, connector: str, form: str) -> None:
        """See the protocol."""
        counts = self._counts.setdefault(connector, {})
        counts[form] = counts.get(form, 0) + 1
        self.rows.put(f"{connector} {form}", _Count(connector, form, counts[form], datetime.now(UTC)))

    async def recall(self) -> None:
        """Take what was counted before this start. Raises StorageError."""
        try:
            async with self._database.reader.connect() as connection:
                for row in await connection.execute(select(crm_number_forms)):
                    self._counts.setdefault(row.connector, {})[row.form] = row.matched
        except FAILURES as error:
            raise unusable(self._database.reader, error) from error

    async def _commit(self, batch: Mapping[str, _Count], is_prune_due: bool) -> None:  # noqa: ARG002 - none is too old
        if batch:
            rows = [
                {"connector": each.connector, "form": each.form, "matched": each.count, "matched_at": each.at}
                for each in batch.values()
            ]
            async with self._database.writer.begin() as connection:
                await connection.execute(_PUT.on(connection), rows)


@asynccontextmanager
async def counting_number_forms(database: Database) -> AsyncIterator[NumberForms]:
    """Count in the background until the block ends; at its end all is committed, unless that takes long.

    Raises StorageError.
    """
    forms = NumberForms(database)
    await forms.recall()
    async with forms.rows.running():
        yield forms
