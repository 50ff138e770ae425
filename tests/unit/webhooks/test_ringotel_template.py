"""Ringotel's two call webhooks, as the shipped template makes them of what calls tell: one pair for each user."""

import json
from collections.abc import Sequence
from typing import Any

from ari_app.domain import events as e
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

HEADERS = {"x-api-token": "secret", "X-Domain": "example.ringotel.co"}
TO_TEAM: list[e.CallEvent] = [arrived(), step("team", "7", team="7"), rung("456"), rung("77", "leg-2")]
ADA = {
    "connection_name": "sales",
    "extension": "101",
    "user_id": "456",
    "connection_id": "sales",
    "activity_type": "inbound",
    "domain": "example.ringotel.co",
    "call_start": 1795163401123,
    "called_number": OURS,
    "caller_number": CALLER,
    "call_id": CALL_ID,
}


def sent(kind: NoticeType, happened: Sequence[e.CallEvent], **beside: Any) -> Any:
    request = rendered(shipped()["ringotel"], notice(kind, happened, **beside), Directory(), HEADERS)
    return None if request is None else json.loads(request.body)


def test_an_activity_starts_for_each_user_who_is_rung() -> None:
    start = sent(NoticeType.CALL_RINGING, TO_TEAM, user="456")
    assert start == {"method": "StartCallActivity", "api_token": "secret", "params": ADA}
    assert sent(NoticeType.CALL_RINGING, TO_TEAM, user="77")["params"]["extension"] == "102"


def test_the_activity_of_him_who_answered_stops_at_the_end_of_the_call() -> None:
    assert sent(NoticeType.CALL_ENDED, [*TO_TEAM, *answered(), OVER]) == {
        "method": "StopCallActivity",
        "api_token": "secret",
        "params": {**ADA, "call_end": 1795163415 * 1000 + 1023, "call_duration": 14, "call_cause": "answered"},
    }


def test_the_activity_of_him_who_did_not_stops_at_once() -> None:
    over = e.LegEnded(at=at(5), leg="leg-2", outcome="answered_elsewhere", cause=26)
    params = sent(NoticeType.CALL_MISSED, [*TO_TEAM, *answered(), over], user="77")["params"]
    assert (params["user_id"], params["call_duration"], params["call_cause"]) == ("77", 4, "answered_elsewhere")


def test_a_call_that_a_user_places_is_one_activity() -> None:
    start = sent(NoticeType.CALL_STARTED, PLACED[:1])["params"]
    stop = sent(NoticeType.CALL_ENDED, PLACED)["params"]
    assert start["activity_type"] == "outbound"
    assert start["called_number"] == OUTSIDE
    assert start.items() <= stop.items()
    assert stop["call_end"] - stop["call_start"] == 14500
    assert sent(NoticeType.CALL_RINGING, PLACED[:2], user="456") is None
