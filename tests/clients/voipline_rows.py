"""VoIPline: the rows of its answers, field by field as the samples show them."""

import datetime as dt
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from tests.clients import strict

# the sample's form to the letter: 2019-06-18T14:58:39.000Z
MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z")

SHARED_FIELDS = (
    "unique_call_id",
    "caller_name",
    "dest_number",
    "user_name",
    "user_number",
    "call_start_at",
    "connected_at",
    "call_duration",
    "conversation_duration",
)


class CallType(StrEnum):
    """The first two are printed in a sample; the others complete the pattern."""

    USER_INBOUND_MISSED = "user_inbound_missed"
    USER_OUTBOUND_ANSWERED = "user_outbound_answered"
    USER_INBOUND_ANSWERED = "user_inbound_answered"
    USER_OUTBOUND_MISSED = "user_outbound_missed"

    @property
    def answered(self) -> bool:
        return self.value.endswith("_answered")


class GroupStatus(StrEnum):
    ANSWERED = "answered"
    ABANDONED = "abandoned"


@dataclass(frozen=True)
class UserCall:
    unique_call_id: str
    type: CallType
    caller_id: str | None
    caller_name: str | None
    dest_number: str
    user_name: str
    user_number: str
    call_start_at: dt.datetime
    connected_at: dt.datetime | None
    # ring and talk together, in seconds
    call_duration: int
    conversation_duration: int


@dataclass(frozen=True)
class GroupCall:
    """A call of a queue or of a ring group; nobody is named as its user when nobody took it."""

    unique_call_id: str
    group_name: str
    status: GroupStatus
    callerid: str | None
    caller_name: str | None
    dest_number: str | None
    user_name: str | None
    user_number: str | None
    call_start_at: dt.datetime
    connected_at: dt.datetime | None
    call_duration: int
    conversation_duration: int


@dataclass(frozen=True)
class PlacedCall:
    user_name: str
    user_number: str
    caller_id: str | None
    dest_number: str


def moment(value: object, where: str) -> dt.datetime:
    text = strict.string(value, where)
    if not MOMENT.fullmatch(text):
        raise strict.WrongShapeError(f"{where}: {text!r} is not like 2019-06-18T14:58:39.000Z")
    return dt.datetime.fromisoformat(text)


def user_call(value: object) -> UserCall:
    where = "user call"
    row = strict.fields(value, where, {*SHARED_FIELDS, "type", "caller_id"})
    name = strict.string(row["type"], f"{where}: type")
    if name not in set(CallType):
        raise strict.WrongShapeError(f"{where}: unknown type {name!r}")
    call_type = CallType(name)
    start, connected, total, talk = _times(row, where, answered=call_type.answered)
    return UserCall(
        unique_call_id=strict.filled_string(row["unique_call_id"], f"{where}: unique_call_id"),
        type=call_type,
        caller_id=strict.string_or_null(row["caller_id"], f"{where}: caller_id"),
        caller_name=strict.string_or_null(row["caller_name"], f"{where}: caller_name"),
        dest_number=strict.string(row["dest_number"], f"{where}: dest_number"),
        user_name=strict.filled_string(row["user_name"], f"{where}: user_name"),
        user_number=strict.filled_string(row["user_number"], f"{where}: user_number"),
        call_start_at=start,
        connected_at=connected,
        call_duration=total,
        conversation_duration=talk,
    )


def group_call(value: object, name_field: Literal["queue_name", "ring_group_name"]) -> GroupCall:
    where = f"{name_field} row"
    # "adds", says the note on group rows; whether `type` stays beside `status` is not told
    row = strict.fields(value, where, {*SHARED_FIELDS, "callerid", "status", name_field}, {"type"})
    name = strict.string(row["status"], f"{where}: status")
    if name not in set(GroupStatus):
        raise strict.WrongShapeError(f"{where}: unknown status {name!r}")
    if "type" in row:
        strict.filled_string(row["type"], f"{where}: type")
    status = GroupStatus(name)
    start, connected, total, talk = _times(row, where, answered=status is GroupStatus.ANSWERED)
    user_name = strict.string_or_null(row["user_name"], f"{where}: user_name")
    if status is GroupStatus.ANSWERED and not user_name:
        raise strict.WrongShapeError(f"{where}: answered by nobody")
    return GroupCall(
        unique_call_id=strict.filled_string(row["unique_call_id"], f"{where}: unique_call_id"),
        group_name=strict.filled_string(row[name_field], f"{where}: {name_field}"),
        status=status,
        callerid=strict.string_or_null(row["callerid"], f"{where}: callerid"),
        caller_name=strict.string_or_null(row["caller_name"], f"{where}: caller_name"),
        dest_number=strict.string_or_null(row["dest_number"], f"{where}: dest_number"),
        user_name=user_name,
        user_number=strict.string_or_null(row["user_number"], f"{where}: user_number"),
        call_start_at=start,
        connected_at=connected,
        call_duration=total,
        conversation_duration=talk,
    )


def placed_call(value: object) -> PlacedCall:
    envelope = strict.fields(value, "call-to-number", {"code", "data", "message"})
    message = strict.fields(envelope["message"], "message", {"status"})
    if message["status"] != "success":
        raise strict.WrongShapeError(f"message: status {message['status']!r} under code 200")
    data = strict.fields(envelope["data"], "data", {"user_name", "user_number", "caller_id", "dest_number"})
    return PlacedCall(
        user_name=strict.filled_string(data["user_name"], "data: user_name"),
        user_number=strict.filled_string(data["user_number"], "data: user_number"),
        caller_id=strict.string_or_null(data["caller_id"], "data: caller_id"),
        dest_number=strict.filled_string(data["dest_number"], "data: dest_number"),
    )


def _times(row: dict[str, object], where: str, *, answered: bool) -> tuple[dt.datetime, dt.datetime | None, int, int]:
    start = moment(row["call_start_at"], f"{where}: call_start_at")
    joined = row["connected_at"]
    connected = None if joined is None else moment(joined, f"{where}: connected_at")
    total = strict.seconds(row["call_duration"], f"{where}: call_duration")
    talk = strict.seconds(row["conversation_duration"], f"{where}: conversation_duration")
    if answered != (connected is not None):
        raise strict.WrongShapeError(f"{where}: answered is {answered}, connected_at is {joined!r}")
    if connected is None and talk:
        raise strict.WrongShapeError(f"{where}: {talk} s of conversation, never connected")
    if connected is not None and connected < start:
        raise strict.WrongShapeError(f"{where}: connected before it started")
    if talk > total:
        raise strict.WrongShapeError(f"{where}: talk {talk} s is longer than the call, {total} s")
    return start, connected, total, talk
