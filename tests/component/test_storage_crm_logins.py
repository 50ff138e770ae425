"""What was given to connect CRMs outlives the router, and only its key opens it."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from ari_app.domain.crm_login import Login
from ari_app.storage.crm_logins import ReadLogins, stored_logins
from ari_app.storage.database import reading_engine
from ari_app.storage.errors import StorageError
from ari_app.storage.schema import crm_logins
from ari_app.storage.sealing import Sealing
from ari_app.storage.secret_key import stored_key
from ari_app.storage.serving import open_database
from ari_app.storage.settings import StorageSettings

AT = datetime(2026, 11, 21, 10, tzinfo=UTC)
LOGIN = Login(connector="crm", properties={"Password": "open sesame"}, refresh_token="r-1", at=AT)


async def test_a_login_is_kept_until_it_is_forgotten(settings: StorageSettings) -> None:
    async with open_database(settings) as database:
        await stored_logins(database).keep(LOGIN)
    async with open_database(settings) as database:
        logins = stored_logins(database)
        assert await logins.all() == [LOGIN]
        await logins.forget("crm")
        assert await logins.all() == []


async def test_a_new_login_takes_the_place_of_the_old_one(settings: StorageSettings) -> None:
    newer = Login(connector="crm", access_token="t-2", at=AT)
    async with open_database(settings) as database:
        logins = stored_logins(database)
        await logins.keep(LOGIN)
        await logins.keep(newer)
        assert await logins.all() == [newer]


async def test_nobody_reads_it_off_the_database_or_a_repr(settings: StorageSettings) -> None:
    async with open_database(settings) as database:
        await stored_logins(database).keep(LOGIN)
        async with database.reader.connect() as connection:
            [row] = (await connection.execute(select(crm_logins))).all()
    for secret in ("open sesame", "r-1"):
        assert secret not in str(row)
        assert secret not in repr(LOGIN)


async def test_with_another_key_there_is_no_login(settings: StorageSettings) -> None:
    async with open_database(settings) as database:
        await stored_logins(database).keep(LOGIN)
        settings.beside(".key").unlink()
        assert await stored_logins(database).all() == []


async def test_a_command_beside_the_router_reads_and_changes_nothing(settings: StorageSettings) -> None:
    async with open_database(settings) as database:
        await stored_logins(database).keep(LOGIN)
        reader = reading_engine(settings)
        beside = ReadLogins(reader, Sealing(stored_key(settings)))
        assert await beside.all() == [LOGIN]
        with pytest.raises(StorageError, match="the running router keeps"):
            await beside.keep(LOGIN)
        with pytest.raises(StorageError, match="the running router keeps"):
            await beside.forget("crm")
        await reader.dispose()
