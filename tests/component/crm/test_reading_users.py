"""The users of a real stand-in CRM over HTTP: page by page, kept in a real database, there when the CRM is not."""

from collections.abc import AsyncIterator

import pytest

from agi_router.directory.users import User
from ari_app.crm.user_map import CrmUserMap
from ari_app.crm.users import NotReadError, UserReading
from ari_app.live.crm_users import CrmUserDesk
from ari_app.storage.crm_users import StoredCrmUsers
from ari_app.storage.serving import open_database
from ari_app.storage.settings import StorageSettings
from sandbox.crm import Fault, GenericCrm
from tests.component.crm.connecting import connected, settings_for

USERS = [User(id="456", name="Ada", email="ada@example.com"), User(id="457", name="Bob", extension="102")]


@pytest.fixture
async def crm() -> AsyncIterator[GenericCrm]:
    async with GenericCrm() as crm:
        crm.add_user(id="77", first_name="Ada", last_name="L.", email="Ada@example.com", phone="", extension="")
        crm.add_user(id="78", first_name="Bob", email="b@example.com", extension="102")
        crm.add_user(id="79", first_name="Robot")
        yield crm


def known() -> CrmUserMap:
    users = CrmUserMap()
    users.know(USERS, "US", ["crm"])
    return users


async def test_users_come_page_by_page_and_are_there_after_a_restart_while_the_crm_is_down(
    crm: GenericCrm, settings: StorageSettings
) -> None:
    crm.page_size = 2
    async with open_database(settings) as database, connected(settings_for(crm)) as connector:
        async with UserReading(StoredCrmUsers(database), known()) as reading:
            await reading.take({"crm": connector}, {"crm": None})
            await reading.read("crm")
            assert _who(reading.users) == [("77", "456"), ("78", "457"), ("79", "")]
        assert [request.query.get("page") for request in crm.requests] == [None, "2"]
        await crm.stop()
        async with UserReading(StoredCrmUsers(database), known()) as reading:
            await reading.take({"crm": connector}, {"crm": None})
            assert _who(reading.users) == [("77", "456"), ("78", "457"), ("79", "")]
            with pytest.raises(NotReadError):
                await reading.read("crm")
            assert reading.users.crm_user_id("crm", "456") == "77"
            told = CrmUserDesk(reading, ["crm"]).of("crm")
            assert (told["failure"]["code"], len(told["users"])) == ("crm_unreachable", 3)


async def test_a_second_page_that_fails_loses_nobody(crm: GenericCrm, sqlite: StorageSettings) -> None:
    crm.page_size = 2
    async with open_database(sqlite) as database, connected(settings_for(crm)) as connector:
        async with UserReading(StoredCrmUsers(database), known()) as reading:
            await reading.take({"crm": connector}, {"crm": None})
            await reading.read("crm")
            crm.users[0]["id"] = "99"
            crm.faults.mishap = lambda _, __: Fault(status=500) if crm.requests[-1].query.get("page") else None
            with pytest.raises(NotReadError):
                await reading.read("crm")
            assert [each for each, _ in _who(reading.users)] == ["77", "78", "79"]
            crm.faults.clear()
            await reading.read("crm")
            assert [each for each, _ in _who(reading.users)] == ["99", "78", "79"]


def _who(users: CrmUserMap) -> list[tuple[str, str]]:
    return [(match.listed.id, match.user) for match in users.matches("crm")]
