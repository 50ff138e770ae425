"""The sandbox keeps its promises, and the dialplan that operators include keeps its own, on a real Asterisk."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sandbox import Asterisk, Layout, Phone, Sipp
from sandbox.errors import SandboxError
from sandbox.layout import claim_network
from sandbox.phone.transactions import ServerTransaction
from tests.patience import PATIENCE_S

DID = "+14155550100"
CALLER = "+14155550177"
DIAL = """
[from-phones](+)
exten => bob,1,Dial(PJSIP/bob)
exten => team,1,Dial(PJSIP/ada-desk&PJSIP/bob)
exten => music,1,Answer()
 same => n,MusicOnHold()
[from-carrier](+)
exten => out,1,Dial(PJSIP/trunk)
 same => n,Hangup(${HANGUPCAUSE})
"""


def sockets_of(pid: int) -> list[str]:
    """The local address of each listening or connected IP socket of a process."""
    listing = subprocess.run(["ss", "-Hantup"], capture_output=True, text=True, check=True).stdout
    return [line.split()[4] for line in listing.splitlines() if f"pid={pid}," in line]


@contextlib.asynccontextmanager
async def stasis_app(asterisk: Asterisk) -> AsyncIterator["StasisApp"]:
    """A bare ARI application, the stand-in for the router."""
    headers = {"Authorization": aiohttp.encode_basic_auth(asterisk.ari_username, asterisk.ari_password)}
    async with (
        aiohttp.ClientSession(f"{asterisk.ari_url}/ari/", headers=headers) as session,
        session.ws_connect("events?app=agi-router") as socket,
    ):
        yield StasisApp(session, socket)


class StasisApp:
    def __init__(self, session: aiohttp.ClientSession, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._session = session
        self.socket = socket

    async def event(self, kind: str) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                event: dict[str, Any] = json.loads(await self.socket.receive_str())
                if event["type"] == kind:
                    return event

    async def post(self, path: str, **query: str) -> None:
        async with self._session.post(path, params=query) as response:
            response.raise_for_status()


async def test_no_socket_listens_beyond_loopback_even_during_a_call() -> None:
    async with (
        Asterisk(extra_dialplan=DIAL) as asterisk,
        Phone.user(asterisk.layout, "ada") as ada,
        Phone.user(asterisk.layout, "bob", tone_hz=1000) as bob,
    ):
        call = await ada.call("bob")
        await (await bob.next_call()).answer()
        assert await call.hears(1000, 0.2)
        addresses = sockets_of(asterisk.pid)
        assert len([address for address in addresses if address.startswith(f"{asterisk.address}:")]) >= 4
        assert [address for address in addresses if not address.startswith("127.")] == []


async def test_two_run_side_by_side_each_with_its_own_phones() -> None:
    async with (
        Asterisk() as one,
        Asterisk(numbered_phones=2) as other,
        Phone.user(one.layout, "ada"),
        Phone.user(other.layout, "phone002"),
    ):
        assert one.address != other.address
        assert "ada/sip:ada@" in await one.cli("pjsip show contacts")
        assert "phone002/sip:phone002@" in await other.cli("pjsip show contacts")
        assert "ada/sip:ada@" not in await other.cli("pjsip show contacts")


OWNER = """
import asyncio
from sandbox import Asterisk

async def own() -> None:
    async with Asterisk() as asterisk:
        print(asterisk.pid, flush=True)
        await asyncio.Event().wait()

asyncio.run(own())
"""


async def test_it_ends_when_its_owner_is_killed() -> None:
    owner = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", OWNER), stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    assert owner.stdout is not None
    async with asyncio.timeout(PATIENCE_S):
        asterisk = os.pidfd_open(int(await owner.stdout.readline()))
        try:
            ended = asyncio.Event()
            asyncio.get_running_loop().add_reader(asterisk, ended.set)
            assert not ended.is_set()
            owner.send_signal(signal.SIGKILL)
            await ended.wait()
        finally:
            asyncio.get_running_loop().remove_reader(asterisk)
            os.close(asterisk)
            await owner.wait()


async def test_a_start_that_fails_shows_the_log() -> None:
    async with Asterisk() as asterisk:
        await asterisk.stop()
        (asterisk.config_dir / "modules.conf").write_text("[modules]\nrequire = no_such_module.so\n")
        with pytest.raises(SandboxError, match=r"(?s)ended while it was starting.*no_such_module"):
            await asterisk.start()


async def test_after_a_restart_in_place_the_same_ports_answer_and_phones_are_still_known() -> None:
    async with (
        Asterisk(extra_dialplan=DIAL) as asterisk,
        Phone.user(asterisk.layout, "ada") as ada,
        Phone.user(asterisk.layout, "bob") as bob,
    ):
        call = await ada.call("bob")
        await (await bob.next_call()).answer()
        await call.answered()
        await asterisk.restart()
        assert (await call.ended()).how == "bye"
        call = await ada.call("bob")
        await (await bob.next_call()).answer()
        await call.answered()


async def test_after_a_power_cut_it_starts_again_at_the_same_place() -> None:
    async with Asterisk() as asterisk:
        await asterisk.kill()
        with pytest.raises(SandboxError, match="not running"):
            _ = asterisk.pid
        await asterisk.start()
        async with Phone.user(asterisk.layout, "ada"):
            assert "ada/sip:ada@" in await asterisk.cli("pjsip show contacts")


async def test_an_asterisk_that_crashed_is_told_of_at_its_end() -> None:
    with pytest.raises(SandboxError, match="by itself, with status"):
        async with Asterisk() as asterisk:
            os.kill(asterisk.pid, signal.SIGKILL)
            await asterisk.ended()


async def test_two_phones_hear_each_other_and_not_themselves() -> None:
    async with (
        Asterisk(extra_dialplan=DIAL) as asterisk,
        Phone.user(asterisk.layout, "ada", tone_hz=500) as ada,
        Phone.user(asterisk.layout, "bob", tone_hz=1000) as bob,
    ):
        call = await ada.call("bob")
        ringing = await bob.next_call()
        await ringing.ring()
        await call.progressed(180)
        await ringing.answer()
        await call.answered()
        assert all(await asyncio.gather(call.hears(1000), ringing.hears(500)))
        own = await asyncio.gather(call.hears(500, 0.1, timeout_s=0.5), ringing.hears(1000, 0.1, timeout_s=0.5))
        assert not any(own)
        await ringing.hang_up()
        assert (await call.ended()).how == "bye"


async def test_a_phone_hears_music_on_hold() -> None:
    async with Asterisk(extra_dialplan=DIAL) as asterisk, Phone.user(asterisk.layout, "ada") as ada:
        call = await ada.call("music")
        await call.answered()
        assert await call.hears(620, 0.5)


async def test_the_phone_that_lost_sees_that_it_was_answered_elsewhere() -> None:
    async with (
        Asterisk(extra_dialplan=DIAL) as asterisk,
        Phone.user(asterisk.layout, "ada") as ada,
        Phone.user(asterisk.layout, "ada-desk") as desk,
        Phone.user(asterisk.layout, "bob") as bob,
    ):
        await ada.call("team")
        at_desk, at_bob = await desk.next_call(), await bob.next_call()
        await at_desk.ring()
        await at_bob.answer()
        assert await at_desk.cancelled() == 'SIP;cause=200;text="Call completed elsewhere"'


async def test_sipp_calls_through_to_sipp() -> None:
    async with (
        Asterisk(extra_dialplan=DIAL) as asterisk,
        Sipp.provider(asterisk.layout) as provider,
        Sipp.caller(asterisk.layout, "out", calls=3) as caller,
    ):
        result = await caller.result()
        assert (result.successful, result.failed, result.errors) == (3, 0, "")
        taken = await provider.finish()
        assert (taken.successful, taken.failed) == (3, 0), taken.errors


async def test_sipp_counts_calls_that_found_a_busy_provider_as_failed() -> None:
    async with (
        Asterisk(extra_dialplan=DIAL) as asterisk,
        Sipp.provider(asterisk.layout, "busy"),
        Sipp.caller(asterisk.layout, "out", calls=2) as caller,
    ):
        result = await caller.result()
        assert (result.successful, result.failed) == (0, 2)
        assert "486 Busy Here" in result.errors


@pytest.fixture
def layout() -> Iterator[Layout]:
    """Addresses for sipp and a phone alone."""
    network = claim_network()
    yield network.layout()
    network.release()


async def test_a_sipp_that_was_late_takes_the_call_that_was_sent_again(layout: Layout) -> None:
    trunk = (layout.trunk, layout.trunk_port)
    async with Sipp.provider(layout) as provider, Phone("caller", server=trunk, address=layout.carrier) as caller:
        call = await caller.call("out")
        await call.progressed(180)
        caller.sip.send(call.invite, trunk)
        await call.answered()
        await call.hang_up()
        taken = await provider.finish()
        assert (taken.successful, taken.failed) == (1, 0), taken.errors


class SaysAllTwice(Phone):
    def _on_request(self, transaction: ServerTransaction) -> None:
        super()._on_request(transaction)
        transaction.repeat()


async def test_an_answer_that_comes_again_after_the_end_of_a_sipp_s_call_is_no_error(layout: Layout) -> None:
    here = (layout.asterisk, layout.sip_port)
    async with (
        SaysAllTwice("asterisk", server=here, address=here[0], port=here[1]) as phone,
        Sipp.caller(layout, "in", calls=3, at_once=1) as caller,
    ):
        for _ in range(3):
            await (await phone.next_call()).answer()
        result = await caller.result()
        assert (result.successful, result.failed, result.errors) == (3, 0, "")


async def test_without_a_router_the_call_goes_to_the_static_fallback_at_once() -> None:
    async with Asterisk() as asterisk, Phone.carrier(asterisk.layout) as carrier:
        began = asyncio.get_running_loop().time()
        call = await carrier.call(DID)
        assert await call.final_status() == 503
        assert call.progress[-1].at - began < 5
        await asterisk.until_logged(f"fallback for {DID} (Stasis: FAILED)")


async def test_without_a_router_the_call_reaches_the_operators_fallback() -> None:
    async with (
        Asterisk(route="sales\nAGI_ROUTER_FALLBACK = PJSIP/bob") as asterisk,
        Phone.carrier(asterisk.layout) as carrier,
        Phone.user(asterisk.layout, "bob", tone_hz=1000) as bob,
    ):
        call = await carrier.call(DID)
        await (await bob.next_call()).answer()
        await call.answered()
        assert await call.hears(1000, 0.2)


async def test_a_caller_who_was_given_back_gets_no_answer_rather_than_congestion() -> None:
    async with (
        Asterisk() as asterisk,
        stasis_app(asterisk) as app,
        Phone.carrier(asterisk.layout) as carrier,
    ):
        call = await carrier.call(DID)
        channel = (await app.event("StasisStart"))["channel"]["id"]
        await app.post(f"channels/{channel}/continue")
        assert await call.final_status() == 480
        await asterisk.until_logged(f"fallback for {DID} (Stasis: SUCCESS)")


@pytest.mark.parametrize(
    ("dialled", "withheld", "arguments"),
    [
        (DID, False, ["sales", DID, "allowed_not_screened"]),
        (DID, True, ["sales", DID, "prohib_not_screened"]),
        ("14155550100", False, ["sales", "14155550100", "allowed_not_screened"]),
        ("s", False, ["sales", "", "allowed_not_screened"]),
        ("+1415,other-route,x", False, ["sales", "+1415otherroutex", "allowed_not_screened"]),
    ],
)
async def test_the_router_is_told_route_called_number_and_presentation(
    dialled: str, withheld: bool, arguments: list[str]
) -> None:
    async with (
        Asterisk() as asterisk,
        stasis_app(asterisk) as app,
        Phone.carrier(asterisk.layout) as carrier,
    ):
        await carrier.call(dialled, caller=CALLER, withheld=withheld)
        start = await app.event("StasisStart")
        assert start["args"] == arguments
        assert start["channel"]["caller"]["number"] == CALLER


async def test_the_longest_call_is_bounded_without_a_router_and_does_not_end_in_the_fallback() -> None:
    async with (
        Asterisk(route="sales\nAGI_ROUTER_MAX_SECONDS = 5") as asterisk,
        Phone.carrier(asterisk.layout) as carrier,
    ):
        async with stasis_app(asterisk) as app:
            call = await carrier.call(DID)
            channel = (await app.event("StasisStart"))["channel"]["id"]
            await app.post(f"channels/{channel}/answer")
            await call.answered()
        assert (await call.ended()).how == "bye"
        assert "agi-router: fallback" not in asterisk.log_path.read_text()


async def test_when_the_router_is_gone_one_leg_takes_the_other_with_it() -> None:
    async with (
        Asterisk() as asterisk,
        Phone.carrier(asterisk.layout, tone_hz=500) as carrier,
        Phone.carrier(asterisk.layout, tone_hz=1000) as other,
    ):
        async with stasis_app(asterisk) as app:
            call, peer = await carrier.call(DID), await other.call(DID)
            channels = [(await app.event("StasisStart"))["channel"] for _ in range(2)]
            await app.post("bridges/both", type="mixing")
            for channel, opposite in zip(channels, reversed(channels), strict=True):
                await app.post(f"channels/{channel['id']}/answer")
                await app.post(f"channels/{channel['id']}/variable", variable="AGI_ROUTER_PEER", value=opposite["name"])
                await app.post("bridges/both/addChannel", channel=channel["id"])
            assert await call.hears(1000, 0.2)
        await call.hang_up()
        assert (await peer.ended()).how == "bye"
