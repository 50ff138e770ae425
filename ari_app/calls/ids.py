"""The ids that we choose, so that Asterisk itself remembers what belongs to which call.

    call    20261121T012233-9f3a2c1b77aa     sorts by time; told to people and to the API
    leg     agr-<call>-leg-2                 channel id of the second leg
    bridge  agr-<call>-bridge
    consult agr-<call>-consult               bridge of an agent and whom he consults
    prompt  agr-<call>-leg-2-prompt          playback id of what the second leg is asked to confirm
    sounds  agr-<call>-sounds        playback id of what we play: one thing at a time
    sound   agr-<call>-sound-2-1             playback id of the first sound of the second step
    consent agr-<call>-consent-1-2           playback id of the first sound that tells of a recording, to the second one
    asker   agr-<call>-requester             stands in the caller's place until somebody has picked up: no channel
    record  20261121T012233-9f3a2c1b77aa-1   a recording, and its file without the ending
    message msg-20261121T012233-9f3a2c1b77aa  a text message
    probe   agr-probe-5f0c1d2e3a4b           a channel of a dry run: it asks for contacts and is never dialled

A duplicate id answers 409, so a request that was sent twice can't make a twin.
"""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

_PREFIX = "agr-"
_BRIDGE = "bridge"
CONSULT: Final = "consult"
_PROBE = "agr-probe-"


def new_call_id() -> str:
    """A new call's id: the second it began (UTC) and 48 random bits."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(6)}"


def new_message_id() -> str:
    """A new text message's id, which sorts by time as well."""
    return f"msg-{new_call_id()}"


def leg_role(number: int) -> str:
    """The role of a call's leg, counted from 1."""
    return f"leg-{number}"


def leg_channel_id(call_id: str, role: str) -> str:
    """The channel id of a leg."""
    return f"{_PREFIX}{call_id}-{role}"


def bridge_id(call_id: str) -> str:
    """The id of a call's bridge."""
    return f"{_PREFIX}{call_id}-{_BRIDGE}"


def consult_bridge_id(call_id: str) -> str:
    """The id of the bridge in which somebody is consulted before a transfer."""
    return f"{_PREFIX}{call_id}-{CONSULT}"


def requester_id(call_id: str) -> str:
    """What stands for a channel while a call that was asked for has no caller yet."""
    return f"{_PREFIX}{call_id}-requester"


def playback_id(call_id: str) -> str:
    """The id of what we play to a call: an announcement while the caller waits, a tone near the end of the talk."""
    return f"{_PREFIX}{call_id}-sounds"


def sound_ids(call_id: str, step: int, number: int) -> list[str]:
    """The playback ids of this many sounds of a call's step."""
    return [f"{_PREFIX}{call_id}-sound-{step}-{sound}" for sound in range(1, number + 1)]


def consent_id(call_id: str, sound: int, listener: int) -> str:
    """The playback id of a sound by which somebody is told that he is recorded; both are counted from 1."""
    return f"{_PREFIX}{call_id}-consent-{sound}-{listener}"


def recording_name(call_id: str, number: int) -> str:
    """The name of a call's recording, counted from 1."""
    return f"{call_id}-{number}"


def began_at(call_id: str) -> datetime:
    """The second in which the call began, as its id tells."""
    return datetime.strptime(call_id.partition("-")[0], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)


def prompt_id(leg_channel_id: str) -> str:
    """The playback id of what a leg is asked to confirm."""
    return f"{leg_channel_id}-prompt"


def new_probe_id() -> str:
    """The channel id of a probe, and the name of the application that it is in: never the router's own."""
    return _PROBE + secrets.token_hex(6)


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose channel or bridge this is: `role` is "leg-2", "bridge" or "consult"."""

    call_id: str
    role: str


def is_bridge(any_id: str) -> bool:
    """Whether this is the bridge of a call of ours."""
    whose = owner(any_id)
    return whose is not None and whose.role == _BRIDGE


def owner(any_id: str) -> Owner | None:
    """Read one of our ids back; None for a channel or bridge that we did not make."""
    if not any_id.startswith(_PREFIX):
        return None
    match any_id.removeprefix(_PREFIX).split("-"):
        case [second, rest, "leg", number] if number.isdigit():
            return Owner(f"{second}-{rest}", f"leg-{number}")
        case [second, rest, "bridge"]:
            return Owner(f"{second}-{rest}", _BRIDGE)
        case [second, rest, "consult"]:
            return Owner(f"{second}-{rest}", CONSULT)
        case _:
            return None
