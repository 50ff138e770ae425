"""The users that CRMs list, in a real database: there after a restart, and read beside a running router."""

from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy import update

from agi_router.directory.crm_users import CrmUser
from ari_app.domain.crm_users import CrmUserList
from ari_app.storage.crm_users import StoredCrmUsers, read_crm_users
from ari_app.storage.schema import crm_users
from ari_app.storage.serving import open_database
from ari_app.storage.settings import StorageSettings

ADA = CrmUser(id="77", name="Ada", email="ada@example.com", phone="+12025550123", extension="101")
OFFICE = CrmUserList(connector="office", read_at=datetime(2026, 11, 21, tzinfo=UTC), users=(ADA, CrmUser(id="78")))
SHOP = CrmUserList(connector="shop", read_at=datetime(2026, 11, 20, tzinfo=UTC), users=(CrmUser(id="1"),))


async def test_the_last_list_of_each_connector_is_there_after_a_restart(settings: StorageSettings) -> None:
    async with open_database(settings) as database:
        lists = StoredCrmUsers(database)
        assert list(await lists.all()) == []
        for listed in (SHOP, replace(OFFICE, users=(CrmUser(id="gone"),)), OFFICE):
            await lists.keep(listed)
    async with open_database(settings) as database:
        assert list(await StoredCrmUsers(database).all()) == [OFFICE, SHOP]
        assert list(await read_crm_users(settings)) == [OFFICE, SHOP]


async def test_what_another_version_wrote_of_a_user_is_left_out(settings: StorageSettings) -> None:
    async with open_database(settings) as database:
        lists = StoredCrmUsers(database)
        await lists.keep(SHOP)
        async with database.writer.begin() as connection:
            await connection.execute(update(crm_users).values(users=[{"id": "1", "photo": "later"}]))
        assert list(await lists.all()) == [SHOP]
