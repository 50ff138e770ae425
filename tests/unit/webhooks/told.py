"""Notices of calls as subscriptions get them, made of the events of a call."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from pydantic import TypeAdapter

from ari_app.domain import events as e
from ari_app.domain.notices import Notice, NoticeType
from ari_app.domain.part_rows import Named
from ari_app.domain.parts import CallPart, PartKind, parts_of
from ari_app.domain.record import CallRecord, fold

T = TypeVar("T")
BEGAN = datetime(2026, 11, 20, 8, 30, 0, 123456, tzinfo=UTC)
CALL_ID = "20261120T083000-000000000001"
CALLER = "+14155550177"
OURS = "+14155550100"
OUTSIDE = "+14155550188"


def at(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def arrived() -> e.CallArrived:
    return e.CallArrived(
        at=BEGAN,
        route="sales",
        called_number=OURS,
        caller_number=CALLER,
        caller_name="Grace",
        caller_withheld=False,
        channel_id="1.1",
    )


def step(kind: str, name: str, team: str = "") -> e.StepStarted:
    return e.StepStarted(at=at(1), step=1, destination_type=kind, destination=name, timeout_s=25, team=team)


def rung(user: str, leg: str = "leg-1") -> e.LegDialled:
    return e.LegDialled(at=at(1), leg=leg, endpoint=f"ep-{user}", contact=f"sip:{user}@127.0.0.1", user=user)


def answered(leg: str = "leg-1") -> list[e.CallEvent]:
    return [
        e.LegAnswered(at=at(5), leg=leg),
        e.CallAnswered(at=at(5), leg=leg),
        e.StepEnded(at=at(5), step=1, outcome="answered"),
    ]


OVER = e.CallEnded(at=at(15.9), by="caller", cause=16)
PLACED: list[e.CallEvent] = [
    e.CallRequested(at=BEGAN, first="agent", user="456", user_name="Ada", number=OUTSIDE, caller_id=OURS),
    rung("456"),
    e.LegAnswered(at=at(3), leg="leg-1"),
    e.FirstAnswered(at=at(3), leg="leg-1", channel_id="c"),
    e.LegDialled(at=at(3), leg="leg-2", endpoint="trunk", contact="sip:x@127.0.0.1"),
    e.LegAnswered(at=at(9), leg="leg-2"),
    e.CallAnswered(at=at(9), leg="leg-2"),
    e.CallEnded(at=at(14.5), by="caller", cause=16),
]


def notice(kind: NoticeType, happened: Sequence[e.CallEvent], **beside: Any) -> Notice:
    """As it is told after the last of these events."""
    record = fold(CALL_ID, happened)
    call = as_json(CallRecord, record)
    call |= {"ring_s": record.ring_s, "talk_s": record.talk_s, "total_s": record.total_s}
    call["parts"] = [as_json(CallPart, part) for part in parts_of(happened)]
    data = {"call": call, **beside}
    return Notice(id="n-1", type=kind, at=happened[-1].at, subject=f"call/{CALL_ID}", data=data, call_id=CALL_ID)


def as_json(kind: type[T], thing: T) -> Any:
    return json.loads(TypeAdapter[T](kind).dump_json(thing))


class Directory:
    """Ada and Bob, a team and a queue."""

    users = {"456": Named("Ada", "101"), "77": Named("Bob", "102")}  # noqa: RUF012 - never changed

    def user(self, user_id: str) -> Named:
        return self.users.get(user_id) or Named(user_id, user_id)

    def group(self, kind: PartKind, group_id: str) -> str:
        return {"7": "Sales", "support": "support-queue"}.get(group_id, f"{kind} {group_id}")
