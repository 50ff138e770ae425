"""The calls of the PBX by AMI: which events are asked for, and what they tell."""

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from panoramisk.message import Message

from ari_app.calls.clock import now
from ari_app.calls.pbx_calls import PbxCalls, Source
from ari_app.domain.pbx_events import PbxEvent, QueueKind
from ari_app.domain.pbx_reading import channel_event, detail_record, moment, queue_event

CLASSES: Final = {Source.AUTO: "agent,call,cdr", Source.CEL: "agent,call", Source.CDR: "agent,cdr"}
"""The classes of events that are asked for. CEL comes in class call, with much else: `eventfilter` keeps that away."""

_QUEUE_EVENTS: Final = frozenset(kind.value for kind in QueueKind)
_SOUND: Final = timedelta(minutes=5)


class CallEvents:
    """Takes AMI's events and passes on those of calls. `zone` is that of the times in a Cdr, None: of this machine."""

    def __init__(self, calls: PbxCalls, source: Source, zone: tzinfo | None) -> None:
        self.calls = calls
        self.classes = CLASSES[source]
        self._zone = zone
        self.told = {"cel": 0, "cdr": 0, "cdr_alone": 0}

    def take(self, message: Message) -> None:
        """Take one event, at once."""
        kind = str(message.event)
        if kind == "CEL":
            self.told["cel"] += 1
            self._pass(channel_event(message, _at(message)))
        elif kind in _QUEUE_EVENTS:
            self._pass(queue_event(message, _at(message)))
        elif kind == "Cdr":
            self.told["cdr"] += 1
            self.told["cdr_alone"] += not message.get("linkedid")
            self._pass(detail_record(message, _at(message), self._zone))

    def _pass(self, event: PbxEvent | None) -> None:
        if event is not None:
            self.calls.take(event)


def _at(message: Message) -> datetime:
    """When it happened, as Asterisk says it where manager.conf has timestampevents: events come up to a second late.

    Else the moment at which it comes.
    """
    at = now()
    told = moment(message.get("timestamp"), UTC)
    # Of a clock that is wrong only the differences would be right, and not those to the router's own calls.
    return told if told is not None and abs(at - told) < _SOUND else at
