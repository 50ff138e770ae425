"""Audio of one call: a tone goes out, and what comes in is listened to. RTP (RFC 3550) with G.711 mu-law."""

import asyncio
import secrets
import struct
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

from sandbox.layout import Peer
from sandbox.phone.dtmf import PAYLOAD_TYPE, EventPacket, key_of, telephone_event
from sandbox.tone import SAMPLE_RATE, is_sound, one_second, share

FRAME_S = 0.02
FRAME_SAMPLES = int(SAMPLE_RATE * FRAME_S)
PCMU = 0
DOMINANT = 0.5  # a tone with more than half of the power: there can be only one
LATE_FRAMES = 25
"""A mixing bridge fills what comes late with silence: so long a phone may stand still whose machine has much to do."""

MOST_BYTES = 2048

_HEADER = struct.Struct("!BBHII")
_MIRRORED = {"sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}


class MediaError(Exception):
    """The other side's session description is none that this phone can use."""


@dataclass(eq=False)
class _Listener:
    """Somebody waits until a tone, or a chord, has been the dominant one in so many frames, one after the other.

    Silence of up to LATE_FRAMES between them is no break; another sound is. Without any frequency he waits for sound of
    any kind, without silence.
    """

    frequencies_hz: tuple[int, ...]
    frames: int
    heard: asyncio.Event = field(default_factory=asyncio.Event)
    in_a_row: int = 0
    silent: int = 0

    def hear(self, audio: bytes) -> None:
        self.silent = 0 if is_sound(audio) else self.silent + 1
        if self.frequencies_hz and 0 < self.silent <= LATE_FRAMES:
            return
        tones = sum(share(audio, frequency) for frequency in self.frequencies_hz)
        is_there = tones > DOMINANT if self.frequencies_hz else is_sound(audio)
        self.in_a_row = self.in_a_row + 1 if is_there else 0
        if self.in_a_row >= self.frames:
            self.heard.set()


class Media(asyncio.DatagramProtocol):
    """One RTP port. With `tone_hz` None it sends nothing."""

    local: Peer

    def __init__(self, tone_hz: int | None) -> None:
        self._tone = None if tone_hz is None else one_second(tone_hz)
        self._remote: Peer | None = None
        self._own_direction = "sendrecv"
        self._direction = "sendrecv"
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._next_frame_at = 0.0
        self._frame = 0
        self._event_type: int | None = PAYLOAD_TYPE  # None: the other side takes no telephone events
        self._keys: deque[EventPacket] = deque()
        self._key_from = 0
        self._source = secrets.randbits(32)
        self._session = secrets.randbits(31)
        self._listeners: set[_Listener] = set()
        self.frames_received = 0
        self.keys_received = ""
        self._last: list[bytes] = []  # what nobody had read when it was closed
        self._last_key_from: int | None = None
        self._key_received = asyncio.Event()

    @classmethod
    async def open(cls, address: str, tone_hz: int | None) -> Self:
        """Listen on a free port of `address`."""
        loop = asyncio.get_running_loop()
        _, media = await loop.create_datagram_endpoint(lambda: cls(tone_hz), local_addr=(address, 0))
        return media

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        """Asyncio has bound the port."""
        self._transport = transport
        self.local = transport.get_extra_info("sockname")

    def close(self) -> None:
        """Send and listen no more. What has come by now is heard, also by who listens to it only then.

        A phone that stood still has its call's last seconds and its end before it at once.
        """
        if self._timer is not None:
            self._timer.cancel()
        if self._transport.is_closing():
            return
        unread = self._transport.get_extra_info("socket").dup()
        with unread, suppress(OSError):  # BlockingIOError: that was all
            while True:
                data, peer = unread.recvfrom(MOST_BYTES)
                if (audio := _audio(data)) is not None:
                    self._last.append(audio)
                self.datagram_received(data, peer)
        self._transport.close()

    def hold(self, direction: str | None) -> None:
        """Send nothing, and offer this direction (sendonly, inactive) from now on; None ends it."""
        self._own_direction = direction or "sendrecv"
        self._direction = "sendrecv"  # what the other side said before is no answer to what we offer now

    def description(self) -> bytes:
        """Our side of the session, as SDP (RFC 4566): an offer, or the answer to what `connect` was given."""
        held = self._own_direction != "sendrecv"
        direction = self._own_direction if held else _MIRRORED.get(self._direction, "sendrecv")
        address, port = self.local
        event = self._event_type
        types = f"{PCMU}" if event is None else f"{PCMU} {event}"
        keys = () if event is None else (f"a=rtpmap:{event} telephone-event/{SAMPLE_RATE}", f"a=fmtp:{event} 0-15")
        lines = (
            "v=0",
            f"o=- {self._session} {self._session} IN IP4 {address}",
            "s=-",
            f"c=IN IP4 {address}",
            "t=0 0",
            f"m=audio {port} RTP/AVP {types}",
            f"a=rtpmap:{PCMU} PCMU/{SAMPLE_RATE}",
            *keys,
            f"a={direction}",
        )
        return "".join(f"{line}\r\n" for line in lines).encode()

    def connect(self, description: bytes) -> None:
        """Send to where the other side's SDP says. Raises MediaError when it offers no mu-law audio."""
        if self._transport.is_closing():  # a response that crossed the end of the call
            return
        address, port = "", 0
        self._direction = "sendrecv"
        self._event_type = None
        for line in description.decode().splitlines():
            match line.split():
                case [first, "IP4", host] if first == "c=IN":
                    address = host
                case ["m=audio", audio_port, "RTP/AVP", *codecs] if str(PCMU) in codecs:
                    port = int(audio_port)
                case ["a=sendonly" | "a=recvonly" | "a=inactive" as direction]:
                    self._direction = direction.removeprefix("a=")
                case [rtpmap, encoding] if encoding.startswith("telephone-event/"):
                    self._event_type = int(rtpmap.removeprefix("a=rtpmap:"))
        if not address or not port:
            raise MediaError(f"No mu-law audio in this session description: {description.decode()!r}")
        self._remote = (address, port)
        if self._tone is not None:
            self._begin_to_send()

    def press(self, digit: str) -> None:
        """Press a key: its packets take the place of the tone. Raises MediaError when the other side takes none."""
        if self._remote is None or self._event_type is None:
            raise MediaError("The other side takes no telephone events in RTP. Press the key by SIP INFO.")
        self._keys.extend(telephone_event(digit, FRAME_SAMPLES))
        self._begin_to_send()

    async def hears(self, frequencies_hz: tuple[int, ...], seconds: float, timeout_s: float) -> bool:
        """Whether, from now on, these tones dominate together for `seconds` without a break, within `timeout_s`.

        Silence of up to half a second is no break. Without any tone: whether there is sound, and no silence.
        """
        listener = _Listener(frequencies_hz, max(1, round(seconds / FRAME_S)))
        if self._transport.is_closing():
            for audio in self._last:
                listener.hear(audio)
            return listener.heard.is_set()
        self._listeners.add(listener)
        try:
            async with asyncio.timeout(timeout_s):
                await listener.heard.wait()
        except TimeoutError:
            return False
        finally:
            self._listeners.discard(listener)
        return True

    async def receives(self, keys: str, timeout_s: float) -> bool:
        """Whether, since the call began, exactly these keys come in, within `timeout_s`."""
        try:
            async with asyncio.timeout(timeout_s):
                while len(self.keys_received) < len(keys):
                    self._key_received.clear()
                    await self._key_received.wait()
        except TimeoutError:
            return False
        return self.keys_received == keys

    def datagram_received(self, data: bytes, peer: Peer) -> None:  # noqa: ARG002 - asyncio's signature
        """Hand a frame to who listens. RTCP and what is no mu-law falls through the payload type."""
        if len(data) > _HEADER.size and data[1] & 0x7F == self._event_type:
            self._receive_key(data)
        audio = _audio(data)
        if audio is None:
            return
        self.frames_received += 1
        for listener in self._listeners:
            listener.hear(audio)

    def _receive_key(self, data: bytes) -> None:
        """All packets of a key have one timestamp; the last one comes more than once."""
        key, key_from = key_of(data[_HEADER.size :]), _HEADER.unpack_from(data)[3]
        if key is not None and key_from != self._last_key_from:
            self._last_key_from = key_from
            self.keys_received += key
            self._key_received.set()

    def error_received(self, exc: Exception) -> None:
        """The other side's port is gone: it ends the call by SIP, not here."""

    def _begin_to_send(self) -> None:
        if self._timer is None:
            self._next_frame_at = self._loop.time()
            self._send_frame()

    def _send_frame(self) -> None:
        if self._own_direction == "sendrecv" and self._direction in {"sendrecv", "recvonly"}:
            if self._keys:
                self._send_key(self._keys.popleft())
            elif self._tone is not None:
                offset = self._frame * FRAME_SAMPLES % len(self._tone)
                self._send(PCMU, self._frame, self._tone[offset : offset + FRAME_SAMPLES])
        self._frame += 1
        # By the clock, not by the last frame: what was late is caught up, so that no frame is missing at the far end.
        self._next_frame_at += FRAME_S
        self._timer = self._loop.call_at(self._next_frame_at, self._send_frame)

    def _send_key(self, key: EventPacket) -> None:
        if key.marker:
            self._key_from = self._frame
        self._send((self._event_type or PAYLOAD_TYPE) | key.marker, self._key_from, key.payload)

    def _send(self, payload_type: int, from_frame: int, payload: bytes) -> None:
        sequence, timestamp = self._frame & 0xFFFF, from_frame * FRAME_SAMPLES & 0xFFFFFFFF
        header = _HEADER.pack(0x80, payload_type, sequence, timestamp, self._source)
        self._transport.sendto(header + payload, self._remote)


def _audio(packet: bytes) -> bytes | None:
    """The frame in an RTP packet; None of RTCP, of a key, and of what is no mu-law."""
    return packet[_HEADER.size :] if len(packet) > _HEADER.size and packet[1] & 0x7F == PCMU else None
