"""What the dialplan reports of a step, in the arguments of its AGI(): dial=ANSWER, cause=16, ..., keys=A,B,C."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final, Self
from urllib.parse import unquote

_KEY: Final = re.compile(r"PJSIP/[A-Za-z0-9_.+@-]{1,80}-[0-9a-f]{8}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The words are those of Asterisk's variables, "" for what was not told.

    `dial` is DIALSTATUS, `queue` QUEUESTATUS, `playback` PLAYBACKSTATUS: of an earlier step, where the last one was of
    another kind. `cause` is HANGUPCAUSE (Q.850), 0 when Asterisk does not know it; `answered_ms` is
    ANSWEREDTIME_MS. `peer` is the channel that answered (DIALEDPEERNAME), `dialled` the dial string that led to it
    (DIALEDPEERNUMBER), `by` the one that hung up first (CHANNEL(hangupsource)), `member` the interface of a
    queue's member. `keys` are the channels of whose end Asterisk knows the cause (HANGUPCAUSE_KEYS()), in the order in
    which they were made.
    """

    dial: str = ""
    queue: str = ""
    playback: str = ""
    cause: int | None = None
    answered_ms: int | None = None
    rang: bool = False
    peer: str = ""
    dialled: str = ""
    by: str = ""
    member: str = ""
    keys: tuple[str, ...] = ()

    @classmethod
    def parse(cls, arguments: Sequence[str]) -> Self:
        """Read the arguments after the call's id; unknown ones are left aside, and so is what is no number.

        Several may stand in one, joined by &: Asterisk sends each argument in a packet of its own.
        """
        told: dict[str, str] = {}
        keys: list[str] = []
        for argument in chain.from_iterable(argument.split("&") for argument in arguments):
            name, equals, value = argument.partition("=")
            if not equals:
                keys.append(name)
            elif name == "keys":
                keys.append(value)
            else:
                told[name] = value
        return cls(
            dial=told.get("dial", ""),
            queue=told.get("queue", ""),
            playback=told.get("playback", ""),
            cause=_number(told.get("cause", "")),
            answered_ms=_number(told.get("answered_ms", "")),
            rang=bool(told.get("rang")),
            peer=told.get("peer", ""),
            dialled=dialled_by(told.get("dialled", "")),
            by=told.get("by", ""),
            member=told.get("member", ""),
            keys=tuple(sorted(filter(_KEY.fullmatch, keys), key=_made)),
        )


def dialled_by(number: str) -> str:
    """ "ada%2Fsip%3Aada%40192.0.2.1" -> "PJSIP/ada/sip:ada@192.0.2.1", as Dial() was told; "" of nothing."""
    return f"PJSIP/{unquote(number)}" if number else ""


def endpoint_of_key(key: str) -> str:
    """ "PJSIP/ada-0000001f" -> "PJSIP/ada"."""
    return key.rpartition("-")[0]


def _made(key: str) -> int:
    """Channels are numbered as they are made."""
    return int(key.rpartition("-")[2], 16)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
