"""How a route treats its callers until they speak with somebody, how long they may, and whom it asks to confirm."""

import re
from dataclasses import dataclass, field
from enum import StrEnum

from agi_router.routing.recorded import RecordingRule

PRESS_ONE = ("followme/options",)
"""Of Asterisk's core sounds: "Press 1 to accept this call, or 2 to reject it"."""
SOUND = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}(/[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}){0,7}")
"""The name of a sound of Asterisk, without its ending: `please-wait`, `custom/welcome`. No part begins with a dot."""


class Answer(StrEnum):
    """When the caller is answered; a carrier bills him from then on, and drops him when that takes too long."""

    ON_BRIDGE = "on_bridge"  # when somebody has answered him
    ON_WAIT = "on_wait"  # when somebody begins to be rung for him
    NOW = "now"  # at once, before the API is asked


class Waiting(StrEnum):
    """What the caller hears while he waits."""

    RINGING = "ringing"
    MUSIC = "music"
    SILENCE = "silence"


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """How whoever picks up a phone that has to confirm is asked: by the sounds of `prompt`, for at most `timeout_s`.

    `digit` is one key of his phone; every other one declines.
    """

    prompt: tuple[str, ...] = PRESS_ONE
    digit: str = "1"
    timeout_s: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Treatment:
    """How a caller is treated, and by `confirmation` those who pick up for him and have to confirm it.

    `announcement` are sounds that he hears first, each once; then `waiting` begins, with `music_class` of Asterisk's
    musiconhold.conf ("" is its default one). Steps that ring, or wait, take at most `chain_s` seconds together, a talk
    takes at most `talk_s`, and both parties hear a tone `warn_s` before its end; 0 is no limit, and no tone.
    `recording` is whether the talk is recorded.
    """

    answer: Answer = Answer.ON_BRIDGE
    waiting: Waiting = Waiting.RINGING
    music_class: str = ""
    announcement: tuple[str, ...] = ()
    chain_s: float = 0
    talk_s: float = 0
    warn_s: float = 0
    confirmation: Confirmation = field(default_factory=Confirmation)
    recording: RecordingRule = field(default_factory=RecordingRule)
