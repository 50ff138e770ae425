"""Subscriptions of webhooks in a real database of either kind, and as the router knows them."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.schema import DropTable

from ari_app.calls.clock import now
from ari_app.domain.notices import NoticeType
from ari_app.domain.webhooks import NoticeFilter, Subscription
from ari_app.live import subscriptions as live
from ari_app.live.subscriptions import Subscriptions, open_subscriptions
from ari_app.storage.errors import StorageError
from ari_app.storage.schema import webhook_attempts, webhook_deliveries, webhook_subscriptions
from ari_app.storage.sealing import Sealing
from ari_app.storage.secret_key import secret_key
from ari_app.storage.serving import Database, open_database
from ari_app.storage.settings import StorageSettings
from ari_app.storage.subscriptions import StoredSubscriptions, read_subscriptions
from tests.clock import leap
from tests.patience import PATIENCE_S

AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
NOT_YET = datetime(2126, 11, 21, tzinfo=UTC)
SECRET = "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTEyMzQ="
FORMER = "whsec_Zm9ybWVyLWZvcm1lci1mb3JtZXItZm9ybWVyLTEyMzQ="


@pytest.fixture
async def database(settings: StorageSettings) -> AsyncIterator[Database]:
    async with open_database(settings) as opened:
        yield opened


def stored(database: Database) -> StoredSubscriptions:
    return StoredSubscriptions(database.writer, database.reader, Sealing(secret_key(database.settings)))


def a_subscription(name: str = "crm") -> Subscription:
    return Subscription(
        id=f"wh_{name}",
        name=name,
        url="https://crm.example.com/hooks",
        secrets=(SECRET, FORMER),
        old_secret_until=NOT_YET,
        wanted=NoticeFilter(
            types=frozenset({NoticeType.CALL_STARTED, NoticeType.CALL_ENDED}),
            users=frozenset({"456"}),
            numbers=frozenset({"+14155550177"}),
            directions=frozenset({"inbound"}),
        ),
        template="voipline",
        headers={"X-Pbx-Token": "geheim-geheim"},
        created_at=AT,
        changed_at=AT,
    )


async def test_a_subscription_is_kept_as_it_was_changed_last(database: Database) -> None:
    kept = stored(database)
    first = a_subscription()
    await kept.add(first)
    assert list(await kept.all()) == [first]
    changed = replace(first, url="https://other.example.com/", wanted=NoticeFilter(), headers={}, secrets=(SECRET,))
    await kept.change(changed)
    assert list(await kept.all()) == [changed]
    disabled = replace(changed, is_enabled=False, disabled_reason="410 Gone", changed_at=AT + timedelta(minutes=1))
    await kept.switch(disabled)
    assert list(await kept.all()) == [disabled]
    await kept.remove(first.id)
    assert list(await kept.all()) == []


async def test_a_change_enables_nothing_that_another_process_has_disabled(database: Database) -> None:
    kept, subscription = stored(database), a_subscription()
    await kept.add(subscription)
    await kept.switch(replace(subscription, is_enabled=False, disabled_reason="410 Gone"))
    await kept.change(replace(subscription, url="https://other.example.com/"))
    (found,) = await kept.all()
    assert (found.url, found.is_enabled, found.disabled_reason) == ("https://other.example.com/", False, "410 Gone")


async def test_two_have_not_the_same_name(database: Database) -> None:
    kept = stored(database)
    await kept.add(a_subscription())
    with pytest.raises(StorageError, match="cannot be written"):
        await kept.add(replace(a_subscription(), id="wh_2"))


async def test_the_file_holds_neither_secrets_nor_headers(sqlite: StorageSettings) -> None:
    async with open_database(sqlite) as database:
        await stored(database).add(a_subscription())
    content = b"".join(path.read_bytes() for path in sqlite.path.parent.iterdir() if path.name.startswith("agi-router"))
    assert b"crm.example.com" in content
    for secret in (SECRET, SECRET[6:], FORMER, "geheim-geheim", "X-Pbx-Token"):
        assert secret.encode() not in content


async def test_who_reads_beside_the_router_sees_no_secret(database: Database) -> None:
    await stored(database).add(a_subscription())
    (read,) = await read_subscriptions(database.settings)
    assert (read.name, read.secrets, dict(read.headers)) == ("crm", (), {})


async def test_the_seal_of_one_opens_for_no_other(database: Database) -> None:
    kept = stored(database)
    await kept.add(a_subscription("a"))
    await kept.add(replace(a_subscription("b"), secrets=(FORMER,), created_at=AT + timedelta(seconds=1)))
    async with database.writer.begin() as connection:
        sealed = (await connection.execute(webhook_subscriptions.select())).mappings().all()[0]["sealed"]
        await connection.execute(update(webhook_subscriptions).values(sealed=sealed))
    assert [subscription.secrets for subscription in await kept.all()] == [(SECRET, FORMER), ()]


async def test_without_the_key_file_the_router_starts_and_knows_them_without_secrets(database: Database) -> None:
    await stored(database).add(a_subscription())
    database.settings.beside(".key").unlink()
    async with open_subscriptions(database) as subscriptions:
        (lost,) = subscriptions.all
        assert (lost.name, lost.secrets) == ("crm", ())
        await subscriptions.change(replace(lost, secrets=(SECRET,)))
    async with open_subscriptions(database) as subscriptions:
        assert [subscription.secrets for subscription in subscriptions.all] == [(SECRET,)]


async def test_a_type_of_a_later_version_widens_no_filter(database: Database) -> None:
    kept = stored(database)
    await kept.add(a_subscription())
    for types, read in (
        (["call.ended", "fax.received"], {NoticeType.CALL_ENDED}),
        (["fax.received"], {NoticeType.WEBHOOK_TEST}),
    ):
        wanted = {"types": types, **{name: [] for name in ("users", "teams", "queues", "numbers", "routes")}}
        async with database.writer.begin() as connection:
            await connection.execute(update(webhook_subscriptions).values(wanted={**wanted, "directions": []}))
        assert [subscription.wanted.types for subscription in await kept.all()] == [read]


async def test_a_database_of_before_there_were_webhooks_has_none(database: Database) -> None:
    async with database.writer.begin() as connection:
        for table in (webhook_attempts, webhook_deliveries, webhook_subscriptions):
            await connection.execute(DropTable(table))
    assert list(await read_subscriptions(database.settings)) == []


async def test_listeners_are_told_of_every_change_and_of_no_other(database: Database) -> None:
    async with open_subscriptions(database) as subscriptions:
        told: list[list[tuple[str, bool]]] = []
        subscriptions.tell(lambda all_: told.append([(each.name, each.is_enabled) for each in all_]))
        await subscriptions.add(subscription := a_subscription())
        changed = subscriptions.changed
        await subscriptions.read()
        assert not changed.is_set()
        await subscriptions.disable(subscription.id, "410 Gone")
        assert changed.is_set()
        await subscriptions.disable("wh_gone", "410 Gone")
        await subscriptions.remove(subscription.id)
        assert told == [[], [("crm", True)], [("crm", False)], []]


async def test_the_former_secret_goes_when_its_time_is_over(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    over_at = now() + timedelta(minutes=10)
    await stored(database).add(replace(a_subscription(), old_secret_until=over_at))
    async with open_subscriptions(database) as subscriptions:
        assert subscriptions.all[0].secrets == (SECRET, FORMER)
        await asyncio.sleep(0)  # it is being waited for
        monkeypatch.setattr(live, "now", lambda: over_at)
        leap(600)
        async with asyncio.timeout(PATIENCE_S):
            await subscriptions.changed.wait()
        assert [(each.secrets, each.old_secret_until) for each in subscriptions.all] == [((SECRET,), None)]
    assert [subscription.secrets for subscription in await stored(database).all()] == [(SECRET,)]


async def test_what_another_process_changes_on_the_same_server_is_known_soon(
    postgresql: StorageSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "READ_AGAIN_S", 0.02)
    async with open_database(postgresql) as database, open_subscriptions(database) as subscriptions:
        await subscriptions.add(subscription := a_subscription())
        changed = subscriptions.changed
        worker = Subscriptions(stored(database))
        await worker.read()
        await worker.disable(subscription.id, "410 Gone")
        async with asyncio.timeout(PATIENCE_S):
            await changed.wait()
        assert [each.disabled_reason for each in subscriptions.all] == ["410 Gone"]
