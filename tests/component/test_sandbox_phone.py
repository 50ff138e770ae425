"""Two phones, wire to wire: what SIP over UDP asks of them, without an Asterisk between."""

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Literal

import pytest
from sipmessage import Message

from sandbox.demo.phone import stay_registered, take
from sandbox.demo.reports import Report, read
from sandbox.layout import claim_network
from sandbox.phone import Ending, Phone
from sandbox.phone.calls import CallError
from sandbox.phone.media import FRAME_SAMPLES, Media
from sandbox.phone.transactions import ServerTransaction, SipSocket
from sandbox.tone import one_second

Pair = tuple[Phone, Phone]


@pytest.fixture
async def phones() -> AsyncIterator[Pair]:
    """Ann, who can call Ben directly."""
    network = claim_network()
    address = f"{network.prefix}.2"
    async with (
        Phone("ben", server=(address, 9), address=address, tone_hz=1000) as ben,
        Phone("ann", server=ben.sip.local, address=address, tone_hz=500) as ann,
    ):
        yield ann, ben
    network.release()


class Wire(asyncio.DatagramProtocol):
    """A bare UDP socket: what comes in is queued as text."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[str] = asyncio.Queue()
        self._last = ""

    async def news(self) -> str:
        """The next that is not the last once more: what is not answered within half a second is sent again."""
        while (text := await self.heard.get()) == self._last:
            pass
        self._last = text
        return text

    def datagram_received(self, data: bytes, peer: tuple[str, int]) -> None:
        self.heard.put_nowait(data.decode())


@pytest.fixture
async def wire(phones: Pair) -> AsyncIterator[tuple[asyncio.DatagramTransport, Wire]]:
    """Connected to Ben."""
    transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
        Wire, remote_addr=phones[1].sip.local, local_addr=(phones[1].sip.local[0], 0)
    )
    yield transport, protocol
    transport.close()


def request(method: str, branch: str = "z9hG4bK1", to_tag: str = "", sequence: int = 1, fragment: str = "") -> bytes:
    body = "v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 9 RTP/AVP 0\r\n" if method == "INVITE" else fragment
    return (
        f"{method} sip:ben@x SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;rport;branch={branch}\r\n"
        f"From: <sip:wire@x>;tag=w\r\nTo: <sip:ben@x>{to_tag and f';tag={to_tag}'}\r\nCall-ID: wired\r\n"
        f"CSeq: {sequence} {method}\r\nContact: <sip:wire@127.0.0.1:9>\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


async def test_callee_hangs_up_with_a_reason_that_the_caller_sees(phones: Pair) -> None:
    ann, ben = phones
    call = await ann.call("ben")
    ringing = await ben.next_call()
    await ringing.answer()
    await call.answered()
    await ringing.hang_up("Q.850;cause=16")
    assert await call.ended() == Ending("bye", "Q.850;cause=16")
    assert await ringing.ended() == Ending("hung_up", "Q.850;cause=16")


async def test_early_media_is_heard_before_the_answer(phones: Pair) -> None:
    ann, ben = phones
    call = await ann.call("ben")
    ringing = await ben.next_call()
    await ringing.send_early_media()
    await call.progressed(183)
    assert await call.hears(1000, 0.2)
    assert await ringing.hears(500, 0.2)
    with pytest.raises(CallError, match="not answered"):
        await call.hang_up()
    await ringing.reject(480)
    assert await call.final_status() == 480
    # What is not answered within half a second is sent again, and answered again.
    assert list(dict.fromkeys(progress.status for progress in call.progress)) == [100, 183, 480]


async def test_what_has_come_by_the_end_of_a_call_is_heard_also_after_it() -> None:
    network = claim_network()
    address = f"{network.prefix}.2"
    media = await Media.open(address, None)
    tone = one_second(1000)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far_end:
        for at in range(0, len(tone), FRAME_SAMPLES):
            far_end.sendto(bytes(12) + tone[at : at + FRAME_SAMPLES], media.local)
    waiting = asyncio.create_task(media.hears((1000,), 0.5, 15.0))
    await asyncio.sleep(0)
    media.close()
    assert await waiting
    assert await media.hears((1000,), 0.5, 15.0)
    assert not await media.hears((500,), 0.5, 15.0)
    network.release()


async def test_caller_cancels_and_both_see_it(phones: Pair) -> None:
    ann, ben = phones
    call = await ann.call("ben")
    ringing = await ben.next_call()
    await ringing.ring()
    await call.cancel('SIP;cause=200;text="Call completed elsewhere"')
    assert await ringing.cancelled() == 'SIP;cause=200;text="Call completed elsewhere"'
    assert await call.final_status() == 487
    with pytest.raises(CallError, match="answered or over already"):
        await ringing.answer()


async def test_a_phone_of_the_demo_outlives_a_caller_who_gives_up_as_it_begins_to_ring(
    phones: Pair, capsys: pytest.CaptureFixture[str]
) -> None:
    ann, ben = phones
    call = await ann.call("ben")
    coming = await ben.next_call()
    await call.cancel('SIP;cause=487;text="gone"')
    assert await coming.cancelled()
    await take(coming, answer_after_s=0)
    assert [read(line.encode()) for line in capsys.readouterr().out.splitlines()] == [
        Report("rings", "ann"),
        Report("ended", 'SIP;cause=487;text="gone"'),
    ]


async def test_an_answer_that_crosses_the_cancel_is_hung_up(phones: Pair) -> None:
    ann, ben = phones
    call = await ann.call("ben")
    ringing = await ben.next_call()
    await asyncio.gather(ringing.answer(), call.cancel())
    assert await call.final_status() == 200
    assert await ringing.ended() == Ending("bye")


async def test_a_redirect_names_its_target(phones: Pair) -> None:
    ann, ben = phones
    call = await ann.call("ben")
    await (await ben.next_call()).redirect("sip:+19005550100@elsewhere.example")
    response = await call.final_response()
    assert (response.code, response.headers["Contact"]) == (302, "<sip:+19005550100@elsewhere.example>")


async def test_a_withheld_caller_is_anonymous_in_from_and_known_to_the_network(phones: Pair) -> None:
    ann, ben = phones
    await ann.call("ben", caller="+14155550177", withheld=True, headers={"X-Campaign": "12"})
    ringing = await ben.next_call()
    assert (ringing.caller_name, ringing.caller_number) == ("Anonymous", "anonymous")
    assert "+14155550177" in ringing.headers["P-Asserted-Identity"]
    assert (ringing.headers["Privacy"], ringing.headers["X-Campaign"]) == ("id", "12")


async def test_a_phone_that_leaves_ends_its_calls(phones: Pair) -> None:
    _, ben = phones
    async with Phone("cat", server=ben.sip.local, address=ben.sip.local[0]) as cat:
        await cat.call("ben")
        ringing = await ben.next_call()
        await cat.call("ben")
        talking = await ben.next_call()
        await talking.answer()
    assert (await ringing.ended()).how == "cancel"
    assert (await talking.ended()).how == "bye"


async def test_an_invite_that_comes_twice_is_one_call_and_gets_the_same_answer_twice(
    phones: Pair, wire: tuple[asyncio.DatagramTransport, Wire]
) -> None:
    _, ben = phones
    transport, heard = wire[0], wire[1].heard
    transport.sendto(request("INVITE"))
    ringing = await ben.next_call()
    assert "100 Trying" in await heard.get()
    await ringing.ring()
    first = await heard.get()
    transport.sendto(request("INVITE"))
    assert await heard.get() == first
    assert ben.received == [ringing]


async def test_an_answer_is_repeated_until_it_is_acknowledged(
    phones: Pair, wire: tuple[asyncio.DatagramTransport, Wire]
) -> None:
    _, ben = phones
    transport, heard = wire[0], wire[1].heard
    transport.sendto(request("INVITE"))
    ringing = await ben.next_call()
    await heard.get()
    answering = asyncio.create_task(ringing.answer())
    first = await heard.get()
    assert "200 OK" in first
    assert await heard.get() == first
    transport.sendto(request("ACK", branch="z9hG4bK2"))
    await answering
    tag = ringing.invite.to_address.parameters.get("tag") or first.split("To: ")[1].split("tag=")[1].split("\r\n")[0]
    transport.sendto(request("INVITE", branch="z9hG4bK3", to_tag=tag, sequence=2))
    reinvited = await heard.get()
    assert "200 OK" in reinvited
    assert "m=audio" in reinvited
    transport.sendto(request("ACK", branch="z9hG4bK4", to_tag=tag, sequence=2))
    transport.sendto(request("BYE", branch="z9hG4bK5", to_tag=tag, sequence=3))
    assert "200 OK" in await heard.get()
    assert await ringing.ended() == Ending("bye")


async def test_a_cancel_of_nothing_and_a_bye_of_nothing_get_481(
    phones: Pair, wire: tuple[asyncio.DatagramTransport, Wire]
) -> None:
    transport, heard = wire[0], wire[1].heard
    transport.sendto(request("CANCEL"))
    assert "481" in await heard.get()
    transport.sendto(request("BYE", to_tag="nobody"))
    assert "481" in await heard.get()


Direction = Literal["sendonly", "inactive"]


@pytest.mark.parametrize("direction", ["sendonly", "inactive"])
async def test_a_call_on_hold_is_silent_until_it_is_resumed(phones: Pair, direction: Direction) -> None:
    ann, ben = phones
    call = await ann.call("ben")
    ringing = await ben.next_call()
    await ringing.answer()
    await call.answered()
    assert await ringing.hears(500, 0.1)
    await call.hold(direction)
    assert not await ringing.hears(500, 0.1, timeout_s=0.3)
    assert not await call.hears(1000, 0.1, timeout_s=0.3)
    await call.resume()
    assert await ringing.hears(500, 0.1)
    assert await call.hears(1000, 0.1)


async def test_keys_are_received_once_each(phones: Pair) -> None:
    ann, ben = phones
    call = await ann.call("ben")
    ringing = await ben.next_call()
    await ringing.answer()
    await call.answered()
    for key in "5#5":
        await call.press(key)
    assert await ringing.receives("5#5")
    assert not await call.receives("5", timeout_s=0.1)


async def test_a_transfer_that_is_refused_leaves_the_call_as_it_is(phones: Pair) -> None:
    ann, ben = phones
    call = await ann.call("ben")
    ringing = await ben.next_call()
    with pytest.raises(CallError, match="not answered"):
        await call.transfer("cat")
    await ringing.answer()
    await call.answered()
    with pytest.raises(CallError, match="405"):
        await call.transfer("cat")
    assert await ringing.hears(500, 0.1)


async def test_a_transfer_names_the_call_that_it_replaces_and_hears_how_it_goes(
    phones: Pair, wire: tuple[asyncio.DatagramTransport, Wire]
) -> None:
    _, ben = phones
    transport, heard = wire
    async with Phone("cat", server=ben.sip.local, address=ben.sip.local[0]) as cat:
        other = await cat.call("ben")
        replaced = await ben.next_call()
        await replaced.answer()
        await other.answered()
        host, port = transport.get_extra_info("sockname")
        transport.sendto(request("INVITE").replace(b"127.0.0.1:9>", f"{host}:{port}>".encode()))
        call = await ben.next_call()
        assert "100 Trying" in await heard.news()
        answering = asyncio.create_task(call.answer())
        tag = (await heard.news()).split("To: ")[1].split("tag=")[1].split("\r\n")[0]
        transport.sendto(request("ACK", branch="z9hG4bK2"))
        await answering
        transferring = asyncio.create_task(call.transfer("cat", replaced=replaced))
        refer = Message.parse((await heard.news()).encode())
        cats = other.invite
        assert (
            f"?Replaces={cats.call_id}%3Bto-tag%3D{cats.from_address.parameters['tag']}%3B" in refer.headers["Refer-To"]
        )
        transport.sendto(accepted(refer))
        transfer = await transferring
        for sequence, fragment in enumerate(("SIP/2.0 100 Trying", "SIP/2.0 486 Busy Here"), 2):
            transport.sendto(request("NOTIFY", f"z9hG4bK{sequence + 1}", tag, sequence, fragment))
            assert "200 OK" in await heard.news()
        assert (await transfer.outcome(), transfer.statuses) == (486, [100, 486])


def accepted(refer: Message) -> bytes:
    """202 to this request."""
    names = ("Via", "From", "To", "Call-ID", "CSeq")
    headers = "".join(f"{name}: {refer.headers[name]}\r\n" for name in names)
    return f"SIP/2.0 202 Accepted\r\n{headers}Content-Length: 0\r\n\r\n".encode()


async def test_a_phone_of_the_demo_registers_anew_also_after_a_refusal() -> None:
    """What it is registered for is less than the demo may stay up."""
    answers = iter([(200, "OK"), (503, "Service Unavailable"), (200, "OK")])
    sequences: list[str] = []
    renewed = asyncio.Event()

    def register(received: ServerTransaction) -> None:
        sequences.append(received.request.headers["CSeq"])
        received.respond(received.response(*next(answers, (200, "OK"))))
        if len(sequences) == 3:
            renewed.set()

    network = claim_network()
    registrar = await SipSocket.open(f"{network.prefix}.1", 0, register)
    phone = Phone("ada", server=registrar.local, address=f"{network.prefix}.2", password="secret")
    async with phone:
        staying = asyncio.create_task(stay_registered(phone, 0.001))
        enough = asyncio.create_task(renewed.wait())
        await asyncio.wait([staying, enough], return_when=asyncio.FIRST_COMPLETED)
        assert sequences[:3] == ["1 REGISTER", "2 REGISTER", "3 REGISTER"]
        for task in (staying, enough):
            task.cancel()
        await asyncio.wait([staying, enough])
    registrar.close()
    network.release()
