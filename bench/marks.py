"""The moments that sipp notes, read from its log: `... 1795228328.968100 answered +12122000001`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class CallMarks:
    """One call from this number, in seconds since the epoch; None is what did not happen.

    `sent` and `answered` are told by the caller, once he is answered; `invited` and `hung_up` (the BYE) by the phone;
    `ended` by the caller again, when his BYE is acknowledged.
    """

    number: str
    sent: float | None = None
    invited: float | None = None
    answered: float | None = None
    hung_up: float | None = None
    ended: float | None = None

    @classmethod
    def of(cls, number: str, caller: Mapping[str, float], phone: Mapping[str, float]) -> Self:
        """From what each side noted about this call."""
        return cls(
            number=number,
            sent=caller.get("sent"),
            invited=phone.get("invite"),
            answered=caller.get("answered"),
            hung_up=phone.get("bye"),
            ended=caller.get("ended"),
        )

    @property
    def complete(self) -> bool:
        """Whether the phone rang and was answered, and the caller's BYE went through to it."""
        return None not in {self.sent, self.invited, self.answered, self.hung_up, self.ended}

    @property
    def reached(self) -> str:
        """The marks that there are, in words, for whoever looks for the reason of a failure."""
        there = [mark for mark in self.__slots__ if getattr(self, mark) is not None]
        return ", ".join(there[1:]) or "nothing"

    @property
    def delay_ms(self) -> float | None:
        """Post-dial delay: from the INVITE that the caller sent to the INVITE that the phone got."""
        return None if self.sent is None or self.invited is None else (self.invited - self.sent) * 1000


def read_marks(lines: Iterable[str]) -> dict[str, dict[str, float]]:
    """What one sipp noted: by caller's number, the first moment of each mark."""
    calls: dict[str, dict[str, float]] = {}
    for line in lines:
        match line.split()[-3:]:
            case [moment, "sent" | "invite" | "answered" | "bye" | "ended" as mark, number]:
                calls.setdefault(number, {}).setdefault(mark, float(moment))
            case _:
                pass
    return calls


def join_marks(
    numbers: Iterable[str], caller: Mapping[str, Mapping[str, float]], phone: Mapping[str, Mapping[str, float]]
) -> list[CallMarks]:
    """Both sides of each call, in the order of `numbers`."""
    return [CallMarks.of(number, caller.get(number, {}), phone.get(number, {})) for number in numbers]
