"""Events and records in the database's form, and back.

What an older version wrote is read by a newer one as long as new fields have defaults. What a newer one wrote is read
as far as it is understood: unknown fields are left out, and an unknown kind of event is kept as it is.
"""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from datetime import datetime
from typing import Any, Self, get_args

from ari_app.domain.call_log import StoredEvent
from ari_app.domain.events import CallEvent
from ari_app.domain.parts import CallPart, PartKind
from ari_app.domain.record import CallContact, CallRecord, Direction, Disposition, LegRecord


@dataclass(frozen=True, slots=True)
class _Shape:
    """The fields of a class of events but for the moment, in their order; `required` are those without a default."""

    names: Mapping[str, None]
    required: frozenset[str]

    @classmethod
    def of(cls, event_class: type[CallEvent]) -> Self:
        """Looked up once: it takes longer than to store an event."""
        known = [field for field in fields(event_class) if field.name != "at"]
        required = (field.name for field in known if field.default is MISSING and field.default_factory is MISSING)
        return cls(dict.fromkeys(field.name for field in known), frozenset(required))


_EVENT_CLASSES: Mapping[str, type[CallEvent]] = {cls.__name__: cls for cls in get_args(CallEvent)}
_SHAPES: Mapping[str, _Shape] = {name: _Shape.of(cls) for name, cls in _EVENT_CLASSES.items()}
# As those of events: looked up once.
_RECORD_NAMES = tuple(field.name for field in fields(CallRecord) if field.name != "linkedid")
_PART_NAMES = tuple(field.name for field in fields(CallPart))
_LEG_NAMES = tuple(field.name for field in fields(LegRecord))
_CONTACT_NAMES = tuple(field.name for field in fields(CallContact))
_LEG_TIMES = ("dialled_at", "ringing_at", "answered_at", "asked_at", "confirmed_at", "ended_at")


def store(event: CallEvent) -> StoredEvent:
    """The stored form; its `event` is what will be read back, so that a record can always be folded again.

    Raises TypeError when a field holds what JSON cannot.
    """
    kind = type(event).__name__
    shape = _SHAPES.get(kind) or _Shape.of(type(event))
    told = {name: getattr(event, name) for name in shape.names}
    data = {name: storable(value) for name, value in told.items()}
    if kind in _EVENT_CLASSES and all(data[name] is value for name, value in told.items()):
        return StoredEvent(at=event.at, type=kind, data=data, event=event)
    return restore(event.at, kind, data)


def restore(at: datetime, event_type: str, data: Mapping[str, Any]) -> StoredEvent:
    """The event that was stored."""
    return StoredEvent(at=at, type=event_type, data=data, event=_read(at, event_type, data))


def _read(at: datetime, event_type: str, data: Mapping[str, Any]) -> CallEvent | None:
    event_class = _EVENT_CLASSES.get(event_type)
    if event_class is None:
        return None
    shape = _SHAPES[event_type]
    if not shape.required <= data.keys():
        return None
    return event_class(at=at, **{name: value for name, value in data.items() if name in shape.names})


def storable(value: object) -> Any:
    """The same value, fit for every database: half a surrogate pair or a NUL in a SIP name must not stop the log."""
    match value:
        case str() if value.isascii() and "\0" not in value:
            return value
        case str():
            return value.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
        case None | bool() | int() | float():
            return value
        case Mapping():
            return {str(storable(str(key))): storable(item) for key, item in value.items()}
        case list() | tuple():
            return [storable(item) for item in value]
        case _:
            raise TypeError(f"what is to be stored holds {type(value).__name__}, which is no JSON")


def record_to_row(record: CallRecord, first_event_at: datetime) -> dict[str, Any]:
    """The row of table `calls`, but for its linkedid, which Asterisk's own record tells."""
    row: dict[str, Any] = {name: getattr(record, name) for name in _RECORD_NAMES}
    row["disposition"] = record.disposition.value
    row["direction"] = record.direction.value
    row["first_event_at"] = first_event_at
    row["legs"] = [_leg_to_json(leg) for leg in record.legs]
    row["contacts"] = [_contact_to_json(contact) for contact in record.contacts]
    return row


def part_to_row(call_id: str, number: int, part: CallPart) -> dict[str, Any]:
    """The row of table `call_parts`."""
    row = {name: getattr(part, name) for name in _PART_NAMES}
    return {**row, "call_id": call_id, "part": number, "kind": part.kind.value, "direction": part.direction.value}


def row_to_part(row: Mapping[str, Any]) -> CallPart:
    """The part of a row."""
    values = {field.name: row[field.name] for field in fields(CallPart)}
    return CallPart(**(values | {"kind": PartKind(row["kind"]), "direction": Direction(row["direction"])}))


def disposition(stored: str) -> Disposition:
    """What stands in a row; a disposition of a newer version is shown as interrupted."""
    try:
        return Disposition(stored)
    except ValueError:
        return Disposition.INTERRUPTED


def row_to_record(row: Mapping[str, Any]) -> CallRecord:
    """The record of a row."""
    values = {field.name: row[field.name] for field in fields(CallRecord)}
    values["disposition"] = disposition(row["disposition"])
    values["direction"] = Direction(row["direction"])
    values["legs"] = tuple(_leg_from_json(leg) for leg in row["legs"])
    values["contacts"] = tuple(_contact_from_json(contact) for contact in row["contacts"])
    return CallRecord(**values)


def _contact_to_json(contact: CallContact) -> dict[str, Any]:
    return {**{name: getattr(contact, name) for name in _CONTACT_NAMES}, "candidates": list(contact.candidates)}


def _contact_from_json(data: Mapping[str, Any]) -> CallContact:
    known = {name: data[name] for name in _CONTACT_NAMES if name in data}
    return CallContact(**(known | {"candidates": tuple(data.get("candidates", ()))}))


def _leg_to_json(leg: LegRecord) -> dict[str, Any]:
    values = ((name, getattr(leg, name)) for name in _LEG_NAMES)
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values}


def _leg_from_json(data: Mapping[str, Any]) -> LegRecord:
    known = {field.name: data[field.name] for field in fields(LegRecord) if field.name in data}
    times = {name: datetime.fromisoformat(known[name]) for name in _LEG_TIMES if known.get(name)}
    return LegRecord(**(known | times))
