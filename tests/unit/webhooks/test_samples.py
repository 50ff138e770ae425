"""What the shipped templates make of calls as the call log tells of them."""

import json
from typing import Any

import pytest

from ari_app.domain.notices import NoticeType
from ari_app.webhooks.templates.rendering import fitting, rendered
from ari_app.webhooks.templates.samples import Who, samples
from ari_app.webhooks.templates.shipped import shipped
from tests.unit.webhooks.told import Directory

HEADERS = {"X-Api-Token": "secret", "X-Domain": "example.ringotel.co"}


def link(recording_id: str) -> str:
    return f"https://pbx.example.com/recordings/{recording_id}"


def sent(template: str) -> list[tuple[NoticeType, Any]]:
    requests = [
        (notice.type, rendered(shipped()[template], notice, Directory(), HEADERS, link)) for notice in samples(Who())
    ]
    return [(kind, json.loads(request.body)) for kind, request in requests if request is not None]


def test_voiplines_eleven_triggers_come_out_of_calls() -> None:
    bodies = [body for name in ("voipline", "voipline-queues", "voipline-ring-groups") for _, body in sent(name)]
    assert {body["type"] for body in bodies} == {
        "user_inbound",
        "user_inbound_answered",
        "user_inbound_completed",
        "user_outbound",
        "user_outbound_answered",
        "user_outbound_completed",
        "queue_call",
        "ring_group_call",
        "voicemail",
        "recording_inbound",
        "recording_outbound",
    }
    assert all(body["unique_call_id"].isdecimal() for body in bodies)


@pytest.mark.parametrize("template", shipped())
def test_every_entry_of_a_template_has_its_use(template: str) -> None:
    found = [fitting(shipped()[template], notice, Directory(), HEADERS) for notice in samples(Who())]
    used = [rule for rule, _ in filter(None, found)]
    assert [entry.name for entry in shipped()[template].rules if entry not in used] == []


def test_whoever_is_rung_is_completed_once() -> None:
    seen = [(body["unique_call_id"], body.get("user_name"), body["type"]) for _, body in sent("voipline")]
    rung = [(call, user) for call, user, kind in seen if kind == "user_inbound"]
    completed = [(call, user) for call, user, kind in seen if kind == "user_inbound_completed"]
    by_queues = [of for of in completed if of not in rung]
    assert sorted(rung) == sorted(of for of in completed if of in rung)
    assert len(by_queues) == 1  # Asterisk's queue rings its members by itself


def test_an_activity_of_ringotel_that_starts_stops_once_and_is_the_same() -> None:
    params = [(body["method"], body["params"]) for _, body in sent("ringotel")]
    started = [each for method, each in params if method == "StartCallActivity"]
    stopped = [each for method, each in params if method == "StopCallActivity"]
    for start in started:
        [stop] = [each for each in stopped if start.items() <= each.items()]
        assert stop["call_end"] - stop["call_start"] == pytest.approx(stop["call_duration"] * 1000, abs=1000)
        assert stop["call_cause"]


def test_a_recording_comes_with_a_link() -> None:
    links = [body["call_recording_link"] for kind, body in sent("voipline") if kind is NoticeType.RECORDING_READY]
    assert links == [link("rec-1")] * 2
    [voicemail] = [body for kind, body in sent("voipline") if kind is NoticeType.VOICEMAIL_LEFT]
    assert voicemail["audio_file"] == [link("rec-2")]
