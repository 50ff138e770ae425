"""Events of calls as Asterisk 22 was seen to tell them, in few words."""

from datetime import UTC, datetime, timedelta
from typing import Any

from ari_app.domain.pbx_events import ChannelEvent, ChannelKind, DetailRecord, PbxEvent, QueueEvent, QueueKind
from ari_app.domain.pbx_names import Names

START = datetime(2026, 3, 1, 9, 0, 0, 400_000, tzinfo=UTC)
SECOND = START.replace(microsecond=0)
CALL, BOB, CAROL = [f"{int(SECOND.timestamp())}.{number}" for number in (1, 2, 3)]
IDS = {"ada": CALL, "line": CALL, "bob": BOB, "carol": CAROL}
K, Q = ChannelKind, QueueKind
NAMES = Names(
    users={"PJSIP/ada": "456", "PJSIP/bob": "77", "PJSIP/carol": "78"},
    extensions={"101": "456"},
    queues={"sales-queue": "sales"},
    teams={frozenset({"77", "78"}): "7"},
    trunks=frozenset({"PJSIP/trunk"}),
)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def channel(seconds: float, kind: ChannelKind, name: str, **fields: Any) -> ChannelEvent:
    """Of the callers, PJSIP/ada and PJSIP/line, the id is the call's; Bob's and Carol's have the same second."""
    uniqueid = IDS.get(name, name)
    return ChannelEvent(
        at=at(seconds), linkedid=CALL, kind=kind, uniqueid=uniqueid, channel=f"PJSIP/{name}-00000001", **fields
    )


def queue(seconds: float, kind: QueueKind, **fields: Any) -> QueueEvent:
    return QueueEvent(
        at=at(seconds),
        linkedid=CALL,
        kind=kind,
        uniqueid=CALL,
        channel="PJSIP/line-00000001",
        queue="sales-queue",
        **fields,
    )


def detail(start: float, end: float, leg: str, *, answer: float | None = None, **fields: Any) -> DetailRecord:
    return DetailRecord(
        at=at(end),
        linkedid=CALL,
        uniqueid=CALL,
        destination_channel=f"PJSIP/{leg}-00000001" if leg else "",
        started_at=at(start),
        answered_at=None if answer is None else at(answer),
        ended_at=at(end),
        disposition="NO ANSWER" if answer is None else "ANSWERED",
        **{
            "channel": "PJSIP/ada-00000001",
            "number": "101",
            "exten": "102",
            "application": "Dial",
            "data": "PJSIP/bob",
            **fields,
        },
    )


def answered_call() -> list[PbxEvent]:
    """Ada calls Bob, who answers after 3 s; she hangs up after 10 s."""
    return [
        channel(0, K.START, "ada", number="101", exten="102", context="from-internal"),
        channel(0.1, K.APP_START, "ada", application="Dial", data="PJSIP/bob", exten="102"),
        channel(0.2, K.START, "bob", exten="s"),
        channel(3, K.ANSWER, "bob", application="AppDial"),
        channel(3, K.ANSWER, "ada", application="Dial"),
        channel(3.1, K.ENTER, "bob"),
        channel(3.1, K.ENTER, "ada", peer="PJSIP/bob-00000001"),
        channel(10, K.EXIT, "ada", peer="PJSIP/bob-00000001"),
        channel(10, K.EXIT, "bob"),
        channel(10, K.HANGUP, "bob", cause=16, source="PJSIP/ada-00000001"),
        channel(10, K.END, "bob"),
        channel(10, K.APP_END, "ada", application="Dial"),
        channel(10, K.HANGUP, "ada", cause=16, source="PJSIP/ada-00000001"),
        channel(10, K.END, "ada"),
        channel(10, K.LAST, "ada"),
    ]


def queued_call() -> list[PbxEvent]:
    """Somebody outside waits 8 s for a queue that rings Bob and Carol; Carol answers, and hangs up at 20 s."""
    return [
        channel(0, K.START, "line", number="+14155550177", exten="+14155550100", context="from-trunk"),
        channel(0, K.APP_START, "line", application="Queue", data="sales-queue,,,,60"),
        queue(0.1, Q.JOIN),
        channel(0.2, K.START, "bob"),
        channel(0.2, K.START, "carol"),
        queue(0.3, Q.CALLED, member="PJSIP/bob"),
        queue(0.3, Q.CALLED, member="PJSIP/carol"),
        queue(8, Q.LEAVE),
        queue(8, Q.CONNECT, member="PJSIP/carol", hold_s=8),
        channel(8, K.ANSWER, "carol", application="AppQueue"),
        channel(8, K.HANGUP, "bob", application="AppQueue", cause=26),
        channel(8, K.ANSWER, "line", application="Queue"),
        channel(8.1, K.ENTER, "carol"),
        channel(8.1, K.ENTER, "line", peer="PJSIP/carol-00000001"),
        channel(20, K.HANGUP, "carol", cause=16, source="PJSIP/carol-00000001"),
        channel(20, K.APP_END, "line", application="Queue"),
        channel(20, K.HANGUP, "line", cause=16, source="PJSIP/carol-00000001"),
        channel(20, K.LAST, "line"),
        queue(20, Q.COMPLETE, member="PJSIP/carol", hold_s=8, talk_s=12),
    ]
