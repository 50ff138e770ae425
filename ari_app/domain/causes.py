"""Hangup causes: Q.850 numbers and SIP statuses into the words of the record.

Sources: ITU-T Q.850 (cause numbers), RFC 3398 (SIP and Q.850 side by side), and what Asterisk 22 was seen to send.
"""

from enum import StrEnum

from agi_router.routing.destination import HangupCause

NORMAL_CLEARING = 16
USER_BUSY = 17
NO_USER_RESPONSE = 18
NO_ANSWER = 19
CALL_REJECTED = 21
ANSWERED_ELSEWHERE = 26
INTERWORKING = 127  # what Asterisk says of a caller who cancels without a Reason header
UNKNOWN = 0

SIP_MOVED = range(300, 400)
SIP_NOT_FOUND = (404, 410, 484, 604)
SIP_BUSY = (486, 600)
SIP_DECLINED = (403, 603)
SIP_UNAVAILABLE = (480, 408)
SIP_REFUSED = (*SIP_BUSY, *SIP_DECLINED)  # somebody, or something, was there and said no


class LegOutcome(StrEnum):
    """How a leg ended."""

    ANSWERED = "answered"  # it won, spoke, and hung up
    ANSWERED_ELSEWHERE = "answered_elsewhere"
    CANCELLED = "cancelled"  # the caller gave up
    NO_ANSWER = "no_answer"
    SETUP_TIMEOUT = "setup_timeout"  # its trunk said nothing but 100 Trying in time, and the next one is tried
    GUESSED_WRONG = "guessed_wrong"  # it was called before the API had answered, and the answer was another
    BUSY = "busy"
    DECLINED = "declined"
    UNCONFIRMED = "unconfirmed"  # it was picked up, perhaps by a voicemail, and nobody pressed the key
    REDIRECTED = "redirected"  # a 302; its target is rung as a leg of its own, if the dial policy allows it
    REFUSED = "refused"  # a limit of the dial policy was reached; it was never dialled
    UNAVAILABLE = "unavailable"
    NOT_FOUND = "not_found"
    FAILED = "failed"
    TRANSFERRED = "transferred"  # it handed the call over to another one
    JOINED = "joined"  # it goes on in another call
    LOST = "lost"  # gone while nobody was looking


def leg_outcome(cause: int, tech_cause: int | None) -> LegOutcome:
    """Why a leg that was never answered ended by itself: the SIP status decides where it is known, else Q.850."""
    if tech_cause:
        if tech_cause in SIP_MOVED:
            return LegOutcome.REDIRECTED
        if tech_cause in SIP_BUSY:
            return LegOutcome.BUSY
        if tech_cause in SIP_DECLINED:
            return LegOutcome.DECLINED
        if tech_cause in SIP_NOT_FOUND:
            return LegOutcome.NOT_FOUND
        if tech_cause in SIP_UNAVAILABLE:
            return LegOutcome.UNAVAILABLE
    match cause:
        case 17:
            return LegOutcome.BUSY
        case 21:
            return LegOutcome.DECLINED
        case 1 | 3 | 22 | 28:
            return LegOutcome.NOT_FOUND
        case 18 | 19 | 20:
            return LegOutcome.UNAVAILABLE
        case _:
            return LegOutcome.FAILED


# A `hangup` destination's cause is also ARI's `reason` word. Without one Asterisk sends 603 (seen on 22.10.1), so every
# hangup of ours names its reason.
Q850 = {
    HangupCause.NORMAL: 16,
    HangupCause.BUSY: 17,
    HangupCause.NO_ANSWER: 19,
    HangupCause.CONGESTION: 34,
    HangupCause.UNALLOCATED: 1,
    HangupCause.REJECTED: 21,
}

# What a call that was asked for ends with, by the outcome of its last step.
Q850_OF_OUTCOME = {
    LegOutcome.BUSY.value: USER_BUSY,
    LegOutcome.NO_ANSWER.value: NO_ANSWER,
    LegOutcome.DECLINED.value: CALL_REJECTED,
    LegOutcome.UNAVAILABLE.value: 20,
    LegOutcome.NOT_FOUND.value: 1,
    LegOutcome.FAILED.value: 38,
    "refused": CALL_REJECTED,
}
