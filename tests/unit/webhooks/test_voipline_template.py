"""VoIPline's eleven triggers, as the shipped templates make them of what calls tell."""

import json
from collections.abc import Sequence
from typing import Any

from ari_app.domain import events as e
from ari_app.domain.call_digits import in_digits
from ari_app.domain.notices import NoticeType
from ari_app.webhooks.templates.rendering import rendered
from ari_app.webhooks.templates.shipped import shipped
from tests.unit.webhooks.told import (
    CALL_ID,
    CALLER,
    OURS,
    OUTSIDE,
    OVER,
    PLACED,
    Directory,
    answered,
    arrived,
    at,
    notice,
    rung,
    step,
)

ADA = {"user_name": "Ada", "user_number": "101"}
BOB = {"user_name": "Bob", "user_number": "102"}
NOBODY = {"user_name": None, "user_number": None}
SHARED = {
    "unique_call_id": in_digits(CALL_ID),
    "caller_id": CALLER,
    "caller_name": "Grace",
    "dest_number": OURS,
    "call_start_at": "2026-11-20T08:30:01.123Z",
}
TO_ADA: list[e.CallEvent] = [arrived(), step("user", "456"), rung("456")]
TO_TEAM: list[e.CallEvent] = [arrived(), step("team", "7", team="7"), rung("456"), rung("77", "leg-2")]
TO_QUEUE: list[e.CallEvent] = [arrived(), step("queue", "support")]


def sent(template: str, kind: NoticeType, happened: Sequence[e.CallEvent], **beside: Any) -> Any:
    """The body, None when nothing is sent."""
    request = rendered(shipped()[template], notice(kind, happened, **beside), Directory(), {})
    if request is None:
        return None
    assert (request.method, request.content_type) == ("POST", "application/json")
    return json.loads(request.body)


def test_a_user_is_rung() -> None:
    body = sent("voipline", NoticeType.CALL_RINGING, TO_ADA, user="456")
    assert body == {"type": "user_inbound", **SHARED, **ADA, "queue_name": None, "ring_group_name": None}


def test_each_user_of_a_ring_group_is_rung_and_it_is_named() -> None:
    bodies = [sent("voipline", NoticeType.CALL_RINGING, TO_TEAM, user=user) for user in ("456", "77")]
    assert [body["user_name"] for body in bodies] == ["Ada", "Bob"]
    assert {body["ring_group_name"] for body in bodies} == {"Sales"}


def test_a_user_answers() -> None:
    body = sent("voipline", NoticeType.CALL_ANSWERED, [*TO_ADA, *answered()])
    assert body["type"] == "user_inbound_answered"
    assert body["connected_at"] == "2026-11-20T08:30:05.123Z"
    assert ADA.items() <= body.items()


def test_a_call_of_a_user_is_completed() -> None:
    body = sent("voipline", NoticeType.CALL_ENDED, [*TO_ADA, *answered(), OVER])
    assert body == {
        "type": "user_inbound_completed",
        **SHARED,
        **ADA,
        "connected_at": "2026-11-20T08:30:05.123Z",
        "call_duration": 14,
        "conversation_duration": 10,
        "queue_name": None,
        "ring_group_name": None,
    }


def test_a_call_that_a_user_misses_is_completed_for_him_at_once() -> None:
    over = e.LegEnded(at=at(5), leg="leg-2", outcome="answered_elsewhere", cause=26)
    body = sent("voipline", NoticeType.CALL_MISSED, [*TO_TEAM, *answered(), over], user="77")
    assert body["type"] == "user_inbound_completed"
    assert BOB.items() <= body.items()
    assert (body["connected_at"], body["call_duration"], body["conversation_duration"]) == (None, 4, 0)


def test_the_end_of_a_call_that_nobody_answered_tells_nothing_more_of_users() -> None:
    assert sent("voipline", NoticeType.CALL_ENDED, [*TO_ADA, OVER]) is None


def test_a_user_places_a_call_and_is_answered_and_is_done() -> None:
    outbound = {
        "unique_call_id": in_digits(CALL_ID),
        "caller_id": OURS,
        "caller_name": "Ada",
        "dest_number": OUTSIDE,
        "call_start_at": "2026-11-20T08:30:00.123Z",
        **ADA,
    }
    assert sent("voipline", NoticeType.CALL_STARTED, PLACED[:1]) == {"type": "user_outbound", **outbound}
    connected = {**outbound, "connected_at": "2026-11-20T08:30:09.123Z"}
    body = sent("voipline", NoticeType.CALL_ANSWERED, PLACED[:-1])
    assert body == {"type": "user_outbound_answered", **connected}
    assert sent("voipline", NoticeType.CALL_ENDED, PLACED) == {
        "type": "user_outbound_completed",
        **connected,
        "call_duration": 14,
        "conversation_duration": 5,
    }


def test_a_queue_that_answered_is_summed_up_when_the_call_is_over() -> None:
    answer = e.QueueAnswered(at=at(7), member="PJSIP/ep-77", user="77")
    assert sent("voipline-queues", NoticeType.QUEUE_LEFT, [*TO_QUEUE, answer], queue="support") is None
    assert sent("voipline-queues", NoticeType.CALL_ENDED, [*TO_QUEUE, answer, OVER]) == {
        "type": "queue_call",
        **SHARED,
        **BOB,
        "queue_name": "support-queue",
        "connected_at": "2026-11-20T08:30:07.123Z",
        "call_duration": 14,
        "conversation_duration": 8,
        "status": "answered",
    }


def test_a_queue_in_which_nobody_answered_is_summed_up_when_the_caller_leaves_it() -> None:
    over = e.StepEnded(at=at(21), step=1, outcome="no_answer")
    body = sent("voipline-queues", NoticeType.QUEUE_LEFT, [*TO_QUEUE, over], queue="support")
    assert (body["status"], body["call_duration"]) == ("abandoned", 20)
    assert NOBODY.items() <= body.items()


def test_ring_groups_are_summed_up_like_queues_and_apart_from_them() -> None:
    body = sent("voipline-ring-groups", NoticeType.CALL_ENDED, [*TO_TEAM, *answered(), OVER])
    assert (body["type"], body["ring_group_name"], body["status"]) == ("ring_group_call", "Sales", "answered")
    assert ADA.items() <= body.items()
    abandoned = sent("voipline-ring-groups", NoticeType.QUEUE_LEFT, [*TO_TEAM, OVER], team="7")
    assert abandoned["status"] == "abandoned"
    assert sent("voipline-queues", NoticeType.QUEUE_LEFT, [*TO_TEAM, OVER], team="7") is None
