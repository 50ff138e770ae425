"""Calls of FreePBX's inbound routes, on a real Asterisk laid out as FreePBX lays it out: to the router, and back."""

import asyncio
import wave
from array import array
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from ari_app.domain.record import Disposition
from sandbox import Answer, Phone
from sandbox.api import SEARCH, calls_of_user
from sandbox.freepbx import CustomDestination, Extension, FreePbx, InboundRoute, Queue, RingGroup
from sandbox.phone.incoming import IncomingCall
from sandbox.phone.outgoing import OutgoingCall
from sandbox.router import Config
from sandbox.tone import MUSIC_ON_HOLD_HZ, encode, share
from tests.system.rig import ADA, ANSWER, CALLER, DID, Rig, running

# One Asterisk and one router serve the calls of the whole file, one after the other.
pytestmark = pytest.mark.asyncio(loop_scope="module")

CALLERS_HZ, ADAS_HZ, BOBS_HZ, CAROLS_HZ = 500, 1000, 1400, 1800
NO_RETURN, PLACES, QUEUES, NUMBERS, RECORDED, OWN = (f"+1415555010{digit}" for digit in "123456")

PBX = FreePbx(
    extensions=[
        Extension("101", "Ada", follow_me=["102"]),
        Extension("102", "Bob"),
        Extension("103", "Carol"),
    ],
    inbound_routes=[
        InboundRoute(DID, "customdests,dest-1,1"),
        InboundRoute(NO_RETURN, "customdests,dest-2,1"),
        InboundRoute(PLACES, "customdests,dest-3,1"),
        InboundRoute(QUEUES, "customdests,dest-4,1"),
        InboundRoute(NUMBERS, "customdests,dest-5,1"),
        InboundRoute(RECORDED, "customdests,dest-1,1", record=True),
        InboundRoute(OWN, "ext-local,101,1"),
        InboundRoute("", "customdests,dest-1,1"),
    ],
    custom_destinations=[
        CustomDestination("agi-router-freepbx,sales,1", returns_to="ext-queues,600,1"),
        CustomDestination("agi-router-freepbx,sales,1"),
        CustomDestination("agi-router-freepbx,to-places,1", returns_to="app-blackhole,busy,1"),
        CustomDestination("agi-router-freepbx,to_queues,1", returns_to="ext-group,601,1"),
        CustomDestination("agi-router-freepbx,numbers,1", returns_to="app-blackhole,busy,1"),
    ],
    ring_groups=[RingGroup("601", ["103"])],
    queues=[Queue("600", ["102"])],
    custom="#include agi-router/agi-router.conf\n#include agi-router/freepbx.conf\n",
)


def on_freepbx(config: Config) -> None:
    """The users are FreePBX's extensions; what the routes say beside `sales` is answered by ANSWER."""
    api = config["routes"]["sales"]["request"]["url"].partition("/v1/")[0]

    def route(type_: str) -> dict[str, Any]:
        return {"request": {"url": f"{api}{ANSWER}"}, "response": {"type": type_, "path": "to"}}

    config["directory"] = {
        "users": [
            {"id": ADA, "name": "Ada", "extension": "101", "devices": ["PJSIP/101"]},
            {"id": "77", "name": "Bob", "extension": "102", "devices": ["PJSIP/102"]},
        ],
        "queues": [{"id": "support", "name": "600", "timeout_s": 5}],
        "numbers": {
            "*101": {"dialplan": "from-did-direct,101,1"},
            "70": {"dialplan": "app-parking,*88,1"},
        },
    }
    config["trunks"] = [{"name": "main", "endpoint": "PJSIP/provider", "caller_id": DID}]
    config["policy"]["dialplan_contexts"] = ["ext-queues", "ext-group", "ext-local", "from-did-direct"]
    config["routes"] = {
        "sales": config["routes"]["sales"] | {"fallback": [], "ringing": {"timeout_s": 5, "if_busy": "skip"}},
        "to-places": route("dialplan"),
        "to_queues": route("queue"),
        "numbers": route("number"),
    }


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig() -> AsyncIterator[Rig]:
    async with running(on_freepbx, configure=PBX.write) as rig:
        await PBX.fill_astdb(rig.asterisk.cli)
        yield rig


async def calling(rig: Rig, did: str = DID, to: str = ADA, **how: Any) -> OutgoingCall:
    """A customer calls the DID; the API answers `to`, in the form of the DID's route."""
    rig.api.answers |= {SEARCH: calls_of_user(to), ANSWER: Answer(body={"to": to})}
    return await rig.carrier.call(did, caller=CALLER, **how)


async def talking(caller: OutgoingCall, phone: Phone, tone_hz: int, patience_s: float = 5) -> IncomingCall:
    """The phone rings and is picked up; both hear each other."""
    ringing = await phone.next_call(patience_s)
    await ringing.answer()
    assert await caller.hears(tone_hz, 0.3)
    assert await ringing.hears(CALLERS_HZ, 0.3)
    return ringing


async def test_a_call_of_an_inbound_route_rings_every_phone_of_the_extension(rig: Rig) -> None:
    async with rig.user("101", ADAS_HZ) as desk, rig.user("101", BOBS_HZ) as mobile:
        caller = await calling(rig)
        ringing, also = await desk.next_call(), await mobile.next_call()
        assert ringing.caller_number == CALLER
        await ringing.answer()
        await also.cancelled()
        assert await caller.hears(ADAS_HZ, 0.3)
        assert await ringing.hears(CALLERS_HZ, 0.3)
        assert "InUse" in await rig.asterisk.cli("core show hint 101")
        await caller.hang_up()
        assert (await ringing.ended()).how == "bye"
        await rig.idle()
    record = await rig.newest()
    assert (record.route, record.called_number, record.caller_number) == ("sales", DID, CALLER)
    assert (record.disposition, record.answered_by, record.agent) == (Disposition.ANSWERED, "PJSIP/101", ADA)


async def test_a_withheld_number_is_withheld_from_api_and_phone_although_freepbx_shows_it(rig: Rig) -> None:
    async with rig.user("101", ADAS_HZ) as ada:
        caller = await calling(rig, withheld=True)
        ringing = await talking(caller, ada, ADAS_HZ)
        assert CALLER[2:] not in str(ringing.headers)
        await caller.hang_up()
        await rig.idle()
    assert CALLER[2:] not in str(rig.api.requests[-1].query)
    record = await rig.newest()
    assert (record.caller_withheld, record.caller_number) == (True, "")


async def test_a_withheld_number_stays_withheld_where_an_answer_leads_into_freepbx(rig: Rig) -> None:
    async with rig.user("102", BOBS_HZ) as bob:
        caller = await calling(rig, PLACES, "ext-local,102", withheld=True)
        ringing = await talking(caller, bob, BOBS_HZ)
        assert CALLER[2:] not in str(ringing.headers)
        await caller.hang_up()
        await rig.idle()


@pytest.mark.parametrize("why", ["nobody answers", "the router is down"])
async def test_whom_the_router_cannot_help_goes_where_the_custom_destination_says(rig: Rig, why: str) -> None:
    if why == "the router is down":
        await rig.router.stop()
    async with rig.user("102", BOBS_HZ) as bob:  # whom queue 600 rings
        caller = await calling(rig)  # no phone of Ada's is there
        ringing = await talking(caller, bob, BOBS_HZ)
        (channel,) = [line for line in await rig.channels() if line.startswith("PJSIP/provider")]
        assert "!ext-queues!600!" in channel
        await caller.hang_up()
        assert (await ringing.ended()).how == "bye"
    if why == "the router is down":
        await rig.router.start()
    await rig.idle()


async def test_a_call_given_back_has_no_guards_of_ours(rig: Rig) -> None:
    async with rig.user("102", BOBS_HZ) as bob:
        caller = await calling(rig)
        await talking(caller, bob, BOBS_HZ)
        (line,) = [line for line in await rig.channels() if line.startswith("PJSIP/provider")]
        shown = await rig.asterisk.cli(f"core show channel {line.partition('!')[0]}")
        assert "agi-router-hangup" not in await rig.asterisk.cli("core show hanguphandlers all")
        assert "Time to Hangup: 0" in shown
        await caller.hang_up()
        await rig.idle()


async def test_a_custom_destination_without_return_ends_in_the_fallback_of_agi_router_conf(rig: Rig) -> None:
    caller = await calling(rig, NO_RETURN)
    assert await caller.final_status() == 480
    await rig.idle()


@pytest.mark.parametrize("place", ["ext-queues,600", "from-did-direct,102", "ext-local,102", "ext-group,601"])
async def test_an_answer_leads_to_any_destination_of_freepbx(rig: Rig, place: str) -> None:
    async with rig.user("102", BOBS_HZ) as bob, rig.user("103", BOBS_HZ) as carol:
        caller = await calling(rig, PLACES, place)
        ringing = await talking(caller, carol if place == "ext-group,601" else bob, BOBS_HZ)
        await caller.hang_up()
        assert (await ringing.ended()).how == "bye"
        await rig.idle()
    record = await rig.newest()
    assert (record.disposition, record.destination) == (Disposition.TO_DIALPLAN, f"{place},1")


async def test_a_number_that_leads_into_freepbx_has_its_follow_me(rig: Rig) -> None:
    async with rig.user("101", ADAS_HZ) as ada, rig.user("102", BOBS_HZ) as bob:
        caller = await calling(rig, NUMBERS, "*101")
        first = await ada.next_call()
        await first.cancelled()  # Follow Me rings her alone at first
        also = await ada.next_call()
        await talking(caller, bob, BOBS_HZ)
        await also.cancelled()
        await caller.hang_up()
        await rig.idle()


async def test_the_routers_user_has_no_follow_me(rig: Rig) -> None:
    async with rig.user("101", ADAS_HZ) as ada, rig.user("102", BOBS_HZ) as bob:
        caller = await calling(rig)
        ringing = await ada.next_call()
        await asyncio.sleep(2)  # Follow Me would have rung Bob by now
        assert bob.received == []
        await ringing.answer()
        await caller.answered()
        await caller.hang_up()
        await rig.idle()


async def test_members_of_a_queue_of_freepbx_ring_for_a_step_of_the_router(rig: Rig) -> None:
    async with rig.user("102", BOBS_HZ) as bob:
        caller = await calling(rig, QUEUES, "support")
        ringing = await talking(caller, bob, BOBS_HZ)
        await ringing.hang_up()
        await rig.idle()
    record = await rig.newest()
    assert (record.disposition, record.answered_by, record.agent) == (Disposition.ANSWERED, "PJSIP/102", "77")


async def test_whom_a_queue_did_not_serve_goes_on_to_the_custom_destinations(rig: Rig) -> None:
    async with rig.user("103", CAROLS_HZ) as carol:
        caller = await calling(rig, QUEUES, "support")
        await talking(caller, carol, CAROLS_HZ, patience_s=10)
        await caller.hang_up()
        await rig.idle()


async def test_who_dialled_the_code_of_do_not_disturb_is_not_rung(rig: Rig) -> None:
    async with rig.user("101", ADAS_HZ) as ada, rig.user("102", BOBS_HZ) as bob:
        await (await ada.call("*78")).ended()
        caller = await calling(rig)
        await talking(caller, bob, BOBS_HZ)  # by queue 600
        await caller.hang_up()
        await rig.idle()
        assert ada.received == []
        await (await ada.call("*79")).ended()
        caller = await calling(rig)
        await talking(caller, ada, ADAS_HZ)
        await caller.hang_up()
        await rig.idle()


async def test_a_recording_that_the_inbound_route_began_has_both_sides_of_the_talk(rig: Rig) -> None:
    async with rig.user("101", ADAS_HZ) as ada:
        caller = await calling(rig, RECORDED)
        await talking(caller, ada, ADAS_HZ)
        await caller.hang_up()
        await rig.idle()
    (recording,) = (rig.asterisk.spool_dir / "monitor").glob("in-*.wav")
    with wave.open(str(recording)) as file:
        samples = array("h", file.readframes(file.getnframes()))
    audio = bytes(encode(sample) for sample in samples)
    assert all(share(audio, tone_hz) > 0.2 for tone_hz in (ADAS_HZ, CALLERS_HZ))


@pytest.mark.parametrize(("did", "transfers"), [(DID, False), (OWN, True)])
async def test_codes_pressed_in_a_talk_are_freepbxs_only_where_its_dial_runs(
    rig: Rig, did: str, transfers: bool
) -> None:
    async with rig.user("101", ADAS_HZ) as ada, rig.user("102", BOBS_HZ) as bob:
        caller = await calling(rig, did)
        adas = await talking(caller, ada, ADAS_HZ)
        for digit in "##102":
            await adas.press(digit)
        if transfers:
            await talking(caller, bob, BOBS_HZ)
        else:
            assert await caller.hears(ADAS_HZ, 0.3)
            assert bob.received == []
        await caller.hang_up()
        await rig.idle()


async def test_a_caller_is_parked_by_a_transfer_and_taken_up_elsewhere(rig: Rig) -> None:
    async with rig.user("101", ADAS_HZ) as ada, rig.user("102", BOBS_HZ) as bob:
        caller = await calling(rig)
        adas = await talking(caller, ada, ADAS_HZ)
        transfer = await adas.transfer("70")
        assert await transfer.outcome() == 200
        assert await caller.hears(MUSIC_ON_HOLD_HZ, 0.3)
        bobs = await bob.call("71")
        await bobs.answered()
        assert await caller.hears(BOBS_HZ, 0.3)
        assert await bobs.hears(CALLERS_HZ, 0.3)
        await adas.close()
        await caller.hang_up()
        await bobs.ended()
    await rig.router.until(lambda status: status["live_calls"] == 0)  # the bridge of the parking lot stays
