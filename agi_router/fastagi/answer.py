"""What the dialplan is told: what it does next with the caller, as channel variables. docs/agi.md has them all.

A variable that stands in an application's arguments is cut at 4095 bytes by Asterisk 22 without a word, and what an
application gets as a whole at 8190; an AGI command before July 2025 at 2048. So a long dial string comes in parts.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from agi_router.routing.dialplan_place import DialplanPlace
from agi_router.routing.treatment import Answer, Confirmation, Treatment, Waiting

PART_BYTES: Final = 1900
"""Of one part of a dial string: with its variable's name it fits into a command of 2048 bytes."""
MOST_PARTS: Final = 4
"""The dialplan writes so many side by side, and leaves room for the options."""

PARTS: Final = ("ROUTE_DIAL", *(f"ROUTE_DIAL_{number}" for number in range(2, MOST_PARTS + 1)))
"""Their variables."""

OF_ANY_STEP: Final = frozenset({*PARTS, "ROUTE_CALLERID", "ROUTE_ANSWER", "ROUTE_WELCOME", "__ROUTE_SHOWS"})
"""What changes a later step if it was set in an earlier one that is not remembered."""

CONTEXT: Final = "agi-router-agi"
"""How the contexts of dialplan/agi-router-agi.conf begin."""
TRUNK_FORM: Final = str.maketrans(dict.fromkeys("-.@+", "_"))
"""What the dialplan makes of an endpoint's name before it looks for the endpoint's variable, as REPLACE() does it."""
NOBODY: Final = "-"
"""Instead of a number: the trunk is told none."""


class Status(StrEnum):
    """ROUTE_STATUS: what the dialplan does now. It comes back to ask for more after the first four."""

    DIAL = "DIAL"
    QUEUE = "QUEUE"
    PLAYBACK = "PLAYBACK"
    WAIT = "WAIT"  # nobody is free yet: ask again at once
    VOICEMAIL = "VOICEMAIL"
    GOTO = "GOTO"
    HANGUP = "HANGUP"
    END = "END"  # no step was answered
    FAILED = "FAILED"  # the router can't take this call


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingLeg:
    """One leg of a Dial(): a contact of a phone, or a number outside by one trunk.

    `number` counts the legs of a call from 1. `dial` is as Dial() wants it: PJSIP/ada/sip:ada@192.0.2.1:5060, or
    PJSIP/+14155550123@trunk. `caller_id` is the number that a trunk is shown, "" for none at all and None for the
    caller's own; a leg that is `told` gets the caller's name and headers. One with `confirm` is dialled by the dialplan
    behind a Local channel, so that the others ring on while it is asked.
    """

    number: int
    endpoint: str
    dial: str
    is_trunk: bool = False
    caller_id: str | None = None
    told: bool = True
    confirm: bool = False

    @property
    def in_dial(self) -> str:
        """How it stands in ROUTE_DIAL."""
        return f"Local/{self.number}@{CONTEXT}-confirm/n" if self.confirm else self.dial


@dataclass(frozen=True, slots=True, kw_only=True)
class Display:
    """What phones are shown of the caller instead of what Asterisk would show; "" leaves that as it is."""

    name: str = ""
    number: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_own(self) -> bool:
        """Whether anything is to be shown."""
        return bool(self.name or self.headers)


def dial_parts(legs: Iterable[OutgoingLeg]) -> tuple[list[str], list[OutgoingLeg]]:
    """ROUTE_DIAL, ROUTE_DIAL_2 ..., each after the first beginning with &; and the legs for which there is no room."""
    parts: list[str] = []
    left_out: list[OutgoingLeg] = []
    for leg in legs:
        text = f"&{leg.in_dial}" if parts else leg.in_dial
        size = len(text.encode())
        if parts and len(parts[-1].encode()) + size <= PART_BYTES:
            parts[-1] += text
        elif size <= PART_BYTES and len(parts) < MOST_PARTS:
            parts.append(text)
        else:
            left_out.append(leg)
    return parts, left_out


def dial(legs: Sequence[OutgoingLeg], timeout_s: float, treatment: Treatment, display: Display) -> dict[str, str]:
    """The variables for a Dial() of these legs, which fit into `dial_parts`."""
    parts, _ = dial_parts(legs)
    trunks = [leg for leg in legs if leg.is_trunk]
    variables = {
        "ROUTE_STATUS": Status.DIAL.value,
        **dict(zip(PARTS, parts, strict=False)),
        "ROUTE_TIMEOUT": str(math.ceil(timeout_s)),
        "ROUTE_OUTSIDE": "yes" if trunks else "no",
    }
    options = "i" + _waiting(treatment) + _limit(treatment, variables)
    if display.is_own or any(leg.caller_id is not None or leg.confirm for leg in legs):
        options += f"b({CONTEXT}-leg^s^1)"
        variables |= _shown(display) | _trunks(trunks, is_shown=display.is_own)
    if any(leg.confirm for leg in legs):
        variables |= _confirmation(legs, treatment.confirmation)
    elif trunks:
        options += f"U({CONTEXT}-answered)"
    if len(legs) == 1 and trunks and trunks[0].caller_id is not None:
        variables["ROUTE_CALLERID"] = trunks[0].caller_id
    return {**variables, "ROUTE_OPTIONS": options}


def queue(name: str, timeout_s: float) -> dict[str, str]:
    """The variables for a Queue()."""
    return {"ROUTE_STATUS": Status.QUEUE.value, "ROUTE_QUEUE": name, "ROUTE_TIMEOUT": str(math.ceil(timeout_s))}


def playback(sounds: Sequence[str], *, answer: bool) -> dict[str, str]:
    """The variables for a Playback(): unless he is to be answered, as early media."""
    return {
        "ROUTE_STATUS": Status.PLAYBACK.value,
        "ROUTE_SOUNDS": "&".join(sounds),
        "ROUTE_ANSWER": "yes" if answer else "no",
    }


def voicemail(mailbox: str, greeting: str) -> dict[str, str]:
    """The variables for a VoiceMail()."""
    return {"ROUTE_STATUS": Status.VOICEMAIL.value, "ROUTE_MAILBOX": mailbox, "ROUTE_GREETING": greeting}


def goto(place: DialplanPlace) -> dict[str, str]:
    """The variables for a Goto()."""
    return {"ROUTE_STATUS": Status.GOTO.value, "ROUTE_GOTO": str(place)}


def hangup(cause: int) -> dict[str, str]:
    """The variables for a Hangup() with this cause of Q.850."""
    return {"ROUTE_STATUS": Status.HANGUP.value, "ROUTE_CAUSE": str(cause)}


def wait() -> dict[str, str]:
    """The variables for a caller who waits for somebody who is busy."""
    return {"ROUTE_STATUS": Status.WAIT.value}


def end(reason: str) -> dict[str, str]:
    """The variables for a caller for whom nothing is left to try."""
    return {"ROUTE_STATUS": Status.END.value, "ROUTE_REASON": reason}


def failed(reason: str) -> dict[str, str]:
    """The variables for a caller of whom the router knows nothing better."""
    return {"ROUTE_STATUS": Status.FAILED.value, "ROUTE_REASON": reason}


def reception(treatment: Treatment) -> dict[str, str]:
    """How the caller is taken in before the first step: answered or not, and what he hears first."""
    variables = {}
    if treatment.answer is not Answer.ON_BRIDGE:
        variables["ROUTE_ANSWER"] = "yes"
    if treatment.announcement:
        variables["ROUTE_WELCOME"] = "&".join(treatment.announcement)
    return variables


def _waiting(treatment: Treatment) -> str:
    if treatment.waiting is Waiting.MUSIC:
        return f"m({treatment.music_class})" if treatment.music_class else "m"
    return ""


def _limit(treatment: Treatment, variables: dict[str, str]) -> str:
    """The option that ends the talk, after a tone for both where one is wanted."""
    if not treatment.talk_s:
        return ""
    if not treatment.warn_s:
        return f"S({treatment.talk_s:.0f})"
    variables |= {"LIMIT_WARNING_FILE": "beep", "LIMIT_PLAYAUDIO_CALLER": "yes", "LIMIT_PLAYAUDIO_CALLEE": "yes"}
    return f"L({treatment.talk_s * 1000:.0f}:{treatment.warn_s * 1000:.0f})"


def _shown(display: Display) -> dict[str, str]:
    """For the predial subroutine; __ has the legs inherit them, through a Local channel too."""
    if not display.is_own:
        return {}
    variables = {"__ROUTE_SHOWS": "1", "__ROUTE_NAME": display.name, "__ROUTE_NUMBER": display.number}
    for number, (name, value) in enumerate(display.headers.items(), 1):
        variables |= {f"__ROUTE_HEADER_NAME_{number}": name, f"__ROUTE_HEADER_{number}": value}
    return {**variables, "__ROUTE_HEADERS": str(len(display.headers))}


def _trunks(trunks: Iterable[OutgoingLeg], *, is_shown: bool) -> dict[str, str]:
    """What each trunk is shown. Names that differ in punctuation only share it: then a phone may show too little."""
    variables = {}
    for leg in trunks:
        form = leg.endpoint.translate(TRUNK_FORM)
        if leg.caller_id is not None:
            variables[f"__ROUTE_CALLERID_{form}"] = leg.caller_id or NOBODY
        if is_shown and not leg.told:
            variables[f"__ROUTE_HIDES_{form}"] = "1"
    return variables


def _confirmation(legs: Iterable[OutgoingLeg], confirmation: Confirmation) -> dict[str, str]:
    asked = {f"__ROUTE_LEG_{leg.number}": leg.dial for leg in legs if leg.confirm}
    return asked | {
        "__ROUTE_CONFIRM_PROMPT": "&".join(confirmation.prompt),
        "__ROUTE_CONFIRM_DIGIT": confirmation.digit,
        "__ROUTE_CONFIRM_SECONDS": str(math.ceil(confirmation.timeout_s)),
    }
