"""Events and records in the database's form, and back.

What an older version wrote is read by a newer one as long as new fields have defaults. What a newer one wrote is read
as far as it is understood: unknown fields are left out, and an unknown kind of event is kept as it is.
"""

from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from datetime import datetime
from typing import Any, Self, get_args

from ari_app.domain.events import CallEvent
from ari_app.domain.record import CallRecord, Direction, Disposition, LegRecord


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
_LEG_TIMES = ("dialled_at", "ringing_at", "answered_at", "asked_at", "confirmed_at", "ended_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent:
    """One event as it is stored: `type` names its class, `data` its fields without the moment.

    `event` is None when this version does not know the kind, or cannot read it.
    """

    at: datetime
    type: str
    data: Mapping[str, Any]
    event: CallEvent | None


def store(event: CallEvent) -> StoredEvent:
    """The stored form; its `event` is what will be read back, so that a record can always be folded again.

    Raises TypeError when a field holds what JSON cannot.
    """
    kind = type(event).__name__
    shape = _SHAPES.get(kind) or _Shape.of(type(event))
    return restore(event.at, kind, {name: _storable(getattr(event, name)) for name in shape.names})


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


def _storable(value: object) -> object:
    """The same value, fit for every database: half a surrogate pair or a NUL in a SIP name must not stop the log."""
    match value:
        case str():
            return value.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
        case None | bool() | int() | float():
            return value
        case Mapping():
            return {str(_storable(str(key))): _storable(item) for key, item in value.items()}
        case list() | tuple():
            return [_storable(item) for item in value]
        case _:
            raise TypeError(f"an event's field holds {type(value).__name__}, which the call log cannot store")


def record_to_row(record: CallRecord, first_event_at: datetime) -> dict[str, Any]:
    """The row of table `calls`."""
    row = {field.name: getattr(record, field.name) for field in fields(record)}
    row["disposition"] = record.disposition.value
    row["direction"] = record.direction.value
    row["first_event_at"] = first_event_at
    row["legs"] = [_leg_to_json(leg) for leg in record.legs]
    return row


def row_to_record(row: Mapping[str, Any]) -> CallRecord:
    """The record of a row; a disposition of a newer version is shown as interrupted."""
    values = {field.name: row[field.name] for field in fields(CallRecord)}
    try:
        values["disposition"] = Disposition(row["disposition"])
    except ValueError:
        values["disposition"] = Disposition.INTERRUPTED
    values["direction"] = Direction(row["direction"])
    values["legs"] = tuple(_leg_from_json(leg) for leg in row["legs"])
    return CallRecord(**values)


def _leg_to_json(leg: LegRecord) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in asdict(leg).items()}


def _leg_from_json(data: Mapping[str, Any]) -> LegRecord:
    known = {field.name: data[field.name] for field in fields(LegRecord) if field.name in data}
    times = {name: datetime.fromisoformat(known[name]) for name in _LEG_TIMES if known.get(name)}
    return LegRecord(**(known | times))
