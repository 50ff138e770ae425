"""The events of the PBX's calls, read from texts: the headers of an AMI event, or the columns of a table.

Fields go by AMI's names in small letters. What is no event of a call, or can't be one, is None.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Final

from agi_router.routing.printable import one_line
from ari_app.domain.pbx_events import LONGEST_TEXT, ChannelEvent, ChannelKind, DetailRecord, QueueEvent, QueueKind

LONGEST_DATA: Final = 2048
"""Of an application: whom a Dial() calls."""
LONGEST_EXTRA: Final = 8192
LONGEST_ID: Final = 150
"""Asterisk's own bound of a channel's id, which begins with the system's name where it has one."""

_KINDS: Final = {kind.value: kind for kind in ChannelKind}
_QUEUE_KINDS: Final = {kind.value: kind for kind in QueueKind}
_NO_ANSWER: Final = ("", "0000-00-00 00:00:00")

Fields = Mapping[str, object]


def channel_event(fields: Fields, at: datetime) -> ChannelEvent | None:
    """One event of CEL."""
    kind = _KINDS.get(_text(fields, "eventname"))
    linkedid, channel = _id(fields, "linkedid"), _text(fields, "channel")
    if kind is None or not linkedid or not (channel or kind is ChannelKind.LAST):
        return None
    extra = _extra(fields) if kind is ChannelKind.HANGUP else {}
    cause = extra.get("hangupcause")
    return ChannelEvent(
        at=at,
        linkedid=linkedid,
        kind=kind,
        uniqueid=_id(fields, "uniqueid"),
        channel=channel,
        number=_text(fields, "calleridnum"),
        name=_text(fields, "calleridname"),
        exten=_text(fields, "exten"),
        context=_text(fields, "context"),
        dialled=_text(fields, "calleriddnid"),
        application=_text(fields, "application"),
        data=_text(fields, "appdata", LONGEST_DATA),
        peer=_text(fields, "peer", LONGEST_DATA),
        cause=cause if isinstance(cause, int) and 0 <= cause <= 127 else None,
        source=_bounded(str(extra.get("hangupsource", "")), LONGEST_TEXT),
        dialled_status=_bounded(str(extra.get("dialstatus", "")), LONGEST_TEXT),
    )


def queue_event(fields: Fields, at: datetime) -> QueueEvent | None:
    """One event of a caller in a queue."""
    kind = _QUEUE_KINDS.get(_text(fields, "event"))
    linkedid, channel, queue = _id(fields, "linkedid"), _text(fields, "channel"), _text(fields, "queue")
    if kind is None or not (linkedid and channel and queue):
        return None
    return QueueEvent(
        at=at,
        linkedid=linkedid,
        kind=kind,
        uniqueid=_id(fields, "uniqueid"),
        channel=channel,
        queue=queue,
        number=_text(fields, "calleridnum"),
        name=_text(fields, "calleridname"),
        member=_text(fields, "interface"),
        member_channel=_text(fields, "destchannel"),
        hold_s=_seconds(fields, "holdtime"),
        talk_s=_seconds(fields, "talktime"),
    )


def detail_record(fields: Fields, at: datetime, zone: tzinfo | None) -> DetailRecord | None:
    """One Cdr, whose times are those of `zone`, None: of this machine. Without LinkedID its own id is the call's."""
    uniqueid, channel = _id(fields, "uniqueid"), _text(fields, "channel")
    linkedid = _id(fields, "linkedid") or uniqueid
    started_at = moment(fields.get("starttime"), zone)
    if not (linkedid and channel) or started_at is None:
        return None
    ended_at = moment(fields.get("endtime"), zone) or started_at
    return DetailRecord(
        at=at,
        linkedid=linkedid,
        uniqueid=uniqueid,
        channel=channel,
        destination_channel=_text(fields, "destinationchannel"),
        started_at=started_at,
        answered_at=moment(fields.get("answertime"), zone),
        ended_at=max(ended_at, started_at),
        disposition=_text(fields, "disposition").upper(),
        number=_text(fields, "source"),
        name=_name(_text(fields, "callerid")),
        exten=_text(fields, "destination"),
        application=_text(fields, "lastapplication"),
        data=_text(fields, "lastdata", LONGEST_DATA),
    )


def moment(given: object, zone: tzinfo | None) -> datetime | None:
    """A time as Asterisk or a database writes it: a date and a time of `zone`, or seconds since 1970."""
    match given:
        case datetime():
            return _in_utc(given, zone)
        case None:
            return None
        case _:
            text = str(given).strip()
    if text in _NO_ANSWER:
        return None
    try:
        seconds = float(text)
    except ValueError:
        pass
    else:
        return datetime.fromtimestamp(seconds, UTC) if 0 < seconds < 1e10 else None
    try:
        return _in_utc(datetime.fromisoformat(text), zone)
    except (ValueError, OverflowError):
        return None


def _in_utc(given: datetime, zone: tzinfo | None) -> datetime:
    """A naive one is of `zone`; without a zone of this machine's, as astimezone takes it."""
    return (given if given.tzinfo or zone is None else given.replace(tzinfo=zone)).astimezone(UTC)


def _text(fields: Fields, name: str, longest: int = LONGEST_TEXT) -> str:
    value = fields.get(name)
    return "" if value is None else _bounded(str(value), longest)


def _id(fields: Fields, name: str) -> str:
    """An id is a key: one that is too long for Asterisk is none."""
    value = _text(fields, name, LONGEST_ID + 1)
    return value if len(value) <= LONGEST_ID else ""


def _bounded(text: str, longest: int) -> str:
    return one_line(text[:longest])


def _extra(fields: Fields) -> Mapping[str, object]:
    text = str(fields.get("extra") or "")
    try:
        extra = json.loads(text) if len(text) <= LONGEST_EXTRA else {}
    except (ValueError, RecursionError):
        return {}
    return extra if isinstance(extra, dict) else {}


def _seconds(fields: Fields, name: str) -> int | None:
    text = _text(fields, name)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 8 else None


def _name(caller_id: str) -> str:
    """The name of "Ada" <101>."""
    return caller_id.rpartition("<")[0].strip().strip('"') if "<" in caller_id else ""
