"""The users of a CRM: read from its pages, kept, and read again."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from agi_router.directory import crm_users as crm_users_module
from agi_router.directory.crm_users import CrmUser
from agi_router.directory.users import User
from agi_router.routing.decision import ReceivedAnswer, SentRequest
from agi_router.routing.errors import Failure
from ari_app.crm.user_map import CrmUserMap
from ari_app.crm.users import NotReadError, UserReading
from ari_app.domain.crm import Abilities, HookAnswer, HookError, HookName, Patience, Record, Upload
from ari_app.domain.crm_users import CrmUserList
from ari_app.domain.unavailable import UnavailableError
from ari_app.live.crm_users import crm_users_as_json
from tests.patience import PATIENCE_S

ADA = User(id="456", name="Ada", email="ada@example.com")
BOB = User(id="457", name="Bob", crm_ids={"crm": "gone"})
LISTED: Sequence[Record] = (
    {"user_id": "1", "firstname": "Ada", "lastname": "L.", "email": "ada@example.com"},
    {"user_id": "", "name": "a template"},
    {"user_id": "1", "name": "Ada again"},
)
MORE: Sequence[Record] = ({"user_id": "2", "name": "Robot", "extension": "900"},)
DOWN = HookError(Failure("api_refused", "it is down", "start it"), is_undone=True)


@dataclass
class Office:
    """Lists these pages; a failure comes in place of a page."""

    given: list[Sequence[Record] | HookError]
    name: str = "crm"
    title: str = "The office"
    abilities: Abilities = field(default_factory=lambda: Abilities(hooks=frozenset({HookName.USERS})))
    listings: int = 0
    listed: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(
        self, hook: HookName, values: Mapping[str, str], *, deadline_s: float, upload: Upload | None = None
    ) -> HookAnswer:
        raise AssertionError

    async def pages(
        self, hook: HookName, values: Mapping[str, str], *, deadline_s: float, patience: Patience | None = None
    ) -> AsyncIterator[HookAnswer]:
        assert hook is HookName.USERS
        self.listings += 1
        self.listed.set()
        sent = SentRequest(method="GET", url="http://crm/users", headers={}, body="")
        received = ReceivedAnswer(status=200, body="", elapsed_ms=1.0)
        for page in self.given:
            if isinstance(page, HookError):
                raise page
            yield HookAnswer(records=tuple(page), sent=sent, received=received)


@dataclass
class Shelf:
    """Keeps lists in memory, unless it is broken."""

    kept: dict[str, CrmUserList] = field(default_factory=dict)
    is_broken: bool = False

    async def all(self) -> Sequence[CrmUserList]:
        self._check()
        return list(self.kept.values())

    async def keep(self, listed: CrmUserList) -> None:
        self._check()
        self.kept[listed.connector] = listed

    def _check(self) -> None:
        if self.is_broken:
            raise UnavailableError("the disk is full", "free some space")


def known() -> CrmUserMap:
    users = CrmUserMap()
    users.know([ADA, BOB], "US", ["crm"])
    return users


async def test_all_pages_are_read_and_each_user_once() -> None:
    shelf = Shelf()
    async with UserReading(shelf, known()) as reading:
        await reading.take({"crm": Office([LISTED, MORE])}, {"crm": None})
        await reading.read("crm")
        assert [(match.listed.id, match.listed.name, match.user) for match in reading.users.matches("crm")] == [
            ("1", "Ada L.", "456"),
            ("2", "Robot", ""),
        ]
        assert reading.users.user_of("crm", "1") == "456"
        assert reading.users.crm_user_id("crm", "456") == "1"
    assert [user.id for user in shelf.kept["crm"].users] == ["1", "2"]


async def test_what_was_kept_is_known_while_the_crm_is_down() -> None:
    ada = CrmUser(id="1", email="ada@example.com")
    shelf = Shelf({"crm": CrmUserList(connector="crm", read_at=datetime.now(UTC), users=(ada,))})
    async with UserReading(shelf, known()) as reading:
        await reading.take({"crm": Office([DOWN])}, {"crm": None})
        with pytest.raises(NotReadError):
            await reading.read("crm")
        assert reading.users.user_of("crm", "1") == "456"
        not_read = reading.failure("crm")
        assert not_read is not None
        assert not_read.failure.code == "api_refused"


async def test_a_list_that_breaks_off_replaces_nothing() -> None:
    office = Office([LISTED, MORE])
    async with UserReading(Shelf(), known()) as reading:
        await reading.take({"crm": office}, {"crm": None})
        await reading.read("crm")
        office.given = [MORE, DOWN]
        with pytest.raises(NotReadError):
            await reading.read("crm")
        assert reading.users.user_of("crm", "1") == "456"
        office.given = [[*MORE, *LISTED]]
        await reading.read("crm")
        assert reading.failure("crm") is None


async def test_an_empty_list_is_a_mistake_and_forgets_nobody() -> None:
    office = Office([LISTED])
    async with UserReading(Shelf(), known()) as reading:
        await reading.take({"crm": office}, {"crm": None})
        await reading.read("crm")
        office.given = [[]]
        with pytest.raises(NotReadError, match="lists no users"):
            await reading.read("crm")
        assert reading.users.user_of("crm", "1") == "456"


async def test_a_database_that_fails_is_no_reason_not_to_know_the_users() -> None:
    async with UserReading(Shelf(is_broken=True), known()) as reading:
        await reading.take({"crm": Office([LISTED])}, {"crm": None})
        await reading.read("crm")
        assert reading.users.user_of("crm", "1") == "456"


async def test_users_are_read_at_once_and_again_in_their_time() -> None:
    office = Office([DOWN])
    async with asyncio.timeout(PATIENCE_S), UserReading(Shelf(), known()) as reading:
        await reading.take({"crm": office}, {"crm": 0.01})
        await office.listed.wait()
        office.given = [LISTED]
        while reading.users.user_of("crm", "1") is None:
            office.listed.clear()
            await office.listed.wait()
        assert office.listings > 1


async def test_a_login_has_the_users_read_at_once() -> None:
    office = Office([DOWN])
    async with asyncio.timeout(PATIENCE_S), UserReading(Shelf(), known()) as reading:
        await reading.take({"crm": office}, {"crm": 3600})
        await office.listed.wait()
        office.given = [LISTED]
        while reading.users.user_of("crm", "1") is None:
            office.listed.clear()
            reading.hasten("crm")
            await office.listed.wait()
            await asyncio.sleep(0)
        reading.hasten("other")


async def test_a_reload_changes_who_the_users_are_without_asking_the_crm() -> None:
    office = Office([LISTED])
    async with UserReading(Shelf(), known()) as reading:
        await reading.take({"crm": office}, {"crm": None})
        await reading.read("crm")
        reading.users.know([User(id="9", email="ADA@example.com")], "US", ["crm"])
        assert reading.users.user_of("crm", "1") == "9"
        reading.users.know([ADA], "US", [])
        assert reading.users.user_of("crm", "1") is None
        assert reading.users.listed("crm") is None
    assert office.listings == 1


def test_the_id_of_the_configuration_is_known_before_the_crm_was_ever_asked() -> None:
    users = known()
    assert users.crm_user_id("crm", "457") == "gone"
    assert users.crm_user_id("crm", "456") == ""
    assert users.unlisted("crm") == ()


def test_what_one_crm_lists_anew_changes_nothing_of_another_one() -> None:
    users = CrmUserMap()
    users.know([ADA], "US", ["first", "second"])
    for name in ("first", "second"):
        listed = (CrmUser(id=f"of-{name}", email="ada@example.com"),)
        users.take([CrmUserList(connector=name, read_at=datetime.now(UTC), users=listed)])
    assert (users.user_of("first", "of-first"), users.user_of("second", "of-second")) == ("456", "456")
    users.know([ADA], "US", ["second"])
    assert (users.user_of("first", "of-first"), users.matches("first")) == (None, ())


def test_no_number_is_read_of_thousands_of_users_when_none_of_ours_is_known_by_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A number takes the event loop tens of microseconds."""
    read: list[str] = []
    monkeypatch.setattr(crm_users_module, "normalise", lambda text, _region: read.append(text))
    listed = [CrmUser(id=str(number), phone="+14155550177") for number in range(3)]
    assert [match.user for match in crm_users_module.matches("crm", listed, [ADA], "US")] == ["", "", ""]
    assert read == []


async def test_programs_are_told_who_is_who_and_what_to_do() -> None:
    async with UserReading(Shelf(), known()) as reading:
        await reading.take({"crm": Office([LISTED, MORE])}, {"crm": None})
        await reading.read("crm")
        told = crm_users_as_json("crm", reading.users)
    ada, robot = told["users"]
    assert (ada["crm_id"], ada["user"], ada["matched_by"], ada["problem"]) == ("1", "456", "email", None)
    assert (robot["user"], robot["problem"]["code"]) == (None, "crm_user_unmatched")
    assert told["unknown_there"] == []
    assert told["unlisted"] == [{"user": "457", "crm_id": "gone"}]
