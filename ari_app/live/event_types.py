"""The types of events in a sentence each, with an example of what is sent: for people who write receivers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from typing import Any, Final

from agi_router.lookup.upstream import UpstreamStatus
from agi_router.routing.errors import Failure
from ari_app.domain.activities import Activity, ActivityState
from ari_app.domain.messages import ContactResult, MessageDirection, MessageStatus, TextMessage
from ari_app.domain.notices import Notice, NoticeType
from ari_app.live.activities import activity_as_json
from ari_app.live.example_call import BEGAN, CALL_ID, told_of_example
from ari_app.live.message_json import message_as_json
from ari_app.live.watching.upstreams import upstream_as_json
from ari_app.webhooks.payload import as_it_is

DESCRIPTIONS: Final[Mapping[NoticeType, str]] = {
    NoticeType.CALL_STARTED: "A caller has arrived, or a call was asked for.",
    NoticeType.CALL_ROUTED: "It is decided where the call goes, by the API or without it.",
    NoticeType.CALL_RINGING: "A user's phones ring: once for each user and step of the chain.",
    NoticeType.CALL_ANSWERED: "Both sides speak.",
    NoticeType.CALL_MISSED: "A user was rung, and has not taken the call.",
    NoticeType.CALL_HELD: "Somebody was put on hold.",
    NoticeType.CALL_RESUMED: "They speak again after a hold.",
    NoticeType.CALL_TRANSFERRED: "The call was transferred.",
    NoticeType.CALL_ENDED: "The call is over: what became of it, with all times, legs and parts.",
    NoticeType.QUEUE_JOINED: "A caller waits in a queue, or for a team.",
    NoticeType.QUEUE_LEFT: "A caller waits no more: answered, abandoned, timed out.",
    NoticeType.AGENT_CHANGED: "A user has begun or ended a talk, wrap-up, do not disturb, or a break of a queue.",
    NoticeType.DEVICE_ONLINE: "A phone or a trunk can be reached again.",
    NoticeType.DEVICE_OFFLINE: "A phone or a trunk cannot be reached any more.",
    NoticeType.CONTACT_FOUND: "A CRM has told whose number the other side of a call has.",
    NoticeType.VOICEMAIL_LEFT: "A caller has left a message in a mailbox.",
    NoticeType.RECORDING_READY: "A recording is in the store, and can be fetched.",
    NoticeType.RECORDING_FAILED: "A recording could not be made, or not be fetched.",
    NoticeType.ACTIVITY_FAILED: "A CRM does not take what it is told of a call, or nobody knows whether it did.",
    NoticeType.MESSAGE_RECEIVED: "A phone has sent a text message.",
    NoticeType.MESSAGE_SENT: "A text message went to a user's phones.",
    NoticeType.MESSAGE_FAILED: "A text message could not be sent.",
    NoticeType.API_DOWN: "A routing API does not answer as it should: its breaker is open.",
    NoticeType.API_UP: "A routing API answers again.",
    NoticeType.POLICY_REFUSED: "The dial policy has refused a number outside.",
    NoticeType.ASTERISK_LOST: "Asterisk is out of sight for longer than a moment.",
    NoticeType.ASTERISK_BACK: "Asterisk is there again.",
    NoticeType.ROUTER_STARTED: "The router has started.",
    NoticeType.WEBHOOK_DISABLED: "A webhook is sent nothing more: its receiver answered 410, or has failed for days.",
    NoticeType.WEBHOOK_TEST: "Somebody tries whether a receiver works: it goes to one webhook alone.",
}

_WEBHOOK: Final = {"id": "wh_9f3a2c1b77aa0e41", "name": "crm", "url": "https://crm.example.com/hooks/pbx"}
_PHONE: Final = {"endpoint": "PJSIP/ada", "kind": "phone", "user": "456", "trunk": None}
_SINCE: Final = BEGAN.isoformat()
_AGENT: Final = {
    "user": "456",
    "name": "Ada",
    "devices": {"PJSIP/ada": "INUSE"},
    "registered": True,
    "state": "in_call",
    "for_s": None,
    "dnd": False,
    "queues": [{"queue": "support-queue", "paused": False, "reason": ""}],
}
_MESSAGE: Final = TextMessage(
    id="msg-20261121T090000-1b77aa9f3a2c",
    at=BEGAN,
    direction=MessageDirection.OUTBOUND,
    status=MessageStatus.SENT,
    sender="102",
    recipient="456",
    text="Grace asks to be called back",
    user="456",
    contacts=(ContactResult(endpoint="PJSIP/ada", contact="sip:ada@192.0.2.10", status=MessageStatus.SENT),),
    key="crm",
)
_ACTIVITY: Final = Activity(
    id=77,
    connector="hubspot",
    call_id=CALL_ID,
    reference=CALL_ID,
    state=ActivityState.UNKNOWN,
    created_at=BEGAN,
    doing="CreateActivity",
    tried_at=BEGAN,
    error="no answer from https://api.example.com within 15 s",
)
_RECEIVED: Final = replace(
    _MESSAGE,
    direction=MessageDirection.INBOUND,
    status=MessageStatus.RECEIVED,
    sender="sip:ada@192.0.2.1",
    recipient="102",
    endpoint="PJSIP/ada",
    contacts=(),
    key="",
)
_UNSENT: Final = replace(_MESSAGE, status=MessageStatus.FAILED, contacts=(), reason="not_registered")
_DOWN: Final = UpstreamStatus(
    origin="https://api.example.com",
    breaker="open",
    failures=5,
    since=BEGAN,
    until=BEGAN + timedelta(seconds=30),
    reason=Failure("timeout", "no answer within 3 s", "Look after the API."),
    in_progress=0,
    waiting=0,
    max_concurrent=100,
)
_UP: Final = replace(_DOWN, breaker="closed", failures=0, since=None, until=None, reason=None)

_OTHERS: Final[Mapping[NoticeType, Mapping[str, Any]]] = {
    NoticeType.AGENT_CHANGED: {"agent": _AGENT, "before": {"state": "free", "dnd": False}},
    NoticeType.DEVICE_ONLINE: {"device": {**_PHONE, "call_state": "NOT_INUSE"}},
    NoticeType.DEVICE_OFFLINE: {"device": {**_PHONE, "call_state": "UNAVAILABLE"}},
    NoticeType.ACTIVITY_FAILED: {"activity": activity_as_json(_ACTIVITY)},
    NoticeType.MESSAGE_RECEIVED: {"message": message_as_json(_RECEIVED)},
    NoticeType.MESSAGE_SENT: {"message": message_as_json(_MESSAGE)},
    NoticeType.MESSAGE_FAILED: {"message": message_as_json(_UNSENT)},
    NoticeType.API_DOWN: {"upstream": upstream_as_json(_DOWN)},
    NoticeType.API_UP: {"upstream": upstream_as_json(_UP), "down_since": _SINCE, "down_s": 42.5},
    NoticeType.ASTERISK_LOST: {"asterisk": {"since": _SINCE}},
    NoticeType.ASTERISK_BACK: {"asterisk": {"since": _SINCE, "lost_s": 42.5}},
    NoticeType.ROUTER_STARTED: {"router": {"version": "1.0.0", "app": "agi-router"}},
    NoticeType.WEBHOOK_DISABLED: {"webhook": _WEBHOOK, "reason": "the receiver answered 410: it wants no more events"},
    NoticeType.WEBHOOK_TEST: {"webhook": {"id": _WEBHOOK["id"], "name": _WEBHOOK["name"]}},
}


@dataclass(frozen=True, slots=True)
class EventType:
    """What it is, and the body of a webhook that tells of it."""

    description: str
    payload: dict[str, Any]


@cache
def event_types() -> Mapping[NoticeType, EventType]:
    """All of them, those of calls by the very code that tells of calls."""
    examples = {kind: (BEGAN, data) for kind, data in _OTHERS.items()} | dict(told_of_example())
    made = {}
    for kind, description in DESCRIPTIONS.items():
        at, data = examples[kind]
        notice = Notice(id=f"{CALL_ID}-example", type=kind, at=at, subject="", data=data)
        made[kind] = EventType(description, json.loads(as_it_is(notice).body))
    return made
