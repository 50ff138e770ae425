"""What people and programs may ask of a live call, and the request on its way through the call's inbox.

A `party` is "caller" or the role of a leg ("leg-2"), and names who acts, as if he had pressed the key on his own phone;
"" is the agent's side.
"""

import asyncio
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from agi_router.routing.errors import Failure
from ari_app.calls.ports import TelephonyError, UnreachableError

DIGITS: Final = frozenset("0123456789*#ABCD")
"""What a phone's keypad sends (RFC 4733, section 3.2)."""
MOST_DIGITS: Final = 32
"""Longer than any PIN or extension; it takes Asterisk some seven seconds to send them."""


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the call, also one that nobody has answered; with a `party`, by that one's hanging up."""

    party: str = ""


@dataclass(frozen=True, slots=True)
class Hold:
    """The other one hears music, and neither hears the other."""

    party: str = ""


@dataclass(frozen=True, slots=True)
class Resume:
    """They speak again."""

    party: str = ""


@dataclass(frozen=True, slots=True)
class Mute:
    """What this party says is not heard."""

    party: str = ""


@dataclass(frozen=True, slots=True)
class Unmute:
    """It is heard again."""

    party: str = ""


@dataclass(frozen=True, slots=True)
class SendDigits:
    """This party presses these keys, and the other one's end receives them."""

    digits: str
    party: str = ""


@dataclass(frozen=True, slots=True)
class Transfer:
    """Whom this party speaks with is connected with `target` instead, as by its phone's Transfer key (blind)."""

    target: str
    party: str = ""


@dataclass(frozen=True, slots=True)
class Consult:
    """This party speaks with `target` first, while the other one hears music (attended)."""

    target: str
    party: str = ""


@dataclass(frozen=True, slots=True)
class CompleteTransfer:
    """Who was consulted speaks with the other one, and whoever consulted leaves."""

    party: str = ""


@dataclass(frozen=True, slots=True)
class CancelTransfer:
    """Whoever consulted speaks with the other one again; who was consulted leaves, or rings no more."""

    party: str = ""


class RecordingChange(Enum):
    """What is to become of the recording of both sides."""

    START = "start"
    STOP = "stop"
    PAUSE = "pause"
    RESUME = "resume"


@dataclass(frozen=True, slots=True)
class Record:
    """Begin to record, or end it, or leave out a part."""

    change: RecordingChange
    party: str = ""


Action = (
    HangUp
    | Hold
    | Resume
    | Mute
    | Unmute
    | SendDigits
    | Transfer
    | Consult
    | CompleteTransfer
    | CancelTransfer
    | Record
)


@dataclass(frozen=True, slots=True, eq=False)
class SteeringRequested:
    """Somebody asks for this. Answered once: None when it is done, else why not."""

    action: Action
    answered: asyncio.Future[Failure | None]

    @classmethod
    def of(cls, action: Action) -> "SteeringRequested":
        """A request whose answer can be waited for in this event loop."""
        return cls(action, asyncio.get_running_loop().create_future())

    def answer(self, failure: Failure | None = None) -> None:
        """Tell whoever asked; what is told after the first time is left out."""
        if not self.answered.done():
            self.answered.set_result(failure)

    async def outcome(self, call_ended: asyncio.Event, story: asyncio.Task[None]) -> Failure | None:
        """Wait for the answer; the end of the call is one, too, and so is that of its story without an end."""
        ended = asyncio.ensure_future(call_ended.wait())
        ends: list[asyncio.Future[Any]] = [self.answered, ended, story]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended.cancel()
        if call_ended.is_set():
            self.answer(None if isinstance(self.action, HangUp) else CALL_OVER)
        elif story.done():
            self.answer(CALL_LOST)
        return self.answered.result()


NOT_TALKING: Final = Failure(
    "not_talking", "nobody speaks in this call", "wait until it is answered; before that it can only be hung up"
)
IN_TRANSFER: Final = Failure(
    "in_transfer", "a transfer of this call is being carried out", "wait for its end; meanwhile it can only be hung up"
)
CONSULTING: Final = Failure(
    "in_transfer",
    "somebody is being consulted in this call",
    "end that first, by complete or cancel; or hang up the call as a whole, without a party",
)
NOT_CONSULTING: Final = Failure(
    "not_consulting", "nobody is being consulted in this call", "begin with the action consult"
)
NOT_ANSWERED: Final = Failure(
    "not_answered", "who is to be consulted has not picked up", "wait, or take it back by cancel and use transfer"
)
TOO_MANY: Final = Failure(
    "too_many_requests", "too many requests wait for this call already", "wait for their answers, and ask again"
)
CALL_LOST: Final = Failure(
    "call_lost", "the router has lost sight of this call", "agi-router live tells whether it goes on; ask again then"
)
CALL_OVER: Final = Failure("call_over", "the call has ended", "agi-router calls ID tells how")


def refusal(error: TelephonyError) -> Failure:
    """Why the switch did not do what was asked."""
    if isinstance(error, UnreachableError):
        return Failure("asterisk_unreachable", f"Asterisk does not answer: {error}", "ask again when it does")
    return Failure("asterisk_refused", f"Asterisk refused it: {error}", "Asterisk's log tells why")
