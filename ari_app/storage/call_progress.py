"""How far a call has come, by the events that are on record: its row, its parts, and what others are to be told."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self

from ari_app.domain.call_log import StoredEvent
from ari_app.domain.call_telling import Folded, Said, Telling, told_after
from ari_app.domain.notices import Notice
from ari_app.domain.parts import CallPart, Parts, parts_after
from ari_app.domain.record import CallRecord, after
from ari_app.storage.codec import part_to_row
from ari_app.storage.outbox import OutboxWriter


@dataclass(frozen=True, slots=True)
class Progress:
    """A call's record and its parts, when it was first heard of, the number of its last event.

    `written` are the parts as they stand in the database. `telling` is None while nobody outside listens: then
    nothing is derived. `said` is what is to be told of the last event.
    """

    record: CallRecord
    first_event_at: datetime | None = None
    seq: int = 0
    parts: Parts = field(default_factory=Parts)
    written: tuple[CallPart, ...] = ()
    telling: Telling | None = None
    said: tuple[Said, ...] = ()

    @classmethod
    def of(cls, call_id: str, *, is_told: bool) -> Self:
        """A call of which nothing is known."""
        return cls(CallRecord(call_id=call_id), telling=Telling() if is_told else None)

    def listened(self, is_told: bool) -> "Progress | None":
        """The same while anybody listens or nobody does; None when its telling has to be found in its events."""
        if not is_told:
            return self if self.telling is None else replace(self, telling=None, said=())
        return None if self.telling is None else self

    def then(self, stored: StoredEvent) -> "Progress":
        """After one more event."""
        event, seq = stored.event, self.seq + 1
        if event is None:
            return replace(self, first_event_at=self.first_event_at or stored.at, seq=seq, said=())
        now = Folded(after(self.record, event), parts_after(self.parts, event))
        telling, said = self.telling, tuple[Said, ...]()
        if telling is not None:
            telling, said = told_after(telling, seq, Folded(self.record, self.parts), event, now)
        return Progress(now.record, self.first_event_at or stored.at, seq, now.parts, self.written, telling, said)

    def notices(self, at: datetime, outbox: OutboxWriter) -> list[Notice]:
        """What others are to be told of the last event."""
        return outbox.notices_of([(at, said) for said in self.said], self.record, self.parts.rows, str(self.seq))

    def part_rows(self) -> list[dict[str, Any]]:
        """The rows of those parts that have changed."""
        return [
            part_to_row(self.record.call_id, number, part)
            for number, part in enumerate(self.parts.rows, start=1)
            if number > len(self.written) or part != self.written[number - 1]
        ]
