"""Calls of FreePBX's inbound routes, on a real Asterisk laid out as FreePBX lays it out: to the router, and back."""

import asyncio
import contextlib
import os
import socket
import wave
from array import array
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from ari_app.domain.record import Disposition
from sandbox import Answer, Phone
from sandbox.api import SEARCH, calls_of_user
from sandbox.freepbx import CustomDestination, Extension, FreePbx, InboundRoute, Queue, RingGroup
from sandbox.layout import free_port
from sandbox.phone.incoming import IncomingCall
from sandbox.phone.outgoing import OutgoingCall
from sandbox.router import Config
from sandbox.tone import MUSIC_ON_HOLD_HZ, encode, share
from tests.command import Command
from tests.patience import PATIENCE_S
from tests.system.rig import ADA, ANSWER, CALLER, DID, Rig, route, running

# One Asterisk and one router serve the calls of the whole file, one after the other.
pytestmark = pytest.mark.asyncio(loop_scope="module")

CALLERS_HZ, ADAS_HZ, BOBS_HZ, CAROLS_HZ = 500, 1000, 1400, 1800
SALES, NO_RETURN, PLACES, QUEUES, NUMBERS, RECORDED, OWN = (f"555010{digit}" for digit in "0123456")
OUTSIDE = "+14155550123"
ARI_DOOR, AGI_DOOR = "+1415", "+1213"  # DIDs begin so
DOORS = pytest.mark.parametrize("door", [ARI_DOOR, AGI_DOOR], ids=["ari", "agi"])


def of_door(first: int, prefix: str, context: str) -> tuple[list[InboundRoute], list[CustomDestination]]:
    """The same inbound routes by either door, with its Custom Destinations from `first` on."""
    dests = [f"customdests,dest-{first + number},1" for number in range(5)]
    return [
        InboundRoute(prefix + SALES, dests[0]),
        InboundRoute(prefix + NO_RETURN, dests[1]),
        InboundRoute(prefix + PLACES, dests[2]),
        InboundRoute(prefix + QUEUES, dests[3]),
        InboundRoute(prefix + NUMBERS, dests[4]),
        InboundRoute(prefix + RECORDED, dests[0], record=True),
        InboundRoute(prefix + OWN, "ext-local,101,1"),
    ], [
        CustomDestination(f"{context},sales,1", returns_to="ext-queues,600,1"),
        CustomDestination(f"{context},sales,1"),
        CustomDestination(f"{context},to-places,1", returns_to="app-blackhole,busy,1"),
        CustomDestination(f"{context},to_queues,1", returns_to="ext-group,601,1"),
        CustomDestination(f"{context},numbers,1", returns_to="app-blackhole,busy,1"),
    ]


ARI_ROUTES, ARI_DESTINATIONS = of_door(1, ARI_DOOR, "agi-router-freepbx")
AGI_ROUTES, AGI_DESTINATIONS = of_door(6, AGI_DOOR, "agi-router-freepbx-agi")
PBX = FreePbx(
    extensions=[
        Extension("101", "Ada", follow_me=["102"]),
        Extension("102", "Bob"),
        Extension("103", "Carol"),
    ],
    inbound_routes=[*ARI_ROUTES, *AGI_ROUTES, InboundRoute("", "customdests,dest-1,1")],
    custom_destinations=[*ARI_DESTINATIONS, *AGI_DESTINATIONS],
    ring_groups=[RingGroup("601", ["103"])],
    queues=[Queue("600", ["102"])],
    custom="".join(f"#include agi-router/{name}.conf\n" for name in ("agi-router", "agi-router-agi", "freepbx")),
)


def on_freepbx(config: Config) -> None:
    """The users are FreePBX's extensions; what the routes say beside `sales` is answered by ANSWER."""
    config["directory"] = {
        "users": [
            {"id": ADA, "name": "Ada", "extension": "101", "devices": ["PJSIP/101"]},
            {"id": "77", "name": "Bob", "extension": "102", "devices": ["PJSIP/102"]},
        ],
        "queues": [{"id": "support", "name": "600", "timeout_s": 60}, {"id": "hasty", "name": "600", "timeout_s": 5}],
        "numbers": {
            "*101": {"dialplan": "from-did-direct,101,1"},
            "*9": {"external": OUTSIDE},
            "70": {"dialplan": "app-parking,*88,1"},
        },
    }
    config["trunks"] = [{"name": "main", "endpoint": "PJSIP/provider", "caller_id": DID}]
    config["policy"]["dialplan_contexts"] = ["ext-queues", "ext-group", "ext-local", "from-did-direct"]
    config["routes"] = {
        "sales": config["routes"]["sales"] | {"fallback": [], "ringing": {"timeout_s": 25, "if_busy": "skip"}},
        "to-places": route(config, {"type": "dialplan"}),
        "to_queues": route(config, {"type": "queue"}),
        "numbers": route(config, {"type": "number"}),
    }


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig() -> AsyncIterator[Rig]:
    listen = f"127.0.0.1:{free_port('127.0.0.1', socket.SOCK_STREAM)}"

    def by_both_doors(config: Config) -> None:
        on_freepbx(config)
        config["agi"] = {"listen": listen}

    async with running(by_both_doors, configure=PBX.write) as rig:
        await rig.asterisk.cli(f"dialplan set global AGI_ROUTER_HOST {listen}")
        await PBX.fill_astdb(rig.asterisk.cli)
        yield rig


async def calling(rig: Rig, did: str = SALES, to: str = ADA, *, door: str = ARI_DOOR, **how: Any) -> OutgoingCall:
    """A customer calls the DID; the API answers `to`, in the form of the DID's route."""
    rig.api.answers |= {SEARCH: calls_of_user(to), ANSWER: Answer(body={"to": to})}
    return await rig.carrier.call(door + did, caller=CALLER, **how)


async def talking(caller: OutgoingCall, phone: Phone, tone_hz: int) -> IncomingCall:
    """The phone rings and is picked up; both hear each other."""
    ringing = await phone.next_call()
    await ringing.answer()
    assert await caller.hears(tone_hz, 0.3)
    assert await ringing.hears(CALLERS_HZ, 0.3)
    return ringing


async def lamp(rig: Rig, extension: str, state: str) -> None:
    """Wait until the lamps of this extension show the state."""
    async with asyncio.timeout(PATIENCE_S):
        while f"State:{state} " not in await rig.asterisk.cli(f"core show hint {extension}"):
            await asyncio.sleep(0.02)  # Asterisk's command line has no event to wait for


async def dials(rig: Rig, ada: Phone, code: str, *, dnd: bool) -> None:
    """Ada dials a code, and the router hears what came of it, and that her phone is free again."""
    await (await ada.call(code)).ended()
    await rig.stands(ADA, dnd=dnd)
    await rig.idle()


@DOORS
async def test_a_call_of_an_inbound_route_rings_every_phone_of_the_extension(rig: Rig, door: str) -> None:
    async with rig.user("101", ADAS_HZ) as desk, rig.user("101", BOBS_HZ) as mobile:
        caller = await calling(rig, door=door)
        ringing, also = await desk.next_call(), await mobile.next_call()
        assert ringing.caller_number == CALLER
        await ringing.answer()
        await also.cancelled()
        assert await caller.hears(ADAS_HZ, 0.3)
        assert await ringing.hears(CALLERS_HZ, 0.3)
        await lamp(rig, "101", "InUse")
        await caller.hang_up()
        assert (await ringing.ended()).how == "bye"
        await rig.idle()
    record = await rig.newest()
    assert (record.route, record.called_number, record.caller_number) == ("sales", door + SALES, CALLER)
    assert record.door == ("agi" if door == AGI_DOOR else "ari")
    assert (record.disposition, record.answered_by, record.agent) == (Disposition.ANSWERED, "PJSIP/101", ADA)


@DOORS
async def test_a_withheld_number_is_withheld_from_api_and_phone_although_freepbx_shows_it(rig: Rig, door: str) -> None:
    async with rig.user("101", ADAS_HZ) as ada:
        caller = await calling(rig, withheld=True, door=door)
        ringing = await talking(caller, ada, ADAS_HZ)
        assert CALLER[2:] not in str(ringing.headers)
        await caller.hang_up()
        await rig.idle()
    assert CALLER[2:] not in str(rig.api.requests[-1].query)
    record = await rig.newest()
    assert (record.caller_withheld, record.caller_number) == (True, "")


@DOORS
async def test_a_withheld_number_stays_withheld_where_an_answer_leads_into_freepbx(rig: Rig, door: str) -> None:
    async with rig.user("102", BOBS_HZ) as bob:
        caller = await calling(rig, PLACES, "ext-local,102", withheld=True, door=door)
        ringing = await talking(caller, bob, BOBS_HZ)
        assert CALLER[2:] not in str(ringing.headers)
        await caller.hang_up()
        await rig.idle()


@DOORS
@pytest.mark.parametrize("why", ["nobody answers", "the router is down"])
async def test_whom_the_router_cannot_help_goes_where_the_custom_destination_says(
    rig: Rig, door: str, why: str
) -> None:
    if why == "the router is down":
        await rig.router.stop()
    async with rig.user("102", BOBS_HZ) as bob:  # whom queue 600 rings
        caller = await calling(rig, door=door)  # no phone of Ada's is there
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


@DOORS
async def test_a_custom_destination_without_return_ends_in_the_fallback_of_agi_router_conf(rig: Rig, door: str) -> None:
    caller = await calling(rig, NO_RETURN, door=door)
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


@DOORS
async def test_a_number_that_leads_into_freepbx_has_its_follow_me(rig: Rig, door: str) -> None:
    async with rig.user("101", ADAS_HZ) as ada, rig.user("102", BOBS_HZ) as bob:
        caller = await calling(rig, NUMBERS, "*101", door=door)
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


@DOORS
async def test_members_of_a_queue_of_freepbx_ring_for_a_step_of_the_router(rig: Rig, door: str) -> None:
    async with rig.user("102", BOBS_HZ) as bob:
        caller = await calling(rig, QUEUES, "support", door=door)
        ringing = await talking(caller, bob, BOBS_HZ)
        await ringing.hang_up()
        await rig.idle()
    record = await rig.newest()
    assert (record.disposition, record.answered_by, record.agent) == (Disposition.ANSWERED, "PJSIP/102", "77")


@DOORS
async def test_whom_a_queue_did_not_serve_goes_on_to_the_custom_destinations(rig: Rig, door: str) -> None:
    async with rig.user("103", CAROLS_HZ) as carol:
        caller = await calling(rig, QUEUES, "hasty", door=door)
        await talking(caller, carol, CAROLS_HZ)
        await caller.hang_up()
        await rig.idle()


@DOORS
async def test_who_dialled_the_code_of_do_not_disturb_is_not_rung(rig: Rig, door: str) -> None:
    async with rig.user("101", ADAS_HZ) as ada, rig.user("102", BOBS_HZ) as bob:
        await dials(rig, ada, "*78", dnd=True)
        caller = await calling(rig, door=door)
        await talking(caller, bob, BOBS_HZ)  # by queue 600
        await caller.hang_up()
        await rig.idle()
        assert ada.received == []
        await dials(rig, ada, "*79", dnd=False)
        caller = await calling(rig, door=door)
        await talking(caller, ada, ADAS_HZ)
        await caller.hang_up()
        await rig.idle()


async def test_do_not_disturb_by_the_router_is_for_its_own_calls_and_lamps_and_not_for_what_freepbx_rings(
    rig: Rig,
) -> None:
    agents = partial(Command(rig.router.config_path), "agents")
    async with rig.user("101", ADAS_HZ) as ada, rig.user("102", BOBS_HZ) as bob:
        assert (await agents("dnd", "101", "on", "--json")).json["dnd"] is True
        await lamp(rig, "101", "InUse")
        assert "DND" not in await rig.asterisk.cli("database show DND")
        caller = await calling(rig)
        await talking(caller, bob, BOBS_HZ)  # by queue 600
        await caller.hang_up()
        await rig.idle()
        assert ada.received == []
        caller = await calling(rig, PLACES, "from-did-direct,101")
        await talking(caller, ada, ADAS_HZ)
        await caller.hang_up()
        await rig.idle()
        await dials(rig, ada, "*79", dnd=False)
        assert (await agents("--json")).json["agents"][0]["dnd"] is False


@DOORS
async def test_a_recording_that_the_inbound_route_began_has_both_sides_of_the_talk(rig: Rig, door: str) -> None:
    async with rig.user("101", ADAS_HZ) as ada:
        caller = await calling(rig, RECORDED, door=door)
        await talking(caller, ada, ADAS_HZ)
        await caller.hang_up()
        await rig.idle()
    (recording,) = (rig.asterisk.spool_dir / "monitor").glob(f"in-{door}*.wav")
    async with asyncio.timeout(PATIENCE_S):
        while is_open(rig.asterisk.pid, recording):
            await asyncio.sleep(0.02)  # MixMonitor() writes on for a moment when its channel is gone
    with wave.open(str(recording)) as file:
        samples = array("h", file.readframes(file.getnframes()))
    audio = bytes(encode(sample) for sample in samples)
    assert all(share(audio, tone_hz) > 0.2 for tone_hz in (ADAS_HZ, CALLERS_HZ))


def is_open(pid: int, path: Path) -> bool:
    """Whether the process has this file open."""
    wanted = path.stat()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            if os.path.samestat(descriptor.stat(), wanted):
                return True
    return False


@pytest.mark.parametrize(
    ("door", "did", "transfers"), [(ARI_DOOR, SALES, False), (AGI_DOOR, SALES, True), (ARI_DOOR, OWN, True)]
)
async def test_codes_pressed_in_a_talk_are_freepbxs_only_where_a_dial_runs(
    rig: Rig, door: str, did: str, transfers: bool
) -> None:
    async with rig.user("101", ADAS_HZ) as ada, rig.user("102", BOBS_HZ) as bob:
        caller = await calling(rig, did, door=door)
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


@DOORS
async def test_whoever_is_outside_has_no_codes(rig: Rig, door: str) -> None:
    async with Phone.provider(rig.asterisk.layout, tone_hz=ADAS_HZ) as outside, rig.user("102", BOBS_HZ) as bob:
        caller = await calling(rig, NUMBERS, "*9", door=door)
        picked_up = await talking(caller, outside, ADAS_HZ)
        for digit in "##102":
            await picked_up.press(digit)
        assert await caller.hears(ADAS_HZ, 0.3)
        assert bob.received == []
        await caller.hang_up()
        await rig.idle()


@DOORS
async def test_a_caller_is_parked_by_a_transfer_and_taken_up_elsewhere(rig: Rig, door: str) -> None:
    async with rig.user("101", ADAS_HZ) as ada, rig.user("102", BOBS_HZ) as bob:
        caller = await calling(rig, door=door)
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
    await rig.idle()
