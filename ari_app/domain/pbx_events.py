"""What Asterisk tells of calls that it carries alone: channel events (CEL), call detail records (Cdr), and its queues.

All texts come from outside, callers' names among them: they are bounded and in one line before they get here.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

LONGEST_TEXT: Final = 256
"""In characters; a number, a name, a channel."""


class ChannelKind(StrEnum):
    """The channel events that tell something of a call, by CEL's names."""

    START = "CHAN_START"
    ANSWER = "ANSWER"
    ENTER = "BRIDGE_ENTER"
    EXIT = "BRIDGE_EXIT"
    APP_START = "APP_START"
    APP_END = "APP_END"
    BLIND_TRANSFER = "BLINDTRANSFER"
    ATTENDED_TRANSFER = "ATTENDEDTRANSFER"
    HANGUP = "HANGUP"
    END = "CHAN_END"
    LAST = "LINKEDID_END"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelEvent:
    """One event of CEL. `channel` is PJSIP/ada-00000001, `peer` the channels that are in the same bridge.

    `number` and `name` are the party's at the channel, `exten` and `context` where it is in the dialplan, `dialled`
    what it called first (dnid). `data` are the arguments of `application`. Of a hangup: `cause` is Q.850, `source` the
    channel that hung up, or dialplan/builtin; `dialled_status` is the DIALSTATUS of the first that it had called, and
    ANSWER once anybody has answered.
    """

    at: datetime
    linkedid: str
    kind: ChannelKind
    uniqueid: str
    channel: str
    number: str = ""
    name: str = ""
    exten: str = ""
    context: str = ""
    dialled: str = ""
    application: str = ""
    data: str = ""
    peer: str = ""
    cause: int | None = None
    source: str = ""
    dialled_status: str = ""


class QueueKind(StrEnum):
    """The events of a caller in a queue, by AMI's names."""

    JOIN = "QueueCallerJoin"
    LEAVE = "QueueCallerLeave"
    ABANDON = "QueueCallerAbandon"
    CALLED = "AgentCalled"
    CONNECT = "AgentConnect"
    COMPLETE = "AgentComplete"
    NO_ANSWER = "AgentRingNoAnswer"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueEvent:
    """One event of a caller in a queue. `member` is the interface that is rung or speaks, `state` its device, if told.

    `hold_s` and `talk_s` are whole seconds until now, of the events that tell them.
    """

    at: datetime
    linkedid: str
    kind: QueueKind
    uniqueid: str
    channel: str
    queue: str
    number: str = ""
    name: str = ""
    member: str = ""
    member_channel: str = ""
    hold_s: int | None = None
    talk_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DetailRecord:
    """One Cdr: what one channel did with another one. `disposition` is Asterisk's word: ANSWERED, NO ANSWER, BUSY, ...

    `at` is when it was told; the times in it have whole seconds.
    """

    at: datetime
    linkedid: str
    uniqueid: str
    channel: str
    destination_channel: str
    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime
    disposition: str
    number: str = ""
    name: str = ""
    exten: str = ""
    application: str = ""
    data: str = ""


PbxEvent = ChannelEvent | QueueEvent | DetailRecord
