"""A program that was written for Aircall, on a real Asterisk. The tests stand in the order of a day."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from sandbox import Phone
from tests.clients import scenarios_aircall, verbatim
from tests.clients.aircall import AircallClient
from tests.system.click_to_dial.clicking import ADA_HZ, CUSTOMER, CUSTOMER_HZ
from tests.system.faces.vendors import OURS, address, failures, give_up, made_key, named, run_line, talk, world
from tests.system.rig import ADA, CALLER, Rig

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def token(rig: Rig) -> str:
    return await made_key(rig, "dialler", "face:aircall")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def dialler(rig: Rig, token: str) -> AsyncIterator[AircallClient]:
    _, key_id, secret = token.split("_")
    async with AircallClient(address(rig), key_id, secret) as client:
        yield client


async def happens(client: AircallClient, name: str) -> None:
    await named(scenarios_aircall.situations(world()), name).run(client)


async def test_a_user_s_call_rings_him_then_the_number_and_is_found_by_it(
    rig: Rig, dialler: AircallClient, customer: Phone
) -> None:
    async with rig.user("ada", ADA_HZ) as ada:
        await happens(dialler, "a_call_is_started")
        at_ada = await ada.next_call()
        await at_ada.answer()
        at_customer = await customer.next_call()
        assert (at_customer.called_number, at_customer.caller_number) == (CUSTOMER, OURS)
        await at_customer.answer()
        assert await at_ada.hears(CUSTOMER_HZ, 0.2)
        await happens(dialler, "a_user_who_is_not_available_cannot_call")
        await at_customer.hang_up()
        await at_ada.ended()
        await rig.idle()
    await happens(dialler, "the_newest_call_of_the_number_called_is_the_users")


async def test_all_that_its_guide_promises_of_the_search_is_kept(rig: Rig, dialler: AircallClient) -> None:
    await talk(rig, "user", ADA)
    await talk(rig, "user", ADA)
    assert await failures(scenarios_aircall.scenarios(world()), dialler) == []
    assert await rig.channels() == []


async def test_the_words_of_its_guide_do_what_they_say(rig: Rig, token: str) -> None:
    values = {
        verbatim.AIRCALL_HOST: address(rig),
        "{{callerNumber}}": CALLER,
        "<api_id>": token.split("_")[1],
        "<api_token>": token,
        "<user_id>": ADA,
        "<number_id>": OURS.removeprefix("+"),
        "<to>": CUSTOMER,
    }
    for line in verbatim.AIRCALL:
        async with rig.user("ada") as ada:
            await run_line(line, values)
            if line.statuses == (204,):
                await (await ada.next_call()).reject()
                await rig.idle()


async def test_a_call_that_nobody_took_has_no_user(rig: Rig, dialler: AircallClient) -> None:
    await give_up(rig, "user", ADA)
    await happens(dialler, "a_call_nobody_took_leads_the_path_nowhere")
