"""ARI's JSON events into the events of the stories. What is not listed here does not concern a call."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

from ari_app.calls.ids import owner
from ari_app.calls.ports import (
    ChannelDestroyed,
    ChannelEntered,
    ChannelEvent,
    ChannelHangingUp,
    ChannelHeld,
    ChannelLeft,
    ChannelProgressing,
    ChannelRedirected,
    ChannelResumed,
    ChannelRinging,
    ChannelUp,
    Consultation,
    DialAnswered,
    KeyPressed,
    PlaybackEnded,
    PresentChannel,
    RecordingOver,
    TransferRequested,
)

UNWANTED = [
    *("ChannelVarset", "ChannelDialplan", "ChannelConnectedLine", "ChannelCallerId"),
    *("ChannelEnteredBridge", "ChannelLeftBridge", "BridgeCreated", "BridgeMerged", "BridgeDestroyed"),
    *("PlaybackStarted", "PlaybackContinuing", "RecordingStarted"),
]
"""Filtered out by Asterisk itself: ChannelVarset alone was 38 of a call's 50 events; of the others bridges made 5."""

_QUOTED_PAIR = re.compile(r'\\(["\\])')
r"""Asterisk gives a SIP name as it stands between its quotes: `Robert \"Bob\" Smith`."""


def channel_event(event: Mapping[str, Any]) -> ChannelEvent | None:
    """Translate one event; None for what no story listens to."""
    translate = TRANSLATIONS.get(event["type"])
    return translate(event) if translate else None


def _entered(event: Mapping[str, Any]) -> ChannelEvent:
    channel = event["channel"]
    return ChannelEntered(
        channel_id=channel["id"],
        name=channel["name"],
        up=channel["state"] == "Up",
        args=tuple(event["args"]),
        caller_number=_printable(channel["caller"]["number"]),
        caller_name=_printable(_QUOTED_PAIR.sub(r"\1", channel["caller"]["name"])),
        replaces=event["replace_channel"]["id"] if "replace_channel" in event else None,
    )


def _key(event: Mapping[str, Any]) -> ChannelEvent:
    return KeyPressed(event["channel"]["id"], event["digit"])


def _held(event: Mapping[str, Any]) -> ChannelEvent:
    return ChannelHeld(event["channel"]["id"])


def _resumed(event: Mapping[str, Any]) -> ChannelEvent:
    return ChannelResumed(event["channel"]["id"])


def _transfer(event: Mapping[str, Any]) -> ChannelEvent | None:
    """The REFER of a phone. What we tell the phone about it comes as an event too, with a `state`."""
    if event.get("state"):
        return None
    target = event["refer_to"]
    requested = target["requested_destination"]
    consultation = None
    if "protocol_id" in requested:
        peer = target.get("connected_channel", {})
        consultation = Consultation(
            channel_id=target.get("destination_channel", {}).get("id"),
            peer_id=peer.get("id"),
            peer_name=peer.get("name", ""),
        )
    dialled = _printable(requested["destination"])
    return TransferRequested(event["referred_by"]["source_channel"]["id"], dialled, consultation)


def _hanging_up(event: Mapping[str, Any]) -> ChannelEvent:
    # Of a soft request (by ARI, SoftHangup() or TIMEOUT) Asterisk's "cause" holds its internal flags, such as 32.
    return ChannelHangingUp(event["channel"]["id"], 0 if event.get("soft") else event.get("cause", 0))


def _left(event: Mapping[str, Any]) -> ChannelEvent:
    return ChannelLeft(event["channel"]["id"])


def _state(event: Mapping[str, Any]) -> ChannelEvent | None:
    channel = event["channel"]
    match channel["state"]:
        case "Ringing":
            return ChannelRinging(channel["id"])
        case "Up":
            return ChannelUp(channel["id"])
        case _:
            return None


def _destroyed(event: Mapping[str, Any]) -> ChannelEvent:
    # tech_cause came with Asterisk 22.
    return ChannelDestroyed(event["channel"]["id"], event["cause"], event.get("tech_cause") or None)


def _dial(event: Mapping[str, Any]) -> ChannelEvent | None:
    peer = event["peer"]
    if event["forward"]:
        return ChannelRedirected(peer["id"], _printable(event["forward"].partition(";")[0]))
    match event["dialstatus"]:
        case "PROGRESS":
            return ChannelProgressing(peer["id"])
        case "ANSWER" if "caller" in event and owner(peer["id"]) is None:  # of our own legs other events tell it
            return DialAnswered(event["caller"]["id"], peer["name"])
        case _:
            return None


def _playback_ended(event: Mapping[str, Any]) -> ChannelEvent | None:
    playback = event["playback"]
    _, _, target = playback["target_uri"].partition(":")
    return PlaybackEnded(target, playback["id"], playback["state"] == "failed")


def _recording_over(event: Mapping[str, Any]) -> ChannelEvent:
    recording = event["recording"]
    return RecordingOver(recording["target_uri"].partition(":")[2], recording["name"])


TRANSLATIONS: dict[str, Callable[[Mapping[str, Any]], ChannelEvent | None]] = {
    "StasisStart": _entered,
    "ChannelDtmfReceived": _key,
    "ChannelHold": _held,
    "ChannelUnhold": _resumed,
    "ChannelTransfer": _transfer,
    "ChannelHangupRequest": _hanging_up,
    "StasisEnd": _left,
    "ChannelStateChange": _state,
    "Dial": _dial,
    "ChannelDestroyed": _destroyed,
    "PlaybackFinished": _playback_ended,
    "RecordingFinished": _recording_over,
    "RecordingFailed": _recording_over,
}
"""By the types of events; none of them is UNWANTED."""


def present_channel(channel: Mapping[str, Any]) -> PresentChannel:
    """Translate one entry of `GET /channels`; the Stasis arguments are read from what the dialplan was executing."""
    dialplan = channel.get("dialplan", {})
    app, *args = dialplan.get("app_data", "").split(",") if dialplan.get("app_name") == "Stasis" else ("",)
    return PresentChannel(
        channel_id=channel["id"],
        name=channel["name"],
        up=channel["state"] == "Up",
        entered=dialplan.get("app_name") == "Stasis",
        args=tuple(args) if app else (),
        caller_number=_printable(channel["caller"]["number"]),
        caller_name=_printable(_QUOTED_PAIR.sub(r"\1", channel["caller"]["name"])),
    )


def _printable(text: str) -> str:
    """Without line breaks and other control characters: Asterisk decodes a caller's %0D%0A, and nobody is called so."""
    return "".join(character for character in text if unicodedata.category(character) not in {"Cc", "Zl", "Zp"})
