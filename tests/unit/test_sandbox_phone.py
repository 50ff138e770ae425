"""The phone's small parts: credentials, sessions, addresses."""

import asyncio
import struct

import pytest
from sipmessage import URI, AuthChallenge, Request, Response

from sandbox import tone
from sandbox.layout import claim_network, try_claim
from sandbox.phone.digest import authorize
from sandbox.phone.media import Media, MediaError
from tests.patience import PATIENCE_S


def test_credentials_without_qop_are_the_hash_of_secret_nonce_and_request() -> None:
    request = Request("GET", URI.parse("sip:registrar.example"))
    challenge = Response(401, "Unauthorized")
    challenge.www_authenticate = AuthChallenge.parse('Digest realm="r", nonce="n", opaque="o", algorithm=MD5')
    authorize(request, challenge, "ada", "secret")
    assert request.authorization is not None
    assert request.authorization.parameters is not None
    # printf 'ada:r:secret' | md5sum, printf 'GET:sip:registrar.example' | md5sum, and both with the nonce between
    assert request.authorization.parameters["response"] == "e83979162e01c9f62feff5fb0216def1"
    assert request.authorization.parameters["opaque"] == "o"


def test_a_response_without_a_challenge_is_refused_with_a_hint() -> None:
    with pytest.raises(ValueError, match=r"pjsip\.conf"):
        authorize(Request("REGISTER", URI.parse("sip:a")), Response(401, "Unauthorized"), "ada", "secret")


async def test_a_session_without_mu_law_is_refused() -> None:
    media = await Media.open("127.0.0.1", tone_hz=None)
    with pytest.raises(MediaError, match="No mu-law audio"):
        media.connect(b"v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP 8\r\n")
    media.close()


@pytest.mark.parametrize(
    ("between", "is_heard"),
    [([None] * 25, True), ([None] * 26, False), ([700], False), ([1000], True)],
    ids=["stood still", "silence", "another sound", "no break"],
)
async def test_a_tone_goes_on_over_what_a_phone_that_stood_still_did_not_send(
    between: list[int | None], is_heard: bool
) -> None:
    media = await Media.open("127.0.0.1", tone_hz=None)
    heard = asyncio.create_task(media.hears((1000,), 0.2, timeout_s=0.05))
    await asyncio.sleep(0)
    for frequency in [1000] * 5 + between + [1000] * 5:
        frame = bytes([tone.SILENCE]) * 160 if frequency is None else tone.one_second(frequency)[:160]
        media.datagram_received(bytes(12) + frame, ("127.0.0.1", 4000))
    assert await heard is is_heard
    media.close()


class Ear(asyncio.DatagramProtocol):
    """The other end of the audio."""

    def __init__(self) -> None:
        self.packets: asyncio.Queue[bytes] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.packets.put_nowait(data)


async def test_a_key_is_one_event_with_one_timestamp_and_an_end_that_is_sent_three_times() -> None:
    transport, ear = await asyncio.get_running_loop().create_datagram_endpoint(Ear, local_addr=("127.0.0.1", 0))
    media = await Media.open("127.0.0.1", tone_hz=None)
    port = transport.get_extra_info("sockname")[1]
    description = f"c=IN IP4 127.0.0.1\r\nm=audio {port} RTP/AVP 0 96\r\na=rtpmap:96 telephone-event/8000\r\n"
    media.connect(description.encode())
    assert b"RTP/AVP 0 96" in media.description()
    media.press("#")
    packets = [struct.unpack("!BBHIIBBH", await asyncio.wait_for(ear.packets.get(), PATIENCE_S)) for _ in range(8)]
    media.close()
    transport.close()
    _, types, sequences, timestamps, _, codes, ends, durations = zip(*packets, strict=True)
    assert types == (0x80 | 96, *[96] * 7)
    assert [sequence - sequences[0] for sequence in sequences] == list(range(8))
    assert len(set(timestamps)) == 1
    assert set(codes) == {11}
    assert [bool(end & 0x80) for end in ends] == [False] * 5 + [True] * 3
    assert durations == (160, 320, 480, 640, 800, 800, 800, 800)


async def test_a_key_cannot_be_pressed_in_a_session_without_telephone_events() -> None:
    media = await Media.open("127.0.0.1", tone_hz=None)
    media.connect(b"c=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP 0\r\n")
    with pytest.raises(MediaError, match="INFO"):
        media.press("1")
    media.close()


def test_a_network_has_one_owner_at_a_time() -> None:
    network = claim_network()
    assert try_claim(network.prefix) is None
    network.release()
    again = try_claim(network.prefix)
    assert again is not None
    again.release()
