"""What the desk of webhooks shows of deliveries, and what it has sent again, on a database of either kind."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import insert, update

from ari_app.domain.deliveries import DeliveryFilter
from ari_app.domain.history import Period
from ari_app.domain.notices import NoticeType
from ari_app.domain.webhooks import DeliveryState
from ari_app.live.webhook_commands import webhook_commands
from ari_app.live.webhook_forms import ChangeForm, ReplayForm, WebhookError
from ari_app.live.webhooks import reading_webhooks
from ari_app.storage.schema import webhook_attempts, webhook_deliveries
from ari_app.storage.sealing import Sealing
from ari_app.storage.secret_key import stored_key
from ari_app.webhooks.payload import as_it_is
from ari_app.webhooks.templates.rendering import TemplateRendering
from tests.component.live.webhook_office import AT, RULES, URL, Office, a_notice, new
from tests.unit.webhooks.told import Directory, arrived, step
from tests.unit.webhooks.told import notice as story
from tests.unit.webhooks.told import rung as ring


async def test_a_test_goes_to_one_alone_whatever_it_takes(office: Office) -> None:
    await office.desk.create(new(types=["call.ended"]))
    await office.desk.create(new("other"))
    entry = await office.desk.test("crm")
    assert (entry.type, entry.state, entry.is_replay) == ("webhook.test", DeliveryState.PENDING, False)
    assert await office.pending() == [(entry.notice_id, False)]
    assert office.woken == 1
    shown = await office.desk.delivery("crm", entry.id)
    assert shown.rendered is not None
    body = json.loads(shown.rendered.body)
    assert (body["type"], body["data"]["webhook"]["name"]) == ("webhook.test", "crm")
    # A replay for the other one does not bring it.
    assert (await office.desk.replay("other", ReplayForm(since=AT))).count == 0


async def test_deliveries_are_found_by_what_they_are(office: Office) -> None:
    await office.desk.create(new())
    ids = await office.tell("crm", *(a_notice(number) for number in range(5)))
    failed = await office.tell("crm", a_notice(5, NoticeType.CALL_MISSED), state=DeliveryState.FAILED)
    pages, cursor = [], None
    while True:
        page, cursor = await office.desk.deliveries("crm", DeliveryFilter(), 4, cursor)
        pages.append([entry.id for entry in page])
        if cursor is None:
            break
    assert pages == [[*failed, *reversed(ids[2:])], [ids[1], ids[0]]]
    for wanted, found in (
        (DeliveryFilter(states=frozenset({DeliveryState.FAILED})), failed),
        (DeliveryFilter(types=frozenset({NoticeType.CALL_MISSED})), failed),
        (DeliveryFilter(call_id="c3"), [ids[3]]),
        (DeliveryFilter(subject="call/c0"), [ids[0]]),
        (DeliveryFilter(period=Period(AT + timedelta(minutes=1), AT + timedelta(minutes=3))), [ids[2], ids[1]]),
        (DeliveryFilter(states=frozenset({DeliveryState.PENDING})), []),
    ):
        assert [entry.id for entry in (await office.desk.deliveries("crm", wanted, 10))[0]] == found


async def test_a_delivery_is_shown_with_its_attempts_to_the_one_whose_it_is(office: Office) -> None:
    await office.desk.create(new())
    await office.desk.create(new("other"))
    (delivery,) = await office.tell("crm", a_notice(1))
    async with office.database.writer.begin() as connection:
        for number, status in ((1, None), (2, 200)):
            attempt = {"delivery_id": delivery, "number": number, "at": AT, "url": URL, "elapsed_ms": 12.0}
            attempt |= {"status": status, "error": "" if status else "refused", "answer": ""}
            await connection.execute(insert(webhook_attempts).values(attempt))
    shown = await office.desk.delivery("crm", delivery)
    assert [(each.number, each.status) for each in shown.attempts] == [(1, None), (2, 200)]
    for webhook, number in (("other", delivery), ("crm", delivery + 1)):
        with pytest.raises(WebhookError, match="delivery_unknown"):
            await office.desk.delivery(webhook, number)
        with pytest.raises(WebhookError, match="delivery_unknown"):
            await office.desk.replay_one(webhook, number)


async def test_a_header_that_a_template_puts_into_the_body_is_not_shown(office: Office) -> None:
    office.desk.rules = replace(RULES, templates=frozenset({"ringotel"}))
    office.desk.rendering = TemplateRendering({}, Directory)
    await office.desk.create(new(template="ringotel", headers={"X-Api-Token": "geheim", "X-Domain": "example.com"}))
    rung = story(NoticeType.CALL_RINGING, [arrived(), step("user", "456"), ring("456")], user="456")
    shown = await office.desk.delivery("crm", (await office.tell("crm", rung))[0])
    assert shown.rendered is not None
    body = json.loads(shown.rendered.body)
    assert (body["method"], body["api_token"], body["params"]["user_id"]) == ("StartCallActivity", "***", "456")
    await office.desk.change("crm", ChangeForm(template=""))
    ended = a_notice(1)
    shown = await office.desk.delivery("crm", (await office.tell("crm", ended))[0])
    assert shown.rendered == as_it_is(ended)


async def test_one_delivery_is_sent_again_under_the_same_id(office: Office) -> None:
    await office.desk.create(new())
    (delivery,) = await office.tell("crm", a_notice(1))
    again = await office.desk.replay_one("crm", delivery)
    assert (again.notice_id, again.state, again.is_replay, again.attempts) == ("n1", DeliveryState.PENDING, True, 0)
    assert await office.pending() == [("n1", True)]
    assert office.woken == 1


async def test_a_period_is_sent_again_in_order_as_far_as_the_filter_takes_it(office: Office) -> None:
    await office.desk.create(new(users=["456"]))
    await office.tell("crm", a_notice(1), a_notice(2, NoticeType.CALL_STARTED))
    await office.tell("", a_notice(3), a_notice(4, user="77"))  # of before it was made, and not for it
    await office.tell("crm", a_notice(5), state=DeliveryState.FAILED)
    await office.tell("crm", a_notice(6), state=DeliveryState.PENDING)
    replayed = await office.desk.replay("crm", ReplayForm(since=AT + timedelta(minutes=2)))
    assert (replayed.count, replayed.next) == (3, None)
    assert await office.pending() == [("n6", False), ("n2", True), ("n3", True), ("n5", True)]
    assert (await office.desk.replay("crm", ReplayForm(since=AT, types=["call.ended"]))).count == 1  # n1: others wait
    none = ReplayForm(since=AT + timedelta(minutes=1), before=AT + timedelta(minutes=2))
    assert (await office.desk.replay("crm", none)).count == 0


async def test_only_what_was_given_up_is_sent_again_once(office: Office) -> None:
    await office.desk.create(new())
    await office.tell("crm", a_notice(1))
    await office.tell("crm", a_notice(2), state=DeliveryState.FAILED)
    given_up = ReplayForm(since=AT, only_failed=True)
    assert (await office.desk.replay("crm", given_up)).count == 1
    assert await office.pending() == [("n2", True)]
    assert (await office.desk.replay("crm", given_up)).count == 0
    async with office.database.writer.begin() as connection:
        done = update(webhook_deliveries).where(webhook_deliveries.c.is_replay)
        await connection.execute(done.values(state="delivered"))
    assert (await office.desk.replay("crm", given_up)).count == 0


async def test_a_long_replay_comes_in_parts(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ari_app.storage.delivery_records.BATCH", 3)
    await office.desk.create(new())
    await office.tell("crm", *(a_notice(number) for number in range(8)))
    counts, cursor = [], None
    while True:
        replayed = await office.desk.replay("crm", ReplayForm(since=AT, limit=3, cursor=cursor))
        counts.append(replayed.count)
        if (cursor := replayed.next) is None:
            break
    assert counts == [3, 3, 2]
    assert await office.pending() == [(f"n{number}", True) for number in range(8)]


async def test_counters_tell_how_a_webhook_does(office: Office) -> None:
    await office.desk.create(new())
    await office.tell("crm", a_notice(1))
    await office.tell("crm", a_notice(2), a_notice(3), state=DeliveryState.FAILED)
    await office.tell("crm", a_notice(4), a_notice(5), state=DeliveryState.PENDING)
    standing = (await office.desk.show("crm")).standing
    assert (standing.pending, standing.failed) == (2, 2)
    assert (standing.oldest_pending_at, standing.last_success_at) == (AT + timedelta(minutes=4), AT)


async def test_with_a_webhook_all_of_its_deliveries_go(office: Office) -> None:
    await office.desk.create(new())
    await office.tell("crm", a_notice(1), state=DeliveryState.PENDING)
    await office.desk.delete("crm")
    assert await office.pending() == []
    with pytest.raises(WebhookError, match="webhook_unknown"):
        await office.desk.show("crm")


async def test_who_reads_beside_the_router_is_told_the_same_but_for_headers(office: Office) -> None:
    await office.desk.create(new(headers={"X-Token": "a"}))
    await office.tell("crm", a_notice(1))
    async with reading_webhooks(office.database.settings, RULES) as reading:
        (beside,) = (await webhook_commands(reading)["webhooks"]({}))["webhooks"]
        assert len((await reading.deliveries("crm", DeliveryFilter(), 10))[0]) == 1
    (told,) = (await webhook_commands(office.desk)["webhooks"]({}))["webhooks"]
    assert beside == {**told, "headers": None}
    key = Sealing(stored_key(office.database.settings))
    for sealing, state in ((key, "active"), (Sealing(b""), "secret_lost")):
        async with reading_webhooks(office.database.settings, RULES, sealing) as reading:
            assert (await webhook_commands(reading)["webhook"]({"webhook": "crm"}))["state"] == state
