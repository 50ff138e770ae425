"""The desk of webhooks on a database of either kind: what it keeps of subscriptions, and what it refuses."""

import base64
import json
from datetime import timedelta
from typing import Any

import pytest

from ari_app.calls.clock import now
from ari_app.control.settings import ControlError
from ari_app.domain.notices import NoticeType
from ari_app.live.webhook_commands import webhook_commands
from ari_app.live.webhook_forms import ChangeForm, RotateForm, WebhookError
from ari_app.live.webhooks import WebhookDesk, open_webhooks
from tests.component.live.webhook_office import RULES, URL, Office, new


async def test_a_webhook_has_what_was_asked_for_and_a_secret_that_is_shown_once(office: Office) -> None:
    asked = new(
        types=["call.*", "voicemail.left"], users=["456"], numbers=["(415) 555-0100"], headers={"X-Token": "geheim"}
    )
    done = await office.desk.create(asked)
    prefix, _, key = done.secret.partition("_")
    assert (prefix, len(base64.b64decode(key, validate=True)), list(done.warnings)) == ("whsec", 32, [])
    made = done.shown.subscription
    assert made.secrets == (done.secret,)
    assert made.wanted.types == {each for each in NoticeType if each.startswith("call.")} | {NoticeType.VOICEMAIL_LEFT}
    assert (made.wanted.numbers, made.wanted.users) == (frozenset({"+14155550100"}), frozenset({"456"}))
    commands = webhook_commands(office.desk)
    told = json.dumps([await commands["webhooks"]({}), await commands["webhook"]({"webhook": "crm"})])
    assert key not in told
    assert "geheim" not in told
    assert '"headers": ["X-Token"]' in told
    async with open_webhooks(office.database, RULES) as again:
        assert list(again.subscriptions.all) == [made]


async def test_a_change_changes_what_is_given_and_nothing_else(office: Office) -> None:
    before = (await office.desk.create(new(types=["call.ended"], users=["456"], headers={"X-Token": "a"}))).shown
    changed = await office.desk.change("crm", ChangeForm(users=["77"], enabled=False, name="crm-2"))
    after = changed.shown.subscription
    assert (after.name, after.wanted.users, after.is_enabled) == ("crm-2", frozenset({"77"}), False)
    assert after.wanted.types == {NoticeType.CALL_ENDED}
    assert (after.id, after.url, after.headers, after.secrets) == (
        before.subscription.id,
        URL,
        {"X-Token": "a"},
        before.subscription.secrets,
    )
    cleared = await office.desk.change(after.id, ChangeForm(users=[], enabled=True))
    assert (cleared.shown.subscription.wanted.users, cleared.shown.subscription.is_enabled) == (frozenset(), True)


async def test_a_new_secret_signs_first_and_the_former_beside_it_for_a_while(office: Office) -> None:
    former = (await office.desk.create(new())).secret
    done = await office.desk.rotate("crm", RotateForm())
    rotated = done.shown.subscription
    assert rotated.secrets == (done.secret, former)
    assert rotated.old_secret_until is not None
    assert abs(rotated.old_secret_until - now() - timedelta(hours=24)) < timedelta(minutes=1)
    at_once = await office.desk.rotate("crm", RotateForm(keep_old_s=0))
    assert (at_once.shown.subscription.secrets, at_once.shown.subscription.old_secret_until) == (
        (at_once.secret,),
        None,
    )


async def test_a_lost_key_is_told_and_a_new_secret_mends_it(office: Office) -> None:
    await office.desk.create(new(headers={"X-Token": "a"}))
    office.database.settings.beside(".key").unlink()
    async with open_webhooks(office.database, RULES) as desk:
        commands = webhook_commands(desk)
        assert (await commands["webhook"]({"webhook": "crm"}))["state"] == "secret_lost"
        with pytest.raises(WebhookError, match="secret_lost") as refused:
            await desk.change("crm", ChangeForm(url="https://other.example.com/"))
        assert "rotate crm" in refused.value.remedy
        done = await desk.rotate("crm", RotateForm())
        assert "headers" in done.warnings[0]
        assert done.shown.subscription.secrets == (done.secret,)
        assert (await commands["webhook"]({"webhook": "crm"}))["state"] == "active"


@pytest.mark.parametrize(
    ("given", "code", "told"),
    [
        ({"url": "ftp://crm.example.com/"}, "bad_url", "http or https"),
        ({"url": "crm.example.com"}, "bad_url", "http or https"),
        ({"url": "https://u:p@crm.example.com/"}, "bad_url", "user or a password"),
        ({"url": "https://@crm.example.com/"}, "bad_url", "user or a password"),
        ({"url": "https://crm.example.com/#a"}, "bad_url", "fragment"),
        ({"url": "https://crm.example.com:99999/"}, "bad_url", "cannot be read"),
        ({"url": "https://crm.example.com/a b"}, "bad_url", "characters"),
        ({"url": "https://crm.example.com/\r\nX: y"}, "bad_url", "characters"),
        ({"url": "https://crm..example.com/"}, "bad_url", "no host is called"),
        ({"url": f"https://{'a' * 64}.example.com/"}, "bad_url", "no host is called"),
        ({"url": "http://10.0.0.1/"}, "url_not_allowed", "10.0.0.1"),
        ({"url": "http://[::1]/"}, "url_not_allowed", "::1"),
        ({"url": "http://169.254.169.254/latest"}, "url_not_allowed", "169.254.169.254"),
        ({"url": "http://0xa000001/"}, "url_not_allowed", "10.0.0.1"),
        ({"types": ["call.endet"]}, "event_type_unknown", 'did you mean "call.ended"'),
        ({"types": ["cal.*"]}, "event_type_unknown", 'did you mean "call.*"'),
        ({"numbers": ["reception"]}, "number_malformed", "reception"),
        ({"headers": {"Webhook-Id": "1"}}, "bad_header", "set by the router"),
        ({"headers": {"Host": "a"}}, "bad_header", "belongs to the connection"),
        ({"headers": {"X A": "a"}}, "bad_header", "not the name"),
        ({"headers": {"X-A": "a\r\nb"}}, "bad_header", "no header can have"),
        ({"headers": {"X-A": "a", "x-a": "b"}}, "bad_header", "twice"),
        ({"template": "voiplin"}, "template_unknown", 'did you mean "voipline"'),
        ({"name": "wh_1"}, "bad_name", "kept for the router"),
        ({"name": "event-types"}, "bad_name", "kept for the router"),
        ({"name": "a b"}, "bad_name", "letters, digits"),
        ({"name": "there"}, "webhook_exists", "there is a webhook there already"),
    ],
)
async def test_what_cannot_be_is_refused_with_the_next_step(
    alone: WebhookDesk, given: dict[str, Any], code: str, told: str
) -> None:
    await alone.create(new("there"))
    with pytest.raises(WebhookError) as refused:
        await alone.create(new(**given))
    assert refused.value.code == code
    assert told in refused.value.message
    assert refused.value.remedy
    assert [each.name for each in alone.subscriptions.all] == ["there"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"users": ["456", "4567"]}, 'none of these users: 4567; did you mean "456"?'),
        ({"queues": ["suport"]}, 'did you mean "support"'),
        ({"routes": ["sale"]}, 'did you mean "sales"'),
        ({"url": "http://crm.example.com/"}, "not encrypted"),
        ({"url": "https://localhost:8443/"}, "network.allowed_networks"),
    ],
)
async def test_what_is_hardly_meant_is_taken_with_a_warning(
    alone: WebhookDesk, given: dict[str, Any], told: str
) -> None:
    done = await alone.create(new(**given))
    assert len(done.warnings) == 1
    assert told in done.warnings[0]


async def test_a_receiver_in_an_allowed_network_is_taken_as_it_is(alone: WebhookDesk) -> None:
    assert list((await alone.create(new(url="http://127.0.0.1:9000/hooks"))).warnings) == []


async def test_there_is_a_bound_on_how_many_there_are(alone: WebhookDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ari_app.live.webhooks.MOST", 3)
    for number in range(3):
        await alone.create(new(f"crm-{number}"))
    with pytest.raises(WebhookError, match="webhooks_full"):
        await alone.create(new("one-more"))


@pytest.mark.parametrize(
    ("command", "given", "told"),
    [
        ("create_webhook", {"name": "crm"}, "url is missing"),
        ("create_webhook", {"name": "crm", "url": URL, "secret": "x"}, "secret is not known"),
        ("rotate_webhook", {"webhook": "crm", "keep_old_s": 10**9}, "keep_old_s must be at most"),
        ("webhook", {}, "webhook is missing"),
        ("webhook_deliveries", {"webhook": "crm", "state": ["lost"]}, "is none of pending, delivered, failed"),
        ("replay_webhook", {"webhook": "crm"}, "since is missing"),
        ("webhook", {"webhook": "crn"}, "there is no webhook crn"),
    ],
)
async def test_a_command_says_what_is_wrong(alone: WebhookDesk, command: str, given: dict[str, Any], told: str) -> None:
    await alone.create(new("there"))
    with pytest.raises(ControlError) as refused:
        await webhook_commands(alone)[command](given)
    assert told in str(refused.value)
