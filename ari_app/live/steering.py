"""The control socket's door to live calls: which there are, and what may be done to one."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Literal, assert_never

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ari_app.calls.steering_request import (
    DIGITS,
    MOST_DIGITS,
    Action,
    HangUp,
    Hold,
    Mute,
    Resume,
    SendDigits,
    Unmute,
)
from ari_app.calls.supervisor import Supervisor
from ari_app.control.settings import ControlError

Command = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]

LONGEST_ANSWER_S: Final = 45.0
"""A transfer is answered when somebody has picked up, or nobody has within half a minute."""


class SteerForm(BaseModel):
    """An `Action` for a call as JSON; `value` is what the action needs beside its name, "" when it needs nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    call: str = Field(min_length=1, max_length=64)
    action: Literal["hangup", "hold", "resume", "mute", "unmute", "dtmf"]
    value: str = Field(default="", max_length=128)
    party: str = Field(default="", max_length=16)

    def asked(self) -> Action:
        """What it asks for. Raises ControlError."""
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
            case _:
                assert_never(self.action)

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
        try:
            form = SteerForm.model_validate(arguments)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise ControlError(f"{where}: {first['msg']}", "Correct it, and ask again.") from None
        failure = await supervisor.steer(form.call, form.asked())
        if failure is not None:
            raise ControlError(f"{failure.message} [{failure.code}]", failure.remedy)
        return {}

    return steer
