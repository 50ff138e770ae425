"""Which request was made by which key of idempotency, and the call that it is. Committed before the call is placed."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError

from ari_app.storage.errors import StorageError
from ari_app.storage.failures import FAILURES, reason
from ari_app.storage.schema import reservations
from ari_app.storage.serving import Database

KEPT: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Reservation:
    """A request, by its `fingerprint`, and the call that it is."""

    fingerprint: str
    call_id: str


class Reservations:
    """Reservations by their names, each kept for a day. Everything raises StorageError."""

    def __init__(self, database: Database) -> None:
        self._writer = database.writer

    async def reserve(self, name: str, wanted: Reservation) -> Reservation:
        """Keep this one, or tell the one that has the name already."""
        at = datetime.now(UTC)
        row = {"name": name, "fingerprint": wanted.fingerprint, "call_id": wanted.call_id, "at": at}
        try:
            try:
                async with self._writer.begin() as connection:
                    await connection.execute(delete(reservations).where(reservations.c.at <= at - KEPT))
                    await connection.execute(insert(reservations).values(row))
            except IntegrityError:
                query = select(reservations).where(reservations.c.name == name)
                async with self._writer.connect() as connection:
                    standing = (await connection.execute(query)).one()
                return Reservation(standing.fingerprint, standing.call_id)
        except FAILURES as error:
            raise _unusable(error) from error
        return wanted

    async def release(self, name: str) -> None:
        """Let the name go: nothing has come of the request."""
        try:
            async with self._writer.begin() as connection:
                await connection.execute(delete(reservations).where(reservations.c.name == name))
        except FAILURES as error:
            raise _unusable(error) from error


def _unusable(error: Exception) -> StorageError:
    return StorageError(
        f"the database cannot keep an Idempotency-Key: {reason(error)}",
        "ask again; is the disk full, or the database locked by another program? agi-router doctor tells more",
    )
