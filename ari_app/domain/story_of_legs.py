"""The sentences of the trace that tell of legs: who rings, who answers, how each one ends and why."""

from typing import assert_never

from ari_app.domain import events as e
from ari_app.domain.record import CallRecord
from ari_app.domain.wording import capitalised

_Q850 = {
    0: "unknown",
    1: "unallocated number",
    3: "no route to destination",
    16: "normal clearing",
    17: "user busy",
    18: "no user response",
    19: "no answer",
    20: "absent",
    21: "call rejected",
    22: "number changed",
    23: "redirected",
    26: "answered elsewhere",
    27: "destination out of order",
    28: "invalid number",
    29: "facility rejected",
    31: "normal, unspecified",
    34: "congestion",
    38: "network out of order",
    41: "temporary failure",
    42: "switch congestion",
    44: "circuit not available",
    50: "facility not subscribed",
    57: "bearer capability not authorized",
    58: "bearer capability not available",
    88: "incompatible destination",
    102: "timer expired",
    127: "interworking",
}
_LEG_ENDED = {
    "answered": "hung up",
    "busy": "is busy",
    "declined": "declined",
    "unconfirmed": "did not confirm, and has not answered",
    "redirected": "redirected the call",
    "unavailable": "is unavailable",
    "not_found": "was not found",
    "failed": "failed",
    "transferred": "handed the call over",
    "joined": "goes on in another call",
    "lost": "is gone; its end was not seen",
}
_LEG_TAKEN_BACK = {
    "answered_elsewhere": "answered elsewhere",
    "cancelled": "the caller gave up",
    "no_answer": "nobody answered in time",
    "setup_timeout": "the trunk did not react in time, and the next one is tried",
    "refused": "a limit of the dial policy is reached",
    "guessed_wrong": "it had been guessed, and the answer was another",
}
GIVEN_UP = "nobody waits for it any more"
"""A call that was asked for: by whoever asked, or by whoever was rung first."""


def before_answer(event: e.LegRinging | e.LegProgressed | e.LegRedirected) -> str:
    """What a leg does that nobody has answered."""
    match event:
        case e.LegRinging():
            return "rings"
        case e.LegProgressed():
            return "sends sound before the answer"
        case e.LegRedirected(target=target, code=""):
            return f"is forwarded to {target}, which is called instead"
        case e.LegRedirected(target=target, code=code, detail=detail, remedy=remedy):
            where = f" to {target}" if target else ""
            return f"is forwarded{where}, not followed: {detail} [{code}]. {capitalised(remedy)}"
        case _:
            assert_never(event)


def leg_of(record: CallRecord, name: str) -> str:
    """The phone of this leg; its role where it is not on record."""
    leg = record.leg(name)
    return device(leg.endpoint, leg.contact) if leg else name


def device(endpoint: str, contact: str) -> str:
    """Endpoint and contact; the dial string of a trunk names its endpoint already."""
    if not contact:
        return endpoint
    return contact if contact.partition("@")[2] == endpoint.removeprefix("PJSIP/") else f"{endpoint} at {contact}"


def after_ringing(record: CallRecord, event: e.LegAnswered) -> str:
    """How long it rang, with a blank in front."""
    leg = record.leg(event.leg)
    return f" after {(event.at - leg.dialled_at).total_seconds():.1f} s" if leg else ""


def confirms(event: e.ConfirmationAsked | e.LegConfirmed) -> str:
    """Whoever picked up is asked for a key, or has pressed it."""
    if isinstance(event, e.LegConfirmed):
        return "confirmed"
    return f"has to confirm: asked to press {event.digit}"


def leg_ended(record: CallRecord, event: e.LegEnded) -> str:
    """How it ended: by itself, or taken back and why."""
    leg = record.leg(event.leg)
    reason = GIVEN_UP if event.outcome == "cancelled" and record.first else _LEG_TAKEN_BACK.get(event.outcome)
    if leg is not None and leg.asked_at and not leg.confirmed_at and reason is not None:
        return f"was hung up before it confirmed: {reason}"
    if event.outcome == "answered_elsewhere" and leg is not None and leg.answered_at is not None:
        return "was hung up: it was picked up in the same moment, answered elsewhere"
    if reason is not None:
        rang = leg is not None and leg.ringing_at is not None
        if record.door == "agi":  # whether its phones rang is not known
            return f"was given up: {reason}"
        return f"stopped ringing: {reason}" if rang else f"was given up before it rang: {reason}"
    return _LEG_ENDED.get(event.outcome, event.outcome)


def cause_of(cause: int, tech_cause: int | None) -> str:
    """Asterisk's cause (Q.850) by its name, and the SIP status."""
    named = f"cause {cause} {_Q850[cause]}" if cause in _Q850 else f"cause {cause}"
    return f"{named}, SIP {tech_cause}" if tech_cause else named
