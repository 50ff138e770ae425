"""The requests of the stories as ARI operations."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from agi_router.routing.dialplan_place import DialplanPlace
from ari_app.asterisk.client import AriClient
from ari_app.asterisk.events import present_channel
from ari_app.calls.ports import (
    NotFoundError,
    RefusedError,
    Snapshot,
    Telephony,
    TransferOutcome,
    UnreachableError,
)

TRANSFER_STATES: Final[Mapping[TransferOutcome, str]] = {
    TransferOutcome.DONE: "channel_answered",
    TransferOutcome.DECLINED: "channel_declined",
    TransferOutcome.UNAVAILABLE: "channel_unavailable",
}
"""The phone is told 200, 603 and 503 (in a NOTIFY)."""

AFTER_WHAT_SIP_DOES: Final = "CHANNEL(pjsip,call-id)"
"""Read in the thread that handles the SIP of this channel, once that has finished the message that it is at.

Asterisk publishes ChannelTransfer in the middle of the REFER, before it stores what its answer needs: told of an
outcome meanwhile, it crashes (refer_incoming_ari_request in res_pjsip_refer.c of 22.10.1, and of the branches in August
2026). Nothing can be read of a channel that has no SIP dialog any more: then nobody is there to be told.
"""

DEVICES_PER_REQUEST: Final = 20
BEEP = "tone:!1400/300"
"""1400 Hz for 300 ms, once, made by Asterisk itself: it needs no sound file."""


class AriTelephony(Telephony):
    """Talks to whichever client is connected; without one every request raises UnreachableError."""

    def __init__(self, app: str, recording_format: str = "wav") -> None:
        self._app = app
        self.recording_format = recording_format
        self._client: AriClient | None = None
        self._had_one_contact: set[str] = set()

    def use(self, client: AriClient | None) -> None:
        """From now on requests go through this client; None while there is no connection."""
        self._client = client

    @property
    def is_connected(self) -> bool:
        """See Telephony."""
        return self._client is not None

    @property
    def _ari(self) -> Any:
        if self._client is None:
            raise UnreachableError("there is no connection to Asterisk")
        return self._client.swagger

    async def ring(self, channel_id: str) -> None:
        """See Telephony."""
        await self._ari.channels.ring(channelId=channel_id)

    async def stop_ringing(self, channel_id: str) -> None:
        """See Telephony."""
        with suppress(NotFoundError):
            await self._ari.channels.ringStop(channelId=channel_id)

    async def play(self, channel_id: str, playback_id: str, sounds: Sequence[str]) -> None:
        """See Telephony."""
        media = [f"sound:{sound}" for sound in sounds]
        await self._ari.channels.playWithId(channelId=channel_id, playbackId=playback_id, media=media)

    async def play_tone(self, channel_id: str, playback_id: str, tone: str) -> None:
        """See Telephony."""
        await self._ari.channels.playWithId(channelId=channel_id, playbackId=playback_id, media=[f"tone:{tone}"])

    async def stop_playing(self, playback_id: str) -> None:
        """See Telephony."""
        with suppress(NotFoundError):
            await self._ari.playbacks.stop(playbackId=playback_id)

    async def play_music(self, channel_id: str, music_class: str) -> None:
        """See Telephony."""
        named = {"mohClass": music_class} if music_class else {}
        await self._ari.channels.startMoh(channelId=channel_id, **named)

    async def stop_music(self, channel_id: str) -> None:
        """See Telephony."""
        with suppress(NotFoundError):
            await self._ari.channels.stopMoh(channelId=channel_id)

    async def play_silence(self, channel_id: str) -> None:
        """See Telephony."""
        await self._ari.channels.startSilence(channelId=channel_id)

    async def stop_silence(self, channel_id: str) -> None:
        """See Telephony."""
        with suppress(NotFoundError):
            await self._ari.channels.stopSilence(channelId=channel_id)

    async def mute(self, channel_id: str) -> None:
        """See Telephony."""
        await self._ari.channels.mute(channelId=channel_id, direction="in")

    async def unmute(self, channel_id: str) -> None:
        """See Telephony."""
        with suppress(NotFoundError):
            await self._ari.channels.unmute(channelId=channel_id, direction="in")

    async def send_digits(self, channel_id: str, digits: str) -> None:
        """See Telephony."""
        await self._ari.channels.sendDTMF(channelId=channel_id, dtmf=digits)

    async def start_recording(self, bridge_id: str, name: str, longest_s: float) -> None:
        """See Telephony."""
        await self._ari.bridges.record(
            bridgeId=bridge_id,
            name=name,
            format=self.recording_format,
            ifExists="fail",
            maxDurationSeconds=int(longest_s),
        )

    async def stop_recording(self, name: str) -> None:
        """See Telephony."""
        with suppress(NotFoundError):
            await self._ari.recordings.stop(recordingName=name)

    async def pause_recording(self, name: str) -> None:
        """See Telephony."""
        await self._ari.recordings.pause(recordingName=name)

    async def resume_recording(self, name: str) -> None:
        """See Telephony."""
        await self._ari.recordings.unpause(recordingName=name)

    async def play_to_bridge(self, bridge_id: str, playback_id: str, sound: str) -> None:
        """See Telephony."""
        await self._ari.bridges.playWithId(bridgeId=bridge_id, playbackId=playback_id, media=[f"sound:{sound}"])

    async def beep(self, bridge_id: str, playback_id: str) -> None:
        """See Telephony."""
        await self._ari.bridges.playWithId(bridgeId=bridge_id, playbackId=playback_id, media=[BEEP])

    async def answer(self, channel_id: str) -> None:
        """See Telephony."""
        await self._ari.channels.answer(channelId=channel_id)

    async def hang_up(self, channel_id: str, reason: str) -> None:
        """See Telephony."""
        with suppress(NotFoundError):
            await self._ari.channels.hangup(channelId=channel_id, reason=reason)

    async def send_to_dialplan(self, channel_id: str, place: DialplanPlace | None = None) -> None:
        """See Telephony."""
        where = {"context": place.context, "extension": place.exten, "priority": place.priority} if place else {}
        await self._ari.channels.continueInDialplan(channelId=channel_id, **where)

    async def is_playing(self, playback_id: str) -> bool:
        """See Telephony."""
        try:
            await self._ari.playbacks.get(playbackId=playback_id)
        except NotFoundError:
            return False
        return True

    async def subscribe(self, channel_id: str) -> None:
        """See Telephony."""
        await self._ari.applications.subscribe(applicationName=self._app, eventSource=f"channel:{channel_id}")

    async def unsubscribe(self, channel_id: str) -> None:
        """See Telephony. Asterisk answers 404 or 409 for one that is not subscribed."""
        with suppress(NotFoundError, RefusedError):
            await self._ari.applications.unsubscribe(applicationName=self._app, eventSource=f"channel:{channel_id}")

    async def contacts(self, channel_id: str, endpoint: str) -> tuple[str, ...]:
        """See Telephony. Asterisk answers 500 for an endpoint that it does not know."""
        contacts = dial_strings(await self._variable(channel_id, f"PJSIP_DIAL_CONTACTS({endpoint})"), endpoint)
        if len(contacts) == 1:
            self._had_one_contact.add(endpoint)
        else:
            self._had_one_contact.discard(endpoint)
        return contacts

    def had_one_contact(self, endpoint: str) -> bool:
        """See Telephony."""
        return endpoint in self._had_one_contact

    async def create_leg(
        self, channel_id: str, dial_string: str, originator: str | None, variables: Mapping[str, str]
    ) -> None:
        """See Telephony."""
        made_for = {"originator": originator} if originator else {}
        await self._ari.channels.create(
            channelId=channel_id, endpoint=dial_string, app=self._app, variables=dict(variables), **made_for
        )

    async def dial(self, channel_id: str, caller: str | None, timeout_s: float) -> None:
        """See Telephony."""
        shown = {"caller": caller} if caller else {}
        await self._ari.channels.dial(channelId=channel_id, timeout=int(timeout_s), **shown)

    async def create_bridge(self, bridge_id: str) -> None:
        """See Telephony."""
        await self._ari.bridges.createWithId(bridgeId=bridge_id, type="mixing", name=self._app)

    async def add_to_bridge(self, bridge_id: str, channel_ids: Sequence[str], *, introduce: bool = True) -> None:
        """See Telephony."""
        silent = {} if introduce else {"inhibitConnectedLineUpdates": "true"}
        await self._ari.bridges.addChannel(bridgeId=bridge_id, channel=",".join(channel_ids), **silent)

    async def remove_from_bridge(self, bridge_id: str, channel_id: str) -> None:
        """See Telephony. A channel that is not in the bridge is 422, one that is gone 404 (of the bridge) or 400."""
        with suppress(NotFoundError, RefusedError):
            await self._ari.bridges.removeChannel(bridgeId=bridge_id, channel=channel_id)

    async def tell_transferer(self, channel_id: str, outcome: TransferOutcome) -> None:
        """See Telephony."""
        with suppress(NotFoundError):
            if await self.read_variable(channel_id, AFTER_WHAT_SIP_DOES):
                await self._ari.channels.transfer_progress(channelId=channel_id, states=TRANSFER_STATES[outcome])

    async def destroy_bridge(self, bridge_id: str) -> None:
        """See Telephony."""
        with suppress(NotFoundError):
            await self._ari.bridges.destroy(bridgeId=bridge_id)

    async def set_variable(self, channel_id: str, name: str, value: str) -> None:
        """See Telephony."""
        await self._ari.channels.setChannelVar(channelId=channel_id, variable=name, value=value)

    async def read_variable(self, channel_id: str, name: str) -> str:
        """See Telephony. An absent variable is 404 (and so is a channel), an absent SIP header 500."""
        try:
            return await self._variable(channel_id, name)
        except (NotFoundError, RefusedError):
            return ""

    async def _variable(self, channel_id: str, name: str) -> str:
        answer = await self._ari.channels.getChannelVar(channelId=channel_id, variable=name)
        value = (await answer.json()).get("value", "")
        return str(value)

    async def send_text(self, endpoint: str, contact: str, sender: str, text: str) -> None:
        """Send a text message to this contact (a SIP URI) of a PJSIP endpoint, from this user part of an address.

        Asterisk says 202 to whatever it can read, before it has sent anything: also for a host that there is not.
        """
        if self._client is None:
            raise UnreachableError("there is no connection to Asterisk")
        await self._client.send_text(f"pjsip:{endpoint}/{contact}", sender, text)

    async def followed_devices(self) -> frozenset[str]:
        """The devices whose states Asterisk tells the application."""
        app = await (await self._ari.applications.get(applicationName=self._app)).json()
        return frozenset(app["device_names"])

    async def follow_devices(self, devices: Collection[str]) -> None:
        """Have Asterisk tell the states of these devices, too, from their next changes on."""
        for sources in _sources(devices):
            await self._ari.applications.subscribe(applicationName=self._app, eventSource=sources)

    async def unfollow_devices(self, devices: Collection[str]) -> None:
        """Have Asterisk tell the states of these devices no more."""
        for sources in _sources(devices):
            await self._ari.applications.unsubscribe(applicationName=self._app, eventSource=sources)

    async def device_state(self, device: str) -> str:
        """The state of a device, such as PJSIP/ada or Custom:DND101: one of Asterisk's words, like NOT_INUSE."""
        answer = await self._ari.deviceStates.get(deviceName=device)
        return str((await answer.json())["state"])

    async def set_device_state(self, device: str, state: str) -> None:
        """Set the state of a custom device, such as Custom:DND101.

        Asterisk says yes (204) also where it can't: no such function, no such state, a device that is no custom one.
        """
        await self._ari.asterisk.setGlobalVar(variable=f"DEVICE_STATE({device})", value=state)

    async def snapshot(self) -> Snapshot:
        """See Telephony.

        The application lists its channels, but forgets a bridge that has become empty: ours bear its name.
        """
        app = await (await self._ari.applications.get(applicationName=self._app)).json()
        ours = set(app["channel_ids"])
        channels = await (await self._ari.channels.list()).json()
        bridges = await (await self._ari.bridges.list()).json()
        present = {channel["id"]: present_channel(channel) for channel in channels}
        return Snapshot(
            channels={id_: channel for id_, channel in present.items() if id_ in ours},
            elsewhere={id_: channel for id_, channel in present.items() if id_ not in ours},
            bridges={bridge["id"]: frozenset(bridge["channels"]) for bridge in bridges if bridge["name"] == self._app},
        )


def _sources(devices: Collection[str]) -> Iterator[str]:
    """The devices as event sources, so many at a time as fit into a URL."""
    names = sorted(devices)
    for first in range(0, len(names), DEVICES_PER_REQUEST):
        yield ",".join(f"deviceState:{name}" for name in names[first : first + DEVICES_PER_REQUEST])


def dial_strings(contacts: str, endpoint: str) -> tuple[str, ...]:
    """The contacts of PJSIP_DIAL_CONTACTS, joined by &, one by one.

    A phone may register a contact with an & of its own: `sip:a&PJSIP/+19005550123@trunk` must not become a second dial
    string, past the dial policy. So each one begins with the endpoint that was asked for.
    """
    return tuple(filter(None, re.split(f"&(?=PJSIP/{re.escape(endpoint)}/)", contacts)))
