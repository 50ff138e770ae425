"""What the stories need of others: a telephone switch, and the decider of the configuration in force.

Of the switch: requests out (`Telephony`), events in. ari_app.asterisk has both.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from agi_router.routing.decider import Decider
from agi_router.routing.dialplan_place import DialplanPlace


class TelephonyError(Exception):
    """A request to the switch failed."""


class NotFoundError(TelephonyError):
    """The channel, bridge or variable is not there (any more)."""


class RefusedError(TelephonyError):
    """The switch understood the request and said no."""


class UnreachableError(TelephonyError):
    """The switch can't be reached, or did not answer in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelEntered:
    """A channel entered the application (StasisStart): a caller, or a leg that we created.

    `replaces` is the channel whose place in its bridge this one takes, when Asterisk itself has carried out a transfer.
    """

    channel_id: str
    name: str
    up: bool
    args: tuple[str, ...]
    caller_number: str
    caller_name: str
    replaces: str | None = None


@dataclass(frozen=True, slots=True)
class ChannelRinging:
    """The phone of a leg rings."""

    channel_id: str


@dataclass(frozen=True, slots=True)
class ChannelProgressing:
    """Sound comes from a leg before its answer (183)."""

    channel_id: str


@dataclass(frozen=True, slots=True)
class ChannelRedirected:
    """The phone of a leg names another address to call (302), of which `target` is the user part. Its end follows."""

    channel_id: str
    target: str


@dataclass(frozen=True, slots=True)
class ChannelUp:
    """A leg was answered."""

    channel_id: str


@dataclass(frozen=True, slots=True)
class ChannelHeld:
    """The Hold key of this channel's phone was pressed; whom it speaks with hears music."""

    channel_id: str


@dataclass(frozen=True, slots=True)
class ChannelResumed:
    """The Hold key again."""

    channel_id: str


@dataclass(frozen=True, slots=True)
class Consultation:
    """The phone's other call, of an attended transfer: our end of it, and the channel that is bridged with it.

    None where Asterisk does not know: the call is on another machine, or nobody has answered it yet.
    """

    channel_id: str | None
    peer_id: str | None
    peer_name: str


@dataclass(frozen=True, slots=True)
class TransferRequested:
    """The Transfer key of this channel's phone was pressed, for the number that was `dialled` (SIP REFER).

    With a `consultation` (attended), whom that call speaks with is to be connected; without one (blind) the number is
    to be called. The phone waits for `tell_transferer`; when it asked on the line of its other call, on `asked_on`.
    """

    channel_id: str
    dialled: str
    consultation: Consultation | None = None
    asked_on: str | None = None
    by_command: bool = False  # no phone has asked, and none waits

    @property
    def waiting(self) -> str:
        """The channel on which the phone waits for the outcome."""
        return self.asked_on or self.channel_id


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """A key of this channel's phone was pressed, and let go: 0 to 9, *, #, A to D."""

    channel_id: str
    digit: str


@dataclass(frozen=True, slots=True)
class ChannelHangingUp:
    """Somebody wants a channel to end: its phone, we, or the dialplan's guard. `cause` is Q.850 (0: unknown)."""

    channel_id: str
    cause: int


@dataclass(frozen=True, slots=True)
class ChannelLeft:
    """A channel left the application (StasisEnd): it hung up, or was sent elsewhere. Its cause may follow."""

    channel_id: str


@dataclass(frozen=True, slots=True)
class ChannelDestroyed:
    """A channel is gone. `cause` is Q.850 (0: unknown), `tech_cause` the SIP status where there was one."""

    channel_id: str
    cause: int
    tech_cause: int | None = None


@dataclass(frozen=True, slots=True)
class PlaybackEnded:
    """A sound was played on a channel to its end, or could not be."""

    channel_id: str
    playback_id: str
    failed: bool


@dataclass(frozen=True, slots=True)
class RecordingOver:
    """The switch has ended a recording, whether or not it was asked to. `channel_id` is that of the bridge."""

    channel_id: str
    name: str


@dataclass(frozen=True, slots=True)
class DialAnswered:
    """Somebody answered whom the dialplan has dialled for this channel; `peer` is the name of his."""

    channel_id: str
    peer: str


LifeEvent = (
    ChannelEntered
    | ChannelRinging
    | ChannelProgressing
    | ChannelRedirected
    | ChannelUp
    | ChannelHangingUp
    | ChannelLeft
    | ChannelDestroyed
)
"""A channel comes, changes its state, and goes."""
ChannelEvent = (
    LifeEvent
    | KeyPressed
    | ChannelHeld
    | ChannelResumed
    | PlaybackEnded
    | RecordingOver
    | DialAnswered
    | TransferRequested
)


class TransferOutcome(StrEnum):
    """What a phone is told of the transfer that it asked for."""

    DONE = "done"
    DECLINED = "declined"  # refused, or the other side does not want
    UNAVAILABLE = "unavailable"  # nobody could be reached


@dataclass(frozen=True, slots=True, kw_only=True)
class PresentChannel:
    """A channel as a snapshot shows it.

    `entered`: it is in the application, and not only watched by it. `args` are those of its Stasis(), () when they
    can't be known.
    """

    channel_id: str
    name: str
    up: bool
    entered: bool
    args: tuple[str, ...]
    caller_number: str
    caller_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What the switch holds of this application right now. `bridges` maps a bridge's id to its channels' ids.

    `elsewhere` are the channels that are not the application's.
    """

    channels: Mapping[str, PresentChannel]
    bridges: Mapping[str, frozenset[str]]
    elsewhere: Mapping[str, PresentChannel] = field(default_factory=dict)


class Telephony(Protocol):
    """Requests to the switch. Each raises a `TelephonyError`; times are in seconds."""

    recording_format: str = "wav"
    """The ending of a recording's file, which is Asterisk's name of the format: 16 bit linear, at 8 kHz."""

    @property
    def is_connected(self) -> bool:
        """Whether requests have somewhere to go right now."""
        ...

    async def ring(self, channel_id: str) -> None:
        """Let the caller hear ringing: by 180, or in band when he has been answered."""
        ...

    async def stop_ringing(self, channel_id: str) -> None:
        """End the ringing tone that an answered caller hears in his audio; one that is gone already is no error."""
        ...

    async def answer(self, channel_id: str) -> None:
        """Answer the caller (200)."""
        ...

    async def play(self, channel_id: str, playback_id: str, sounds: Sequence[str]) -> None:
        """Play these sounds, one after the other; to a caller who is not answered, as early media (183).

        What is asked of the channel next is done when they have been played, or stopped.
        """
        ...

    async def play_tone(self, channel_id: str, playback_id: str, tone: str) -> None:
        """Play a tone of the channel's country, such as busy or congestion, until `stop_playing`."""
        ...

    async def stop_playing(self, playback_id: str) -> None:
        """End a playback; one that is over already is no error."""
        ...

    async def play_music(self, channel_id: str, music_class: str) -> None:
        """Play music on hold, "" of the default class, until `stop_music`."""
        ...

    async def stop_music(self, channel_id: str) -> None:
        """End the music on hold; a channel that is gone already is no error."""
        ...

    async def play_silence(self, channel_id: str) -> None:
        """Send silent audio until `stop_silence`."""
        ...

    async def stop_silence(self, channel_id: str) -> None:
        """End the silent audio; a channel that is gone already is no error."""
        ...

    async def mute(self, channel_id: str) -> None:
        """Let nobody hear what comes from this channel, until `unmute`."""
        ...

    async def unmute(self, channel_id: str) -> None:
        """Let it be heard again; a channel that is gone already is no error."""
        ...

    async def send_digits(self, channel_id: str, digits: str) -> None:
        """Send these keys (DTMF) to the channel's phone, one after the other; returns before they have been sent."""
        ...

    async def start_recording(self, bridge_id: str, name: str, longest_s: float) -> None:
        """Record all who speak in the bridge into the switch's file `name`, until it is stopped or the bridge ends.

        Raises RefusedError when there is such a file, or it can't be written.
        """
        ...

    async def stop_recording(self, name: str) -> None:
        """End a recording; one that has ended already is no error."""
        ...

    async def pause_recording(self, name: str) -> None:
        """Leave out what is said from now on. Raises NotFoundError when it has ended."""
        ...

    async def resume_recording(self, name: str) -> None:
        """Go on with a recording that was paused. Raises NotFoundError when it has ended."""
        ...

    async def play_to_bridge(self, bridge_id: str, playback_id: str, sound: str) -> None:
        """Let all in the bridge hear this sound; its end is told as that of any playback, of the bridge."""
        ...

    async def beep(self, bridge_id: str, playback_id: str) -> None:
        """Let all in the bridge hear a short tone; the playback is over when it is stopped, not with the tone."""
        ...

    async def hang_up(self, channel_id: str, reason: str) -> None:
        """End a channel with one of ARI's reason words; one that is gone already is no error."""
        ...

    async def send_to_dialplan(self, channel_id: str, place: DialplanPlace | None = None) -> None:
        """Let a caller go on at this place, which must be there, or with the line after its `Stasis()`."""
        ...

    async def is_playing(self, playback_id: str) -> bool:
        """Whether it has not ended yet."""
        ...

    async def subscribe(self, channel_id: str) -> None:
        """Hear of this channel also while it is not in the application."""
        ...

    async def unsubscribe(self, channel_id: str) -> None:
        """End `subscribe`; a channel that is gone is no error."""
        ...

    async def contacts(self, channel_id: str, endpoint: str) -> tuple[str, ...]:
        """Dial strings of all contacts of a PJSIP endpoint; () when it is not registered.

        Any living channel serves to ask. Raises RefusedError for an endpoint that the switch does not know.
        """
        ...

    def had_one_contact(self, endpoint: str) -> bool:
        """Whether `contacts` was one when it was asked last. By now it may be otherwise."""
        ...

    async def create_leg(
        self, channel_id: str, dial_string: str, originator: str | None, variables: Mapping[str, str]
    ) -> None:
        """Create a channel under this id; nothing rings yet. Wait for its ChannelEntered before `dial`.

        `originator` is the channel for which it is made, None when there is none.
        """
        ...

    async def dial(self, channel_id: str, caller: str | None, timeout_s: float) -> None:
        """Send a created leg's INVITE, showing `caller`'s number and presentation (None: what its variables set)."""
        ...

    async def create_bridge(self, bridge_id: str) -> None:
        """Create a mixing bridge under this id."""
        ...

    async def add_to_bridge(self, bridge_id: str, channel_ids: Sequence[str], *, introduce: bool = True) -> None:
        """Put channels into a bridge; they hear each other, and, unless not introduced, are shown who each other is."""
        ...

    async def remove_from_bridge(self, bridge_id: str, channel_id: str) -> None:
        """Take a channel out of a bridge, it stays in the application; one that is not in it is no error."""
        ...

    async def tell_transferer(self, channel_id: str, outcome: TransferOutcome) -> None:
        """Answer a TransferRequested of this channel; one that is gone already is no error."""
        ...

    async def destroy_bridge(self, bridge_id: str) -> None:
        """Remove a bridge; one that is gone already is no error. Its channels stay in the application."""
        ...

    async def set_variable(self, channel_id: str, name: str, value: str) -> None:
        """Set a channel variable."""
        ...

    async def read_variable(self, channel_id: str, name: str) -> str:
        """A channel variable's, or function's, value; "" when it is absent."""
        ...

    async def snapshot(self) -> Snapshot:
        """Everything that the switch holds of this application."""
        ...


class Deciders(Protocol):
    """Where a call takes its decider from. A changed configuration brings another one, for the calls that follow."""

    def for_a_call(self) -> AbstractAsyncContextManager[Decider]:
        """The decider in force now; it serves this call until the block ends, whatever is in force by then."""
        ...
