"""A program that was written for VoIPline, on a real Asterisk: its calls, and what it is told of all others.

The tests stand in the order of a day: what is asked of the last ones was done by those before.
"""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from sandbox import Phone
from tests.clients import scenarios_voipline, scenarios_voipline_live, verbatim
from tests.clients.voipline import VoiplineClient, VoiplineRefused
from tests.system.click_to_dial.clicking import ADA_HZ, CUSTOMER, CUSTOMER_HZ
from tests.system.faces.vendors import (
    BOB,
    OURS,
    address,
    failures,
    give_up,
    made_key,
    named,
    run_line,
    spoken,
    talk,
    world,
)
from tests.system.rig import ADA, Rig

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCOPE = "face:voipline"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def reports(rig: Rig) -> AsyncIterator[VoiplineClient]:
    async with VoiplineClient(address(rig), await made_key(rig, "reports", SCOPE)) as client:
        yield client


async def happens(client: VoiplineClient, name: str) -> None:
    await named(scenarios_voipline_live.situations(world()), name).run(client)


@pytest.mark.parametrize("form", ["JSON", "MULTIPART"])
@pytest.mark.parametrize(
    ("scenario", "shown"),
    [("a_call_to_a_number_is_accepted", "+14155550100"), ("a_call_shows_the_caller_id_asked_for", OURS)],
)
async def test_all_phones_of_the_user_show_the_number_that_is_called_when_he_picks_up(
    rig: Rig, reports: VoiplineClient, customer: Phone, *, scenario: str, shown: str, form: str
) -> None:
    async with rig.user("ada", ADA_HZ) as ada, rig.user("ada-desk", ADA_HZ) as desk:
        await happens(reports, f"{scenario}[{form}]")
        at_ada, at_desk = await ada.next_call(), await desk.next_call()
        await asyncio.gather(at_ada.ring(), at_desk.ring())
        assert (at_ada.caller_number, at_desk.caller_number) == (CUSTOMER, CUSTOMER)
        await at_desk.answer()
        await at_ada.cancelled()
        at_customer = await customer.next_call()
        assert (at_customer.called_number, at_customer.caller_number) == (CUSTOMER, shown)
        await at_customer.answer()
        assert await at_desk.hears(CUSTOMER_HZ, 0.2)
        await spoken(rig)
        await at_customer.hang_up()
        await at_desk.ended()
        await rig.idle()
    await happens(reports, "the_placed_call_is_the_users_newest")


async def test_what_becomes_of_other_calls_is_told(rig: Rig, reports: VoiplineClient) -> None:
    await give_up(rig, "user", ADA)
    await happens(reports, "a_missed_call_is_the_users_newest")
    await talk(rig, "user", ADA)
    await happens(reports, "an_answered_call_is_the_users_newest")
    await talk(rig, "queue", "support")
    await happens(reports, "a_queue_call_taken_by_the_user_is_answered")
    await give_up(rig, "queue", "support")
    await happens(reports, "a_queue_call_nobody_took_is_abandoned")
    await talk(rig, "team", "7")
    await happens(reports, "a_ring_group_call_taken_by_the_user_is_answered")
    await give_up(rig, "team", "7")
    await happens(reports, "a_ring_group_call_nobody_took_is_abandoned")


async def test_all_that_its_page_promises_of_lists_is_kept(rig: Rig) -> None:
    await talk(rig, "user", BOB, "bob")
    async with VoiplineClient(address(rig), await made_key(rig, "lists", SCOPE)) as client:
        assert await failures(scenarios_voipline.scenarios(world()), client) == []
    assert await rig.channels() == []


async def test_the_words_of_its_page_do_what_they_say(rig: Rig) -> None:
    here = world()
    values = {
        "<base>": address(rig),
        "<key>": await made_key(rig, "curl", SCOPE),
        "<from_date>": here.calls_day.isoformat(),
        "<to_date>": here.calls_day.isoformat(),
        "<queue>": here.queue_name,
        "<ring_group>": here.ring_group_name,
        "<user_number>": here.user_number,
        "<number_to_call>": here.number_to_call,
        "<caller_id>": here.caller_id,
    }
    for line in verbatim.VOIPLINE:
        async with rig.user("ada") as ada:
            await run_line(line, values)
            if line.body == verbatim.PLACED:
                await (await ada.next_call()).reject()
                await rig.idle()


async def test_an_address_that_is_not_listed_is_not_let_in(rig: Rig) -> None:
    async with VoiplineClient(address(rig), await made_key(rig, "elsewhere", SCOPE, "192.0.2.10")) as client:
        await happens(client, "an_address_not_listed_is_not_authorised")


async def test_a_hundred_queries_are_answered_in_15_minutes(rig: Rig) -> None:
    async with VoiplineClient(address(rig), await made_key(rig, "busy", SCOPE)) as client:
        await happens(client, "the_query_after_the_hundredth_is_refused")


async def test_a_user_without_a_phone_is_not_called(rig: Rig, reports: VoiplineClient) -> None:
    await rig.stands(BOB, registered=False)
    with pytest.raises(VoiplineRefused) as refused:
        await reports.call_to_number("102", CUSTOMER)
    assert refused.value.status == 409
    assert "register" in refused.value.body
    await rig.idle()
