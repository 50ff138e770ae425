"""Whose number it is, at one CRM: forms, shared numbers, creation, and the phone book behind it."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from agi_router.routing.decision import ReceivedAnswer, SentRequest
from agi_router.routing.errors import Failure
from ari_app.crm.finding import Finding
from ari_app.crm.settings import FindSettings, SharedNumbers, UnknownNumbers
from ari_app.domain.contacts import Contact, ContactKind, ContactSource, Found, Several, Unanswered, Unknown
from ari_app.domain.crm import Abilities, HookAnswer, HookError, HookName, Record
from tests.clock import StandingClock

BEN = "+442071838750"
NATIONAL = "02071838750"
DOWN = HookError(Failure("crm_down", "the CRM is down", "wait"), is_undone=True)
REFUSED = HookError(Failure("crm_refused", "400", "look at the document"), is_undone=True, is_final=True)


@dataclass
class ACrm:
    """Knows these `records` by what FindContact is asked for, and takes `slow_s` for each request."""

    records: dict[str, list[Record]] = field(default_factory=dict)
    slow_s: float = 0.0
    fails: Callable[[str], HookError | None] = lambda _: None
    name: str = "crm"
    title: str = "A CRM"
    can_find: bool = True
    can_create: bool = True
    asked: list[str] = field(default_factory=list)
    created: list[Mapping[str, str]] = field(default_factory=list)
    forms: tuple[str, ...] = ("e164", "national", "digits")

    @property
    def abilities(self) -> Abilities:
        can = {HookName.FIND_CONTACT: self.can_find, HookName.CREATE_CONTACT: self.can_create}
        return Abilities(hooks=frozenset(hook for hook in can if can[hook]), number_forms=self.forms)

    async def run(
        self, hook: HookName, values: Mapping[str, str], *, deadline_s: float, upload: object = None
    ) -> HookAnswer:
        if hook is HookName.CREATE_CONTACT:
            self.created.append(values)
            await asyncio.sleep(self.slow_s)
            if (error := self.fails("create")) is not None:
                raise error
            return answer([{"contact_id": str(len(self.created))}])
        self.asked.append(values["phone"])
        await asyncio.sleep(self.slow_s)
        if (error := self.fails(values["phone"])) is not None:
            raise error
        return answer(self.records.get(values["phone"], []))

    def pages(self, *_: object, **__: object) -> None:
        raise AssertionError


def answer(records: Sequence[Record]) -> HookAnswer:
    sent = SentRequest(method="GET", url="http://crm", headers={}, body="")
    return HookAnswer(records=tuple(records), sent=sent, received=ReceivedAnswer(status=200, body="", elapsed_ms=1.0))


@dataclass
class APhoneBook:
    """Knows these contacts by every number."""

    contacts: Sequence[Contact] = ()

    async def of_number(self, connector: str, number: str) -> Sequence[Contact]:
        return self.contacts


@dataclass
class ATally:
    """Counts in memory."""

    counted: dict[str, int] = field(default_factory=dict)

    def counts(self, connector: str) -> Mapping[str, int]:
        return self.counted

    def matched(self, connector: str, form: str) -> None:
        self.counted[form] = self.counted.get(form, 0) + 1


def finding(
    crm: ACrm,
    *,
    shared: SharedNumbers = SharedNumbers.REFUSE,
    unknown: UnknownNumbers = UnknownNumbers.IGNORE,
    phone_book: APhoneBook | None = None,
    tally: ATally | None = None,
) -> Finding:
    settings = FindSettings(shared=shared, unknown=unknown)
    return Finding(crm, settings, phone_book=phone_book or APhoneBook(), tally=tally or ATally())  # type: ignore[arg-type]


def record(contact_id: str, **more: str) -> Record:
    return {"contact_id": contact_id, "name": f"Contact {contact_id}", **more}


async def test_a_refused_creation_may_end_when_much_has_happened_since() -> None:
    crm = ACrm(fails=lambda asked: REFUSED if asked == "create" else None, slow_s=0.05)
    looking = finding(crm, unknown=UnknownNumbers.CREATE)
    first = asyncio.create_task(looking.find(BEN, 5))
    while not crm.created:
        await asyncio.sleep(0)
    looking._created.clear()  # so many others were created meanwhile
    assert await first == Unanswered(REFUSED.failure)


async def test_forms_are_tried_one_after_the_other_until_one_matches() -> None:
    crm = ACrm({NATIONAL: [record("7")]})
    found = await finding(crm).find(BEN, 1)
    assert isinstance(found, Found)
    assert (found.contact.id, found.matched, found.source) == ("7", "national", ContactSource.CRM)
    assert crm.asked == [BEN, NATIONAL]


async def test_the_form_that_matched_most_often_goes_first() -> None:
    crm, tally = ACrm({NATIONAL: [record("7")], "0301234567": [record("8")]}), ATally()
    await finding(crm, tally=tally).find(BEN, 1)
    assert tally.counted == {"national": 1}
    crm.asked.clear()
    await finding(crm, tally=tally).find("+49301234567", 1)
    assert crm.asked == ["0301234567"]


async def test_a_text_that_two_forms_have_in_common_is_asked_for_once() -> None:
    crm = ACrm(forms=("national", "local", "e164"))
    assert await finding(crm).find("+14155550123", 1) == Unknown()  # in the US both are the same
    assert crm.asked == ["4155550123", "+14155550123"]


async def test_who_calls_again_at_once_is_not_asked_for_again() -> None:
    crm = ACrm({BEN: [record("7")]})
    finder = finding(crm)
    assert await finder.find(BEN, 1) == await finder.find(BEN, 1)
    assert crm.asked == [BEN]


async def test_a_form_that_the_crm_refuses_does_not_keep_it_from_the_others() -> None:
    crm = ACrm({NATIONAL: [record("7")]}, fails=lambda phone: REFUSED if phone.startswith("+") else None)
    assert isinstance(await finding(crm).find(BEN, 1), Found)
    assert await finding(ACrm(fails=lambda _: REFUSED)).find(BEN, 1) == Unanswered(REFUSED.failure)


async def test_a_crm_that_is_down_is_asked_once_and_the_phone_book_answers() -> None:
    crm = ACrm(fails=lambda _: DOWN)
    assert await finding(crm).find(BEN, 1) == Unanswered(DOWN.failure)
    assert crm.asked == [BEN]
    ben = Contact(connector="crm", id="7", name="Ben")
    found = await finding(crm, phone_book=APhoneBook([ben])).find(BEN, 1)
    assert found == Found(contact=ben, source=ContactSource.PHONE_BOOK)


async def test_a_crm_that_is_slow_is_not_waited_for_beyond_the_deadline() -> None:
    crm = ACrm({"442071838750": [record("7")]}, slow_s=1)
    late = await finding(crm).find(BEN, 0.2)
    assert isinstance(late, Unanswered)
    assert late.failure.code == "crm_too_late"
    assert isinstance(await finding(crm).find(BEN, 5), Found)


class ACrmOfItsOwnDeadline(ACrm):
    """Never answers, and says so when its time is up, as connectors do."""

    async def run(
        self, hook: HookName, values: Mapping[str, str], *, deadline_s: float, upload: object = None
    ) -> HookAnswer:
        try:
            async with asyncio.timeout(deadline_s):
                return await asyncio.Future()
        except TimeoutError:
            await asyncio.sleep(0)  # it closes a connection
            raise DOWN from None


async def test_what_a_crm_says_at_its_deadline_is_told_also_by_a_machine_that_stood_still_then() -> None:
    clock = StandingClock()
    searching = asyncio.create_task(finding(ACrmOfItsOwnDeadline()).find(BEN, 2))
    await clock.passes(0)
    await clock.passes(5)
    assert await searching == Unanswered(DOWN.failure)


async def test_what_the_phone_book_says_is_not_kept_for_what_the_crm_would() -> None:
    crm = ACrm({BEN: [record("7")]}, fails=lambda _: DOWN)
    finder = finding(crm, phone_book=APhoneBook([Contact(connector="crm", id="6")]))
    await finder.find(BEN, 1)
    crm.fails = lambda _: None
    found = await finder.find(BEN, 1)
    assert isinstance(found, Found)
    assert found.contact.id == "7"


SHARED = [
    record("1", company_id="9", company_name="Acme", changed_at="2026-01-01T00:00:00Z"),
    record("2", company_id="9", changed_at="2026-03-01"),
]


@pytest.mark.parametrize("policy", [SharedNumbers.REFUSE, SharedNumbers.ASK])
async def test_a_number_of_several_means_nobody_until_somebody_chooses(policy: SharedNumbers) -> None:
    several = await finding(ACrm({BEN: SHARED}), shared=policy).find(BEN, 1)
    assert isinstance(several, Several)
    assert [contact.id for contact in several.contacts] == ["1", "2"]


async def test_a_shared_number_may_mean_the_company() -> None:
    found = await finding(ACrm({BEN: SHARED}), shared=SharedNumbers.COMPANY).find(BEN, 1)
    assert isinstance(found, Found)
    assert (found.contact.kind, found.contact.id, found.contact.name) == (ContactKind.ORGANIZATION, "9", "Acme")
    of_two = [record("1", company_id="9"), record("2", company_id="8")]
    assert isinstance(await finding(ACrm({BEN: of_two}), shared=SharedNumbers.COMPANY).find(BEN, 1), Several)
    of_none = [record("1"), record("2")]
    assert isinstance(await finding(ACrm({BEN: of_none}), shared=SharedNumbers.COMPANY).find(BEN, 1), Several)


async def test_a_company_among_those_who_share_its_number_is_the_company() -> None:
    records = [*SHARED, record("9", kind="organization", name="Acme Ltd", company_id="")]
    found = await finding(ACrm({BEN: records}), shared=SharedNumbers.COMPANY).find(BEN, 1)
    assert isinstance(found, Found)
    assert (found.contact.id, found.contact.name) == ("9", "Acme Ltd")


async def test_a_shared_number_may_mean_who_was_changed_last() -> None:
    found = await finding(ACrm({BEN: SHARED}), shared=SharedNumbers.MOST_RECENT).find(BEN, 1)
    assert isinstance(found, Found)
    assert found.contact.id == "2"
    undated = [record("1"), record("2")]
    assert isinstance(await finding(ACrm({BEN: undated}), shared=SharedNumbers.MOST_RECENT).find(BEN, 1), Several)


async def test_hits_that_show_the_number_win_over_those_that_mention_it() -> None:
    records = [record("1", phone="+49 30 99"), record("2", mobile="(020) 7183 8750"), record("2")]
    found = await finding(ACrm({BEN: records})).find(BEN, 1)
    assert isinstance(found, Found)
    assert found.contact.id == "2"


async def test_an_unknown_caller_is_created_once_even_by_two_calls_at_the_same_moment() -> None:
    crm = ACrm(slow_s=0.01)
    finder = finding(crm, unknown=UnknownNumbers.CREATE)
    first, second = await asyncio.gather(finder.find(BEN, 1), finder.find(BEN, 1))
    assert isinstance(first, Found)
    assert first.source is ContactSource.CREATED
    assert second == first
    assert [values["phone"] for values in crm.created] == [BEN]


async def test_nobody_is_created_while_the_crm_does_not_say_that_he_is_unknown() -> None:
    crm = ACrm(fails=lambda _: DOWN)
    await finding(crm, unknown=UnknownNumbers.CREATE).find(BEN, 1)
    assert crm.created == []
    assert await finding(ACrm(can_create=False), unknown=UnknownNumbers.CREATE).find(BEN, 1) == Unknown()


@pytest.mark.parametrize("is_undone", [True, False])
async def test_a_creation_that_may_have_been_done_is_not_tried_again(is_undone: bool) -> None:
    broken = HookError(Failure("crm_broken", "no answer", "look"), is_undone=is_undone)
    crm = ACrm(fails=lambda phone: broken if phone == "create" else None)
    finder = finding(crm, unknown=UnknownNumbers.CREATE)
    assert await finder.find(BEN, 1) == Unanswered(broken.failure)
    await finder.find(BEN, 1)
    assert len(crm.created) == (2 if is_undone else 1)


async def test_a_search_that_is_cut_off_leaves_the_next_one_free() -> None:
    crm = ACrm({BEN: [record("7")]}, slow_s=0.05)
    finder = finding(crm)
    search = asyncio.create_task(finder.find(BEN, 1))
    await asyncio.sleep(0)
    search.cancel()
    await asyncio.gather(search, return_exceptions=True)
    assert isinstance(await finder.find(BEN, 1), Found)


async def test_a_crm_that_cannot_be_asked_for_a_number_is_known_by_its_phone_book() -> None:
    crm, ben = ACrm(can_find=False), Contact(connector="crm", id="7", name="Ben")
    assert await finding(crm, phone_book=APhoneBook([ben])).find(BEN, 1) == Found(
        contact=ben, source=ContactSource.PHONE_BOOK
    )
    assert await finding(crm).find(BEN, 1) == Unknown()
