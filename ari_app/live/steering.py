"""The control socket's door to live calls: which there are, and what may be done to one."""

from collections.abc import Mapping
from typing import Any, Final, Literal, assert_never

from pydantic import BaseModel, ConfigDict, Field

from agi_router.routing.click_to_dial import First
from agi_router.routing.printable import one_line
from ari_app.calls.call import Call
from ari_app.calls.ids import began_at
from ari_app.calls.leg import endpoint_of
from ari_app.calls.steering_request import (
    DIGITS,
    MOST_DIGITS,
    Action,
    CancelTransfer,
    CompleteTransfer,
    Consult,
    HangUp,
    Hold,
    Mute,
    Record,
    RecordingChange,
    Resume,
    SendDigits,
    Transfer,
    Unmute,
)
from ari_app.calls.supervisor import Supervisor
from ari_app.control.settings import ControlError
from ari_app.live.forms import Command, read_form

LONGEST_ANSWER_S: Final = 45.0
"""A transfer is answered when somebody has picked up, or nobody has within half a minute."""


ActionName = Literal[
    "hangup", "hold", "resume", "mute", "unmute", "dtmf", "transfer", "consult", "complete", "cancel", "record"
]
CallState = Literal["setup", "talking", "transfer", "consulting", "queue"]
"""Nobody speaks yet; two speak; a transfer is carried out; somebody is consulted; the caller is with the dialplan."""
_WITH_VALUE: Final = frozenset({"dtmf", "transfer", "consult", "record"})


class SteerForm(BaseModel):
    """An `Action` for a call as JSON; `value` is what the action needs beside its name, "" when it needs nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    call_id: str = Field(min_length=1, max_length=64)
    action: ActionName
    value: str = Field(default="", max_length=128)
    party: str = Field(default="", max_length=16)

    def asked(self) -> Action:
        """What it asks for. Raises ControlError."""
        if self.value and self.action not in _WITH_VALUE:
            raise ControlError(f"{self.action} takes no value [bad_value]", "Leave it out; --party names who acts.")
        match self.action:
            case "hangup":
                return HangUp(self.party)
            case "hold":
                return Hold(self.party)
            case "resume":
                return Resume(self.party)
            case "mute":
                return Mute(self.party)
            case "unmute":
                return Unmute(self.party)
            case "dtmf":
                return SendDigits(self._digits(), self.party)
            case "transfer":
                return Transfer(self._target(), self.party)
            case "consult":
                return Consult(self._target(), self.party)
            case "complete":
                return CompleteTransfer(self.party)
            case "cancel":
                return CancelTransfer(self.party)
            case "record":
                return Record(self._change(), self.party)
            case _:
                assert_never(self.action)

    def _target(self) -> str:
        if not (target := one_line(self.value)):
            raise ControlError("no target [bad_target]", "Give an extension, a number, or the name of an endpoint.")
        return target

    def _change(self) -> RecordingChange:
        try:
            return RecordingChange(self.value)
        except ValueError:
            known = ", ".join(change.value for change in RecordingChange)
            wrong = f'"{self.value}" is nothing that a recording does' if self.value else "what is it to do?"
            raise ControlError(f"record: {wrong} [bad_value]", f"Give one of {known}.") from None

    def _digits(self) -> str:
        digits = self.value.upper()
        if not digits or len(digits) > MOST_DIGITS or not set(digits) <= DIGITS:
            raise ControlError(
                "these are no keys of a phone [bad_digits]", f"Give 1 to {MOST_DIGITS} of 0-9, *, #, A-D."
            )
        return digits


def steering(supervisor: Supervisor) -> Command:
    """The command `steer`: `{}` when it is done, or a ControlError with why not."""

    async def steer(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        form = read_form(SteerForm, arguments)
        failure = await supervisor.steer(form.call_id, form.asked())
        if failure is not None:
            raise ControlError(f"{failure.message} [{failure.code}]", failure.remedy)
        return {}

    return steer


def live_calls(supervisor: Supervisor) -> Command:
    """The command `live`: `{"calls": [...]}`, the oldest first, as `agi-router live --json` prints them."""

    async def live(_: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"calls": [call_as_json(supervisor.live[call_id]) for call_id in sorted(supervisor.live)]}

    return live


def call_as_json(call: Call) -> Mapping[str, Any]:
    """How this call stands, and who speaks in it."""
    caller = call.caller.channel_id
    outbound = call.first is not None
    number, called = call.arrival.caller_number, call.called_number
    if call.first is First.CUSTOMER:  # he has arrived, and was called
        number, called = called, number
    return {
        "call_id": call.call_id,
        "began_at": began_at(call.call_id).isoformat(),
        "direction": "outbound" if outbound else "inbound",
        "state": state_of(call),
        "caller_number": number,
        "caller_name": "" if call.first is First.CUSTOMER else call.arrival.caller_name,
        "called_number": called,
        "route": call.route,
        "parties": [
            *([_party(call, caller, endpoint_of(call.caller.name))] if call.caller.is_there else []),
            *(
                _party(call, leg.channel_id, leg.endpoint)
                for leg in call.legs.values()
                if leg.alive and leg.channel_id != caller
            ),
        ],
        "recording": call.recording.name,
        "recording_paused": call.recording.is_paused,
    }


def state_of(call: Call) -> CallState:
    """How the call stands."""
    if call.away:
        return "queue"
    if call.consultation is not None:
        return "consulting"
    if call.transferring:
        return "transfer"
    return "talking" if call.talking else "setup"


def _party(call: Call, channel_id: str, endpoint: str) -> Mapping[str, Any]:
    leg = call.legs.get(channel_id)
    return {
        "party": call.party(channel_id),
        "endpoint": endpoint,
        "user": leg.user if leg else "",
        "state": leg.state.name.lower() if leg else "up" if call.reception.is_answered else "waiting",
        "holds": channel_id in call.holding.held_by,
        "muted": channel_id in call.holding.muted,
    }
