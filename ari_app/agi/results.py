"""How each leg of a Dial() ended, by what Asterisk kept of it."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

from agi_router.fastagi.answer import CONTEXT
from agi_router.fastagi.contacts import LONGEST_EXPRESSION, Evaluates
from agi_router.routing.step import Target, TrunkTarget
from ari_app.agi.report import Report, endpoint_of_key
from ari_app.domain.causes import NORMAL_CLEARING, UNKNOWN, LegOutcome, leg_outcome

ANSWER: Final = "ANSWER"
_ENDED_FOR_ALL: Final = {
    ANSWER: LegOutcome.ANSWERED_ELSEWHERE,
    "NOANSWER": LegOutcome.NO_ANSWER,
    "CANCEL": LegOutcome.CANCELLED,
    "": LegOutcome.CANCELLED,
}
"""What became of legs that were still ringing, by DIALSTATUS. With any other one they ended by themselves."""

_BY_STATUS: Final = {"BUSY": LegOutcome.BUSY, "CONGESTION": LegOutcome.FAILED}
"""What became of legs that ended by themselves, by DIALSTATUS, when no more is told of them."""

_CONFIRMED: Final = re.compile(rf"Local/([0-9]+)@{re.escape(CONTEXT)}-confirm-.*")

_Q850: Final = {
    "Unallocated (unassigned) number": 1,
    "No route to destination": 3,
    "Normal Clearing": 16,
    "User busy": 17,
    "No user responding": 18,
    "User alerting, no answer": 19,
    "Subscriber absent": 20,
    "Call Rejected": 21,
    "Number changed": 22,
    "Answered elsewhere": 26,
    "Destination out of order": 27,
    "Invalid number format": 28,
    "Facility rejected": 29,
    "Normal, unspecified": 31,
    "Circuit/channel congestion": 34,
    "Network out of order": 38,
    "Temporary failure": 41,
    "Switching equipment congestion": 42,
    "Requested channel not available": 44,
    "Facility not subscribed": 50,
    "Bearer capability not authorized": 57,
    "Bearer capability not available": 58,
    "Incompatible destination": 88,
    "Recover on timer expiry": 102,
    "Interworking, unspecified": 127,
}
"""Asterisk 22 tells the causes of single channels in these words of its main/channel.c."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedLeg:
    """A leg that the dialplan was told to dial: role, endpoint, contact and user as on record.

    `dial` is how Dial() wants it. `target` is None when it was placed before a restart.
    """

    role: str
    endpoint: str
    contact: str
    dial: str = ""
    user: str = ""
    confirm: bool = False
    target: Target | None = None

    @property
    def is_trunk(self) -> bool:
        """Whether it leads outside."""
        return isinstance(self.target, TrunkTarget)

    def was_dialled_as(self, dial_string: str) -> bool:
        """Whether this string of Dial() led to it, "PJSIP/ada/sip:ada@192.0.2.1"."""
        return dial_string in (self.contact, f"{self.endpoint}/{self.contact}")


@dataclass(frozen=True, slots=True)
class Known:
    """What Asterisk knows of a channel that is gone: Q.850 cause and last SIP status, 0 and None where it is silent."""

    cause: int = UNKNOWN
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """How a leg ended; `tech_cause` is the SIP status that ended it, `reached` as in `failover.lies_in_trunk`."""

    outcome: LegOutcome
    cause: int = UNKNOWN
    tech_cause: int | None = None
    reached: bool = False


async def causes(dialplan: Evaluates, keys: Sequence[str]) -> Mapping[str, Known]:
    """What Asterisk knows of the channels with these names, which have been checked: they stand in an expression."""
    found: dict[str, Known] = {}
    some = list(keys)
    while some:
        asked: list[str] = []
        while some and sum(len(one) for one in asked) + 2 * len(some[0]) < LONGEST_EXPRESSION - 100:
            key = some.pop(0)
            asked.append(f"{key}~${{HANGUPCAUSE({key},ast)}}~${{HANGUPCAUSE({key},tech):0:7}}")
        if not asked:
            return found
        for told in (await dialplan.evaluate("|".join(asked))).split("|"):
            key, _, words = told.partition("~")
            cause, _, status = words.partition("~")
            number = status.removeprefix("SIP ")
            found[key] = Known(_Q850.get(cause, UNKNOWN), int(number) if number.isdecimal() else None)
    return found


def keys_of(
    legs: Sequence[PlacedLeg], keys: Sequence[str], won: PlacedLeg | None = None, peer: str = ""
) -> Mapping[str, str]:
    """By role the channel of each leg among `keys`, those that were made since; `peer` is that of `won`.

    The others have the order of Dial(). That may mistake two contacts of one device, or two numbers by one trunk, for
    each other where Asterisk has a key of one of them only: it keeps none of a leg of which Dial() has read nothing.
    """
    found: dict[str, str] = {}
    if won is not None and peer in keys:
        found[won.role] = peer
    by_endpoint: dict[str, list[str]] = defaultdict(list)
    for key in keys:
        if key not in found.values():
            by_endpoint[endpoint_of_key(key)].append(key)
    for leg in legs:
        if leg.role not in found and by_endpoint[leg.endpoint]:
            found[leg.role] = by_endpoint[leg.endpoint].pop(0)
    return found


def winner(legs: Sequence[PlacedLeg], keys: Sequence[str], report: Report) -> PlacedLeg | None:
    """Who answered: by what was dialled; where an older dialplan does not tell it, by the channel and the order."""
    confirmed = _CONFIRMED.fullmatch(report.peer)
    if confirmed is not None:
        return next((leg for leg in legs if leg.role.rpartition("-")[2] == confirmed[1]), None)
    channels = keys_of(legs, keys)
    by_dial_string = (leg for leg in legs if leg.was_dialled_as(report.dialled))
    by_channel = (leg for leg in legs if channels.get(leg.role) == report.peer)
    by_endpoint = (leg for leg in legs if leg.endpoint == endpoint_of_key(report.peer))
    return next(chain(by_dial_string, by_channel, by_endpoint), None)


def result(leg: PlacedLeg, known: Known | None, report: Report, *, has_won: bool) -> Result:
    """How this leg ended, of which Asterisk knows so much; None when its channel was never made."""
    if has_won:
        return Result(LegOutcome.ANSWERED, NORMAL_CLEARING, None, reached=True)
    still_ringing = _ENDED_FOR_ALL.get(report.dial)
    if known is None and not report.keys:
        return Result(still_ringing or _by_status(report), report.cause or UNKNOWN)
    if known is None or known.status is None:
        outcome = still_ringing or (leg_outcome(known.cause, None) if known else LegOutcome.UNAVAILABLE)
        return Result(outcome, known.cause if known else UNKNOWN)
    if known.status < 200:
        # Its last word was no final one, and yet it has ended by itself: Dial() does not follow a 302, nor tell of it.
        return Result(still_ringing or LegOutcome.REDIRECTED, NORMAL_CLEARING, None, reached=known.status > 100)
    if known.status < 300:
        unconfirmed = leg.confirm and report.dial != ANSWER
        outcome = LegOutcome.UNCONFIRMED if unconfirmed else still_ringing or LegOutcome.FAILED
        return Result(outcome, NORMAL_CLEARING, None, reached=True)
    return Result(leg_outcome(known.cause, known.status), known.cause, known.status, reached=report.rang)


def _by_status(report: Report) -> LegOutcome:
    """How legs ended by themselves of which nothing is told; a 302 is a BUSY without a cause."""
    if report.dial == "BUSY" and report.cause == UNKNOWN:
        return LegOutcome.REDIRECTED
    return _BY_STATUS.get(report.dial, LegOutcome.UNAVAILABLE)
