"""The owner of the caller's contact, by the finder that calls have, and what is put on record of the search."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import cast

import pytest

from agi_router.routing.contact_owner import OwnerAnswer
from agi_router.routing.decision import FailedAttempt, LookupProgress, ReceivedAnswer, SentRequest
from agi_router.routing.errors import Failure
from ari_app.crm import finding as finding_module
from ari_app.crm.finding import Finding
from ari_app.crm.overhearing import Overheard
from ari_app.crm.owners import Owners, Searched
from ari_app.crm.settings import FindSettings, UnknownNumbers
from ari_app.domain.contacts import Contact
from ari_app.domain.crm import Crm, HookAnswer, HookError, HookName, Record
from tests.clock import StandingClock
from tests.patience import PATIENCE_S
from tests.unit.crm.test_finding import BEN, NATIONAL, ACrm, APhoneBook, ATally

OWNED: Record = {"contact_id": "7", "name": "Ben", "owner_id": "77"}


class Office(ACrm):
    """Puts the form of the number into what it tells of each request."""

    async def run(self, hook, values, *, deadline_s, upload=None):  # type: ignore[no-untyped-def]
        sent = _sent(values["phone"])
        try:
            async with asyncio.timeout(deadline_s):
                answer = await super().run(hook, values, deadline_s=deadline_s)
        except TimeoutError:
            raise HookError(Failure("api_timeout", "no answer", "wait"), is_undone=True, sent=sent) from None
        except HookError as error:
            raise HookError(error.failure, is_undone=True, is_final=error.is_final, sent=sent) from None
        return HookAnswer(records=answer.records, sent=sent, received=_received(values["phone"]))


def _sent(form: str) -> SentRequest:
    return SentRequest(method="GET", url=f"http://crm/?q={form}", headers={}, body="")


def _received(form: str) -> ReceivedAnswer:
    return ReceivedAnswer(status=200, body=form, elapsed_ms=1)


def failing(code: str, *, is_final: bool = False) -> HookError:
    return HookError(Failure(code, "it failed", "wait"), is_undone=True, is_final=is_final)


class Desk:
    """A connector with all that finds contacts on calls, asked as routes ask it."""

    def __init__(
        self, crm: ACrm, book: Sequence[Contact] = (), unknown: UnknownNumbers = UnknownNumbers.IGNORE
    ) -> None:
        heard = Overheard(cast("Crm", crm))
        settings = FindSettings(unknown=unknown)
        self.finder = Finding(heard, settings, phone_book=APhoneBook(book), tally=ATally())
        trial_finder = Finding(heard, FindSettings(), phone_book=APhoneBook(book), tally=ATally())
        searched = Searched(self.finder, trial_finder, heard)
        self.owners = Owners(lambda name: searched if name == "crm" else None)
        self.told: list[LookupProgress] = []

    async def owner(self, deadline_s: float = 5.0, crm: str = "crm") -> OwnerAnswer:
        self.told = []
        return await self.owners.owner(crm, BEN, deadline_s, self.told.append)


def code(answer: OwnerAnswer) -> str | None:
    return None if answer.failure is None else answer.failure.code


async def test_the_owner_comes_with_the_request_and_the_answer_that_told_him() -> None:
    desk = Desk(Office({BEN: [OWNED]}))
    assert await desk.owner() == OwnerAnswer(owner="77", received=_received(BEN))
    assert desk.told == [_sent(BEN)]


async def test_each_form_of_the_number_is_told_in_its_order() -> None:
    desk = Desk(Office({NATIONAL: [OWNED]}))
    assert await desk.owner() == OwnerAnswer(owner="77", received=_received(NATIONAL))
    first, failed, second = desk.told
    assert (first, second) == (_sent(BEN), _sent(NATIONAL))
    assert isinstance(failed, FailedAttempt)
    assert (failed.request, failed.answer, failed.failure.code) == (_sent(BEN), _received(BEN), "contact_not_found_so")


async def test_the_route_and_the_calls_record_make_one_search() -> None:
    crm = Office({BEN: [OWNED]}, slow_s=0.05)
    desk = Desk(crm)
    _, answer = await asyncio.gather(desk.finder.find(BEN, 2), desk.owner())
    assert (answer.owner, desk.told, crm.asked) == ("77", [_sent(BEN)], [BEN])


async def test_who_was_looked_for_a_moment_ago_is_told_with_that_search() -> None:
    crm = Office({NATIONAL: [OWNED]})
    desk = Desk(crm)
    await desk.finder.find(BEN, 2)
    assert (await desk.owner()).received == _received(NATIONAL)
    assert desk.told[::2] == [_sent(BEN), _sent(NATIONAL)]
    assert crm.asked == [BEN, NATIONAL]


@pytest.mark.parametrize(
    ("records", "why"),
    [
        ([], "contact_unknown"),
        ([{"contact_id": "7", "name": "Ben"}], "contact_without_owner"),
        ([OWNED, {**OWNED, "contact_id": "8"}], "contact_shared"),
    ],
)
async def test_a_crm_that_names_nobody_says_why(records: list[Record], why: str) -> None:
    desk = Desk(Office({BEN: records}))
    assert code(await desk.owner()) == why


async def test_a_contact_that_was_created_just_now_has_no_owner_to_ring() -> None:
    desk = Desk(ACrm(), unknown=UnknownNumbers.CREATE)
    assert code(await desk.owner()) == "contact_unknown"


@pytest.mark.parametrize("is_under_way", [False, True])
async def test_nobody_waits_for_a_contact_that_is_being_created(is_under_way: bool) -> None:
    class Slow(ACrm):
        async def run(self, hook, values, *, deadline_s, upload=None):  # type: ignore[no-untyped-def]
            if hook is HookName.CREATE_CONTACT:
                created.set()
                await asyncio.Event().wait()
            return await super().run(hook, values, deadline_s=deadline_s)

    created = asyncio.Event()
    desk = Desk(Slow(), unknown=UnknownNumbers.CREATE)
    record = asyncio.create_task(desk.finder.find(BEN, 60)) if is_under_way else None
    async with asyncio.timeout(PATIENCE_S):
        if is_under_way:
            await created.wait()
        assert code(await desk.owner(60)) == "contact_unknown"
        assert created.is_set()
    if record is not None:
        record.cancel()


async def test_a_dry_run_creates_no_contact() -> None:
    crm = ACrm()
    desk = Desk(crm, unknown=UnknownNumbers.CREATE)
    told: list[LookupProgress] = []
    assert code(await desk.owners.for_trials().owner("crm", BEN, 5, told.append)) == "contact_unknown"
    assert (crm.created, crm.asked, len(told) > 0) == ([], [BEN, NATIONAL, BEN.removeprefix("+")], True)


async def test_a_crm_that_is_down_is_the_failure_of_the_lookup() -> None:
    desk = Desk(Office(fails=lambda _: failing("api_refused")))
    assert code(await desk.owner()) == "api_refused"
    assert desk.told == [_sent(BEN)]


async def test_while_the_crm_is_down_the_phone_book_tells_the_owner() -> None:
    contact = Contact(connector="crm", id="7", owner="77")
    desk = Desk(Office(fails=lambda _: failing("api_refused")), [contact])
    assert await desk.owner() == OwnerAnswer(owner="77")
    sent, failed = desk.told
    assert sent == _sent(BEN)
    assert isinstance(failed, FailedAttempt)
    assert failed.failure.code == "api_refused"


async def test_a_crm_that_is_too_slow_ends_with_the_deadline_and_tells_what_was_asked() -> None:
    clock, office = StandingClock(), Office({BEN: [OWNED]}, slow_s=30)
    desk = Desk(office)
    asking = asyncio.create_task(desk.owner(2))
    while not office.asked:
        await asyncio.sleep(0)
    await clock.passes(2)
    assert code(await asking) == "api_timeout"
    assert desk.told == [_sent(BEN)]


async def test_what_the_crm_came_to_is_told_also_where_the_phone_book_takes_its_time() -> None:
    class SlowBook(APhoneBook):
        async def of_number(self, connector: str, number: str) -> Sequence[Contact]:
            await asyncio.Event().wait()
            return ()

    desk = Desk(Office({}, fails=lambda _: failing("api_refused")))
    desk.finder._phone_book = SlowBook()
    assert code(await desk.owner(0.01)) == "api_refused"
    assert desk.told == [_sent(BEN)]


async def test_a_form_that_the_crm_refuses_is_told_as_refused_and_the_next_one_tried() -> None:
    def fails(form: str) -> HookError | None:
        return failing("api_status", is_final=True) if form == BEN else None

    desk = Desk(Office({NATIONAL: [OWNED]}, fails=fails))
    assert (await desk.owner()).owner == "77"
    assert isinstance(desk.told[1], FailedAttempt)
    assert desk.told[1].failure.code == "api_status"


async def test_a_later_search_is_not_mixed_with_an_earlier_one_that_failed() -> None:
    crm = Office(fails=lambda _: failing("api_refused"))
    desk = Desk(crm)
    await desk.owner()
    crm.fails = lambda _: None
    crm.records = {BEN: [OWNED]}
    await desk.finder.find(BEN, 2)
    assert (await desk.owner()).owner == "77"
    assert desk.told == [_sent(BEN)]


async def test_a_search_that_finds_nobody_again_is_not_added_to_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(Office())
    for known_s in (0.0, 0.0, 10.0):
        monkeypatch.setattr(finding_module, "KNOWN_S", known_s)
        await desk.finder.find(BEN, 2)
    assert code(await desk.owner()) == "contact_unknown"
    asked = [each for each in desk.told if isinstance(each, SentRequest)]
    assert asked == [_sent(BEN), _sent(NATIONAL), _sent(BEN.removeprefix("+"))]


async def test_a_caller_who_hangs_up_does_not_end_the_search_for_the_calls_record() -> None:
    crm = Office({BEN: [OWNED]}, slow_s=0.05)
    desk = Desk(crm)
    asking = asyncio.create_task(desk.owner())
    await asyncio.sleep(0)
    asking.cancel()
    with suppress(asyncio.CancelledError):
        await asking
    assert (await desk.owner()).owner == "77"
    assert crm.asked == [BEN]


async def test_a_connector_that_is_not_there_is_told() -> None:
    assert code(await Desk(ACrm()).owner(crm="other")) == "crm_not_connected"
