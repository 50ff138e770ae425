"""What others are told: public events, each with a type, a moment, a subject and data. Webhooks carry them out.

A call's notices follow from its events, so that whoever commits an event commits what is told of it as well; devices,
queues, messages and the router itself have notices of their own. The names of the types are kept for ever.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol


class NoticeType(StrEnum):
    """What has happened, as receivers of webhooks know it."""

    CALL_STARTED = "call.started"  # a caller has arrived, or a call was asked for
    CALL_ROUTED = "call.routed"  # it is decided where it goes, by the API or without it
    CALL_RINGING = "call.ringing"  # a user's phones ring: once for each user and step
    CALL_ANSWERED = "call.answered"  # both sides speak
    CALL_MISSED = "call.missed"  # a user was rung, and has not taken it
    CONTACT_FOUND = "call.contact_found"  # a CRM knows whose number it is; also when the call is over
    CALL_HELD = "call.held"
    CALL_RESUMED = "call.resumed"
    CALL_TRANSFERRED = "call.transferred"
    CALL_ENDED = "call.ended"  # with its disposition, times and legs: the summary
    QUEUE_JOINED = "queue.joined"  # a caller waits in a queue or for a team
    QUEUE_LEFT = "queue.left"  # he waits no more: answered, abandoned, timed out; with how long
    AGENT_CHANGED = "agent.changed"  # of a user: pause, DND, wrap-up, talking or not
    DEVICE_ONLINE = "device.online"
    DEVICE_OFFLINE = "device.offline"
    VOICEMAIL_LEFT = "voicemail.left"
    RECORDING_READY = "recording.ready"  # its file is in the store
    RECORDING_FAILED = "recording.failed"  # it could not be made or fetched
    ACTIVITY_FAILED = "activity.failed"  # of a call at a CRM: it is not taken, or nobody knows whether it is
    MESSAGE_RECEIVED = "message.received"
    MESSAGE_SENT = "message.sent"
    MESSAGE_FAILED = "message.failed"
    API_DOWN = "router.api_down"  # a routing API does not answer as it should: its breaker is open
    API_UP = "router.api_up"
    POLICY_REFUSED = "router.policy_refused"  # the dial policy has refused a number outside
    ASTERISK_LOST = "router.asterisk_lost"
    ASTERISK_BACK = "router.asterisk_back"
    ROUTER_STARTED = "router.started"
    WEBHOOK_DISABLED = "webhook.disabled"  # a subscription gets nothing more: its receiver said 410, or is dead
    WEBHOOK_TEST = "webhook.test"  # somebody wants to see whether a receiver works


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """Whom and what a notice concerns: subscriptions choose by it. Ids of the directory; numbers in E.164."""

    users: frozenset[str] = frozenset()
    teams: frozenset[str] = frozenset()
    queues: frozenset[str] = frozenset()
    numbers: frozenset[str] = frozenset()
    route: str = ""
    direction: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One public event. What has the same `subject` (call/ID, device/NAME, queue/ID, router) is told in its order.

    `id` is the same however often the commit is tried or the notice delivered: receivers drop twins by it. `data` is
    JSON with the names of the REST API. `call_id` is "" for what concerns no call.
    """

    id: str
    type: NoticeType
    at: datetime
    subject: str
    data: Mapping[str, Any]
    call_id: str = ""
    about: About = field(default_factory=About)


class Notices(Protocol):
    """Where devices, queues, messages and the router itself put what others are told."""

    def tell(self, notice: Notice) -> None:
        """Take one notice, which is on the disk soon after; never waits and never raises.

        One whose `id` was told before is told once. Order within a subject is kept.
        """
