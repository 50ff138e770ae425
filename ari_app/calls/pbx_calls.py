"""The calls of the PBX that are under way: events are put to their calls, and each call is told when it is over.

What is kept is bounded, whatever Asterisk tells; and a call whose end nobody tells ends here all the same.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Literal

from ari_app.domain.pbx_call import PbxCall
from ari_app.domain.pbx_events import ChannelEvent, DetailRecord, PbxEvent, QueueEvent
from ari_app.domain.pbx_local import LocalHalves
from ari_app.domain.pbx_names import Names
from ari_app.domain.pbx_record import PbxRecord, describe

MAX_CALLS: Final = 5000
LINGER: Final = timedelta(seconds=2)
"""How long after its last channel a call waits for what a queue still has to tell of it."""
DETAIL_LINGER: Final = timedelta(seconds=10)
"""The same where only Cdr tells: it comes when a channel ends, and others may be left."""
LONGEST_SILENCE: Final = timedelta(hours=24)
"""A call of which nothing was heard for so long is over: Asterisk tells something at each step, and of each end."""
KEPT_FROM: Final = timedelta(seconds=5)
"""A call of this age is written while it goes on, so that a router that is killed knows how it began."""


class Source(StrEnum):
    """What is listened to: `auto` is CEL, and Cdr for the calls of which no CEL comes."""

    AUTO = "auto"
    CEL = "cel"
    CDR = "cdr"


class PbxCalls:
    """Implements the fold over all calls. `keep` takes the record of a call that is over, or has gone on."""

    def __init__(self, source: Source, keep: Callable[[PbxRecord], None], names: Names | None = None) -> None:
        self.names = names or Names()
        self._source = source
        self._keep = keep
        self._calls: dict[str, PbxCall] = {}
        self._closing: dict[str, datetime] = {}
        self._kept_at: dict[str, datetime] = {}
        self._local = LocalHalves()
        self._hears_cel = False
        self.lost = 0

    def __len__(self) -> int:
        return len(self._calls)

    def will_tell(self, linkedid: str) -> bool:
        """Whether this call is under way, and all of it was seen so far: nobody else has to tell of it.

        Of a call that Cdr tells nobody knows: others may have been told of it before.
        """
        call = self._calls.get(linkedid)
        return call is not None and call.has_cel and call.whole

    def take(self, event: PbxEvent) -> None:
        """Take one event."""
        match event:
            case ChannelEvent():
                self._hears_cel = True
            case DetailRecord() if self._hears_cel:
                return  # CEL tells all of it, and more exactly
            case DetailRecord():
                event = self._of_whole_call(event)
            case QueueEvent():
                pass
        call = self._calls.get(event.linkedid)
        if call is None:
            call = self._calls[event.linkedid] = PbxCall.of(event)
            if len(self._calls) > MAX_CALLS:
                self.lost += 1
                self._close(next(iter(self._calls)), "lost", event.at)
        call.take(event, cdr=self._source is not Source.CEL)
        if not call.is_over or self._local.is_half(event.linkedid):
            self._closing.pop(event.linkedid, None)
        elif event.linkedid not in self._closing or isinstance(event, DetailRecord):
            self._closing[event.linkedid] = event.at + (LINGER if call.has_cel else DETAIL_LINGER)

    def _of_whole_call(self, event: DetailRecord) -> DetailRecord:
        """What is behind a Local channel is of the call that is before it, whichever is told first."""
        event, half = self._local.join(event)
        behind = self._calls.pop(half, None) if half else None
        if behind is not None:
            self._closing.pop(half, None)
            call = self._calls.setdefault(event.linkedid, PbxCall.of(event))
            call.absorb(behind)
        return event

    def sweep(self, at: datetime) -> None:
        """Close what is over, and keep how far the others have come."""
        self.close_over(at)
        silent = [linkedid for linkedid, call in self._calls.items() if at - call.last_at > LONGEST_SILENCE]
        for linkedid in silent:
            self._close(linkedid, "lost", self._calls[linkedid].last_at)
        self.keep_open(at - KEPT_FROM)

    def close_over(self, by: datetime | None = None) -> None:
        """Close what is over and has waited for stragglers until this moment; None: nobody waits any more."""
        for linkedid, due in list(self._closing.items()):
            if by is None or due <= by:
                self._close(linkedid, "seen", due)

    def keep_open(self, until: datetime) -> None:
        """Have those written that have gone on since, and began before."""
        for linkedid, call in self._calls.items():
            is_changed = self._kept_at.get(linkedid) != call.last_at
            if is_changed and call.began_at <= until and call.has_cel and linkedid not in self._closing:
                self._kept_at[linkedid] = call.last_at
                self._tell(call, "open", None)

    def may_have_missed(self) -> None:
        """The link was down: of no call that is under way all is known, and Asterisk may tell by other events now."""
        self._hears_cel = False
        for call in self._calls.values():
            call.whole = False

    def restarted(self, started_at: datetime, heard_at: datetime) -> None:
        """Asterisk has started anew: the calls of before are over, since it was heard last."""
        for linkedid in [linkedid for linkedid, call in self._calls.items() if call.began_at < started_at]:
            self._close(linkedid, "lost", min(heard_at, started_at))

    def close_all(self, over_before: datetime | None = None) -> None:
        """A table was read to its end. Calls without an end go on, but for those of an Asterisk that is no more."""
        for linkedid, call in list(self._calls.items()):
            if call.is_over:
                self._close(linkedid, "seen", call.last_at)
            elif over_before is not None and call.last_at < over_before:
                self._close(linkedid, "lost", call.last_at)
            else:
                del self._calls[linkedid]

    def _close(self, linkedid: str, ended: Literal["seen", "lost"], at: datetime) -> None:
        self._closing.pop(linkedid, None)
        self._kept_at.pop(linkedid, None)
        self._local.forget(linkedid)
        self._tell(self._calls.pop(linkedid), ended, at)

    def _tell(self, call: PbxCall, ended: Literal["open", "seen", "lost"], at: datetime | None) -> None:
        record = describe(call, self.names, ended=ended, lost_at=at if ended == "lost" else None)
        if record is not None:
            self._keep(record)
