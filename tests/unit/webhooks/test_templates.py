"""Templates of webhooks: which entry is sent, and how its values stand in it."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import pytest

from ari_app.domain import events as e
from ari_app.domain.notices import Notice, NoticeType
from ari_app.domain.webhooks import Subscription
from ari_app.webhooks.payload import as_it_is
from ari_app.webhooks.rendering import Rendered, UnknownTemplateError
from ari_app.webhooks.templates.document import TemplateSection, WebhookTemplate, template
from ari_app.webhooks.templates.rendering import TemplateRendering, rendered
from ari_app.webhooks.templates.variables import VARIABLES
from tests.unit.webhooks.told import CALLER, OVER, Directory, answered, arrived, at, notice, rung, step

TO_ADA: list[e.CallEvent] = [arrived(), step("user", "456"), rung("456")]
ENDED = notice(NoticeType.CALL_ENDED, [*TO_ADA, *answered(), OVER])
UNANSWERED = notice(NoticeType.CALL_ENDED, [*TO_ADA, OVER])
DOWN = Notice(
    id="n-2",
    type=NoticeType.API_DOWN,
    at=at(0),
    subject="router",
    data={"origin": "https://api.example.com", "count": 5, "reasons": [{"code": "x"}], "odd": "a\r\nX-Evil: 1\ud800"},
)


def of(*send: dict[str, Any], **beside: Any) -> WebhookTemplate:
    return template("mine", TemplateSection.model_validate({"send": send, **beside}))


def made(mine: WebhookTemplate, told: Notice = ENDED, headers: dict[str, str] | None = None) -> Rendered | None:
    return rendered(mine, told, Directory(), headers or {})


def body(given: Any, told: Notice = DOWN) -> Any:
    request = made(of({"on": told.type.value, "body": given}), told)
    assert request is not None
    return json.loads(request.body)


def test_what_stands_alone_keeps_its_type_and_what_stands_in_a_text_becomes_text() -> None:
    assert body({"n": "{{data.count}}", "t": "{{data.count}} times", "none": "{{callId}}", "no": "<{{callId}}>"}) == {
        "n": 5,
        "t": "5 times",
        "none": None,
        "no": "<>",
    }
    several = ["{{data.reasons}}", "{{data.reasons[0].code}}", "{{data.missing}}", "{{data.reasons[7].code}}", 1]
    assert body(several) == [[{"code": "x"}], "x", 1]
    assert body([None, "{{callId}}", "<{{callId}}>"]) == [None, "<>"]


def test_every_name_can_stand_for_a_notice_without_a_call() -> None:
    values = body({name: f"{{{{{name}}}}}" for name in VARIABLES})
    assert {name for name, value in values.items() if value is not None} == {
        "type",
        "noticeId",
        "subject",
        "timestamp",
        "timestampMs",
    }


def test_every_name_can_stand_for_a_call_and_its_user() -> None:
    mine = of({"on": "call.ended", "of": "user", "body": {name: f"{{{{{name}}}}}" for name in VARIABLES}})
    request = made(mine)
    assert request is not None
    values = json.loads(request.body)
    assert {name for name, value in values.items() if value is None} == {"queueName", "teamName", "recordingLink"}
    assert values["callerNumberNational"] == "4155550177"
    assert values["callerNumberDigits"] == CALLER[1:]


def test_a_form_is_encoded_and_a_header_stays_one_line() -> None:
    mine = of(
        {
            "on": "router.api_down",
            "content": "form",
            "method": "put",
            "headers": {"X-Odd": "<{{data.odd}}>"},
            "body": {"a": "{{data.odd}}&b=1", "n": "{{data.count}}", "none": "{{callId}}"},
        },
        headers={"X-All": "{{header.X-Token}}", "X-None": "{{header.X-None}}"},
    )
    request = made(mine, DOWN, {"x-token": "t"})
    assert request is not None
    assert (request.method, request.content_type) == ("PUT", "application/x-www-form-urlencoded")
    assert request.headers == {"X-All": "t", "X-Odd": "<aX-Evil: 1?>"}
    assert parse_qsl(request.body.decode(), keep_blank_values=True) == [
        ("a", "a\r\nX-Evil: 1?&b=1"),
        ("n", "5"),
        ("none", ""),
    ]
    assert mine.wants == {"X-Token", "X-None"}


def test_the_first_entry_that_fits_is_sent() -> None:
    mine = of(
        {"on": "call.ended", "disposition": "answered", "body": "answered"},
        {"on": ["call.ended", "call.missed"], "direction": "inbound", "body": "inbound"},
    )
    first, second = made(mine), made(mine, UNANSWERED)
    assert first is not None
    assert second is not None
    assert (first.body, second.body) == (b'"answered"', b'"inbound"')


@pytest.mark.parametrize(
    "condition",
    [
        {"on": "call.answered"},
        {"direction": "outbound"},
        {"disposition": ["abandoned", "failed"]},
        {"answered": False},
        {"of": "user", "answered": False},
        {"of": "queue"},
    ],
)
def test_nothing_is_sent_where_no_entry_fits(condition: dict[str, Any]) -> None:
    assert made(of({"on": "call.ended", "body": {}, **condition})) is None
    assert made(of({"on": "call.ended", "body": {}})) is not None


def test_a_template_that_is_gone_is_told() -> None:
    with pytest.raises(UnknownTemplateError, match=r"'mine' is neither shipped nor configured"):
        TemplateRendering({}, Directory).render(subscription("mine"), ENDED)


def test_a_test_of_a_receiver_is_sent_as_it_is_unless_the_template_says_it() -> None:
    test = replace(DOWN, type=NoticeType.WEBHOOK_TEST, data={"webhook": {"name": "s"}})
    own = of({"on": "webhook.test", "body": "hello"})
    rendering = TemplateRendering({"mine": own}, Directory)
    assert rendering.render(subscription("mine"), test) == rendered(own, test, Directory(), {})
    assert rendering.render(subscription("ringotel"), test) == as_it_is(test)
    assert rendering.render(subscription("ringotel"), DOWN) is None


def test_an_event_that_no_template_can_say_keeps_back_no_other() -> None:
    odd = replace(ENDED, data={"call": {"parts": [{"kind": "user"}]}})
    assert TemplateRendering({}, Directory).render(subscription("voipline"), odd) is None


def subscription(template: str) -> Subscription:
    now = datetime.now(UTC)
    return Subscription(
        id="s", name="s", url="https://x.example", secrets=(), template=template, created_at=now, changed_at=now
    )
