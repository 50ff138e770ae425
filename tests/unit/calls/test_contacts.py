"""Whose number it is, on a call: who is asked, what is put on record of it, and what phones are shown, and when."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from agi_router.routing.call_info import CallInfo
from agi_router.routing.click_to_dial import CallRequest
from agi_router.routing.decision import Decision, LookupProgress
from agi_router.routing.errors import Failure
from ari_app.calls.clock import now
from ari_app.calls.consultation import Consultation
from ari_app.calls.contacts import ContactSearch
from ari_app.calls.contacts import told as told_of
from ari_app.calls.leg import Leg
from ari_app.calls.ports import ChannelDestroyed, ChannelEntered, ChannelRinging
from ari_app.calls.screen_pop import CALLER_NAME, SENT_NAME, SHOWN_NAME
from ari_app.domain import events as e
from ari_app.domain.contacts import Contact, ContactAnswer, ContactSource, Found, Several, Unanswered, Unknown
from tests.fakes.crms import AFinder, Crms
from tests.fakes.switch import CALLER, Exchange, Told
from tests.patience import PATIENCE_S
from tests.unit.calls.test_click_to_dial import planned, ringing

BEN = "+14155550177"


def found(name: str, source: ContactSource = ContactSource.CRM, connector: str = "first") -> Found:
    return Found(contact=Contact(connector=connector, id="7", name=name), matched="e164", source=source)


def arrive(exchange: Exchange, number: str = BEN, *presentation: str) -> None:
    args = ("sales", "+14155550100", *presentation)
    exchange.switch.deliver(
        ChannelEntered(
            channel_id=CALLER, name="PJSIP/carrier-1", up=False, args=args, caller_number=number, caller_name="X"
        )
    )


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            await asyncio.sleep(0)


def of_contacts(told: Told) -> list[e.ContactFound | e.ContactNotFound]:
    return [event for event in told.events if isinstance(event, e.ContactFound | e.ContactNotFound)]


def leg_of(exchange: Exchange) -> str:
    return exchange.switch.dialled[0]


async def test_a_name_that_is_in_time_is_in_what_the_phone_rings_with(monkeypatch: pytest.MonkeyPatch) -> None:
    finder, answered = AFinder(found("Ben")), asyncio.Event()
    finder.told.set()
    async with Exchange("ada", crms=Crms([finder])) as exchange:
        route = exchange.rings.route

        async def slow_route(info: CallInfo, on_progress: Callable[[LookupProgress], None]) -> Decision:
            await answered.wait()
            return await route(info, on_progress)

        monkeypatch.setattr(exchange.rings, "route", slow_route)
        arrive(exchange)
        await until(lambda: of_contacts(exchange.told))
        answered.set()
        await until(lambda: exchange.switch.dialled)
        assert exchange.switch.variables[leg_of(exchange)][SHOWN_NAME] == "Ben"
        exchange.switch.deliver(ChannelRinging(leg_of(exchange)))
        await asyncio.sleep(0)
        assert SENT_NAME not in exchange.switch.variables[leg_of(exchange)]


async def test_nothing_waits_for_a_crm_and_its_name_comes_later() -> None:
    finder = AFinder(found("Ben"))
    async with Exchange("ada", crms=Crms([finder])) as exchange:
        arrive(exchange)
        await until(lambda: exchange.switch.dialled)
        leg = leg_of(exchange)
        finder.told.set()
        await until(lambda: of_contacts(exchange.told))
        assert SENT_NAME not in exchange.switch.variables[leg]  # its INVITE may be on its way
        exchange.switch.deliver(ChannelRinging(leg))
        await until(lambda: exchange.switch.variables[leg].get(SENT_NAME) == "Ben")
        assert exchange.switch.variables[leg]["CONNECTEDLINE(num,i)"] == BEN


async def test_a_name_that_comes_in_the_talk_is_shown_and_kept() -> None:
    finder = AFinder(found("Ben"))
    async with Exchange("ada", crms=Crms([finder])) as exchange:
        arrive(exchange)
        await until(lambda: exchange.switch.dialled)
        exchange.pick_up(leg_of(exchange))
        await until(lambda: any(isinstance(event, e.CallAnswered) for event in exchange.told.events))
        await until(lambda: next(iter(exchange.supervisor.live.values())).talking)
        finder.told.set()
        await until(lambda: exchange.switch.variables[CALLER].get(CALLER_NAME) == "Ben")
        assert exchange.switch.variables[leg_of(exchange)][SENT_NAME] == "Ben"


async def test_an_agent_who_consults_somebody_meanwhile_is_shown_the_name_when_he_is_back() -> None:
    finder = AFinder(found("Ben"))
    async with Exchange("ada", crms=Crms([finder])) as exchange:
        arrive(exchange)
        await until(lambda: exchange.switch.dialled)
        exchange.pick_up(leg_of(exchange))
        (call,) = exchange.supervisor.live.values()
        await until(lambda: call.talking)
        call.consultation = Consultation(call.legs[leg_of(exchange)])
        finder.told.set()
        await until(lambda: exchange.switch.variables[CALLER].get(CALLER_NAME) == "Ben")
        assert SENT_NAME not in exchange.switch.variables[leg_of(exchange)]


async def test_the_first_crm_that_knows_a_name_has_it_shown_also_when_it_comes_last() -> None:
    first, second = AFinder(found("Ben Miller")), AFinder(found("B. Miller", connector="second"))
    async with Exchange("ada", crms=Crms([first, second])) as exchange:
        arrive(exchange)
        await until(lambda: exchange.switch.dialled)
        leg = leg_of(exchange)
        exchange.switch.deliver(ChannelRinging(leg))
        second.told.set()
        await until(lambda: exchange.switch.variables[leg].get(SENT_NAME) == "B. Miller")
        first.told.set()
        await until(lambda: exchange.switch.variables[leg].get(SENT_NAME) == "Ben Miller")
    assert [event.connector for event in of_contacts(exchange.told)] == ["second", "first"]


async def test_a_crm_that_comes_later_and_is_asked_second_shows_nothing() -> None:
    first, second = AFinder(found("Ben Miller")), AFinder(found("B. Miller", connector="second"))
    async with Exchange("ada", crms=Crms([first, second])) as exchange:
        arrive(exchange)
        await until(lambda: exchange.switch.dialled)
        leg = leg_of(exchange)
        exchange.switch.deliver(ChannelRinging(leg))
        first.told.set()
        await until(lambda: exchange.switch.variables[leg].get(SENT_NAME) == "Ben Miller")
        second.told.set()
        await until(lambda: len(of_contacts(exchange.told)) == 2)
        await asyncio.sleep(0)
        assert exchange.switch.variables[leg][SENT_NAME] == "Ben Miller"


@pytest.mark.parametrize("answer", [found("Ben", ContactSource.CREATED), Unknown(), found("")])
async def test_who_has_no_name_is_shown_as_the_carrier_tells(answer: ContactAnswer) -> None:
    finder = AFinder(answer)
    async with Exchange("ada", crms=Crms([finder])) as exchange:
        arrive(exchange)
        await until(lambda: exchange.switch.dialled)
        exchange.switch.deliver(ChannelRinging(leg_of(exchange)))
        finder.told.set()
        await until(lambda: of_contacts(exchange.told))
        await asyncio.sleep(0)
        assert SENT_NAME not in exchange.switch.variables[leg_of(exchange)]


async def test_what_a_crm_calls_somebody_is_one_line_of_bounded_length_on_phones() -> None:
    finder = AFinder(found("Ben\r\nReferred-By: <sip:x>\x00" + "!" * 200))
    async with Exchange("ada", crms=Crms([finder])) as exchange:
        arrive(exchange)
        await until(lambda: exchange.switch.dialled)
        exchange.switch.deliver(ChannelRinging(leg_of(exchange)))
        finder.told.set()
        await until(lambda: SENT_NAME in exchange.switch.variables[leg_of(exchange)])
        name = exchange.switch.variables[leg_of(exchange)][SENT_NAME]
    assert name.startswith("Ben Referred-By: <sip:x> !!!")
    assert len(name) == 80


async def test_a_connector_may_show_no_names() -> None:
    finder = AFinder(found("Ben"))
    finder.told.set()
    async with Exchange("ada", crms=Crms([finder], shows_name=False)) as exchange:
        arrive(exchange)
        await until(lambda: exchange.switch.dialled)
        exchange.switch.deliver(ChannelRinging(leg_of(exchange)))
        await until(lambda: of_contacts(exchange.told))
        assert SENT_NAME not in exchange.switch.variables[leg_of(exchange)]
        assert SHOWN_NAME not in exchange.switch.variables[leg_of(exchange)]


@pytest.mark.parametrize(("number", "presentation"), [("101", ()), ("", ()), (BEN, ("prohib",))])
async def test_no_crm_is_asked_about_who_is_internal_or_withholds_his_number(
    number: str, presentation: tuple[str, ...]
) -> None:
    finder = AFinder(found("Ben"))
    async with Exchange("ada", crms=Crms([finder])) as exchange:
        arrive(exchange, number, *presentation)
        await until(lambda: exchange.switch.dialled)
    assert finder.asked == []
    assert of_contacts(exchange.told) == []


async def test_the_answer_is_on_record_once_when_the_caller_has_hung_up_before() -> None:
    finder = AFinder(found("Ben"))
    async with Exchange("ada", crms=Crms([finder])) as exchange:
        arrive(exchange)
        await until(lambda: exchange.switch.dialled)
        exchange.switch.deliver(ChannelDestroyed(CALLER, 16))
        exchange.switch.deliver(ChannelDestroyed(leg_of(exchange), 16))
        await exchange.over()
        assert of_contacts(exchange.told) == []
        finder.told.set()
        await until(lambda: of_contacts(exchange.told))
    (event,) = of_contacts(exchange.told)
    assert isinstance(event, e.ContactFound)
    assert (event.connector, event.contact_id, event.name, event.matched) == ("first", "7", "Ben", "e164")


async def test_several_and_none_and_a_failure_are_on_record_as_such() -> None:
    contacts = [Contact(connector="first", id=each, name=f"N{each}", company="Acme") for each in ("1", "2")]
    why = Failure("crm_down", "it is down", "wait")
    outcomes = []
    for answer in (Several(contacts), Unknown(), Unanswered(why)):
        finder = AFinder(answer)
        finder.told.set()
        async with Exchange("ada", crms=Crms([finder])) as exchange:
            arrive(exchange)
            await until(lambda: of_contacts(exchange.told))
        (event,) = of_contacts(exchange.told)
        assert isinstance(event, e.ContactNotFound)
        outcomes.append((event.outcome, event.candidates, event.code))
    assert outcomes == [
        ("several", [{"id": each, "name": f"N{each}", "company": "Acme"} for each in ("1", "2")], ""),
        ("unknown", [], ""),
        ("failed", [], "crm_down"),
    ]


def test_of_very_many_who_share_a_number_some_are_on_record() -> None:
    crowd = [Contact(connector="first", id=str(each), name="A name") for each in range(1000)]
    event = told_of("first", BEN, Several(crowd))
    assert isinstance(event, e.ContactNotFound)
    assert [each["id"] for each in event.candidates] == [str(each) for each in range(50)]


async def test_a_router_that_stops_waits_for_answers_and_not_for_phones_that_are_to_be_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ari_app.calls.contacts.LAST_ANSWERS_S", 2 * PATIENCE_S)
    told, finder, named = Told(), AFinder(found("Ben")), asyncio.Event()
    finder.told.set()

    async def to_a_phone_that_does_not_ring_yet(_: str) -> None:
        named.set()
        await asyncio.Event().wait()

    async with asyncio.timeout(PATIENCE_S):
        async with ContactSearch(Crms([finder]), told) as search:
            search.begin("call-1", BEN, to_a_phone_that_does_not_ring_yet)
            await named.wait()
    assert len(of_contacts(told)) == 1


def test_who_came_by_a_transfer_can_be_told_a_name() -> None:
    assert Leg.arrived("leg-2", "1.2", "PJSIP/bob-1").settled.is_set()


async def test_a_finder_that_breaks_is_a_failure_on_record() -> None:
    class Broken(AFinder):
        async def find(self, number: str, deadline_s: float) -> ContactAnswer:
            raise RuntimeError("broken")

    async with Exchange("ada", crms=Crms([Broken(Unknown())])) as exchange:
        arrive(exchange)
        await until(lambda: of_contacts(exchange.told))
    (event,) = of_contacts(exchange.told)
    assert isinstance(event, e.ContactNotFound)
    assert event.code == "contact_search_broken"


async def test_a_call_without_an_answer_is_asked_about_again_by_the_next_start() -> None:
    told, finder, other = Told(), AFinder(found("Ben")), AFinder(Unknown())
    arrived = e.CallArrived(
        at=now() - timedelta(minutes=1),
        route="sales",
        called_number="",
        caller_number=BEN,
        caller_name="",
        caller_withheld=False,
        channel_id="1",
    )
    told.write("lost", arrived)
    told.write("lost", e.ContactNotFound(at=now(), connector="second", number=BEN, outcome="unknown"))
    told.write("ended", arrived)
    told.write("ended", e.CallEnded(at=now(), by="caller", cause=16))
    told.write("long ago", replace(arrived, at=now() - timedelta(hours=1)))
    told.write("withheld", replace(arrived, caller_number="", caller_withheld=True))
    finder.told.set()
    other.told.set()
    async with ContactSearch(Crms([finder, other]), told) as contacts:
        await contacts.ask_again(told)
    assert {
        call_id: len([1 for event in events if "Contact" in type(event).__name__])
        for call_id, events in told.calls.items()
    } == {
        "lost": 2,
        "ended": 2,
        "long ago": 0,
        "withheld": 0,
    }
    assert (finder.asked, other.asked) == ([BEN, BEN], [BEN])


CLICK = replace(planned(ringing("ada"), ringing("bob")), number=BEN, name="")
REQUEST = CallRequest(user="456", number=BEN)


async def test_the_agent_s_phone_is_told_the_name_while_it_rings_and_the_customer_s_is_not() -> None:
    finder = AFinder(found("Ben"))
    exchange = Exchange(crms=Crms([finder]))
    exchange.rings.planned = CLICK
    async with exchange:
        await exchange.supervisor.place(REQUEST)
        await until(lambda: exchange.switch.dialled)
        agent = leg_of(exchange)
        assert exchange.switch.variables[agent][SHOWN_NAME] == BEN
        exchange.switch.deliver(ChannelRinging(agent))
        finder.told.set()
        await until(lambda: exchange.switch.variables[agent].get(SENT_NAME) == "Ben")
        exchange.pick_up(agent)
        await until(lambda: len(exchange.switch.dialled) == 2)
        assert exchange.switch.variables[exchange.switch.dialled[1]][SHOWN_NAME] == "Ada"
    assert finder.asked == [BEN]


async def test_an_agent_who_waits_for_the_customer_is_told_the_name() -> None:
    finder = AFinder(found("Ben"))
    exchange = Exchange(crms=Crms([finder]))
    exchange.rings.planned = CLICK
    async with exchange:
        await exchange.supervisor.place(REQUEST)
        await until(lambda: exchange.switch.dialled)
        agent = leg_of(exchange)
        exchange.pick_up(agent)
        await until(lambda: len(exchange.switch.dialled) == 2)
        customer = exchange.switch.dialled[1]
        exchange.switch.deliver(ChannelRinging(customer))
        finder.told.set()
        await until(lambda: exchange.switch.variables[agent].get(SENT_NAME) == "Ben")
        assert SENT_NAME not in exchange.switch.variables[customer]


async def test_the_name_that_who_asks_for_a_call_gives_stays() -> None:
    finder = AFinder(found("Ben"))
    exchange = Exchange(crms=Crms([finder]))
    exchange.rings.planned = replace(CLICK, name="Mr Miller")
    async with exchange:
        await exchange.supervisor.place(REQUEST)
        await until(lambda: exchange.switch.dialled)
        agent = leg_of(exchange)
        exchange.switch.deliver(ChannelRinging(agent))
        finder.told.set()
        await until(lambda: of_contacts(exchange.told))
        exchange.pick_up(agent)
        await until(lambda: len(exchange.switch.dialled) == 2)
        assert exchange.switch.variables[agent][SHOWN_NAME] == "Mr Miller"
        assert SENT_NAME not in exchange.switch.variables[agent]
