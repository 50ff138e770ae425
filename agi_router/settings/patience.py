"""How long a route may let a caller wait who is not answered."""

from collections.abc import Iterable

from agi_router.routing.destination import (
    AnnouncementDestination,
    DialplanDestination,
    HangupDestination,
    QueueDestination,
    VoicemailDestination,
)
from agi_router.routing.route import FallbackStep
from agi_router.settings.response_section import ResponseSection

CARRIERS_PATIENCE_S = 120
"""Carriers give up a call that is not answered, the first of them after one minute, most after two or three."""


def unanswered_s(chain: Iterable[FallbackStep]) -> float:
    """How many seconds the steps ring, up to the first that answers the caller or is his last."""
    ring_s = 0.0
    for step in chain:
        match step.destination:
            case AnnouncementDestination(answer=False):
                continue
            case AnnouncementDestination() | QueueDestination():
                break  # answered
            case HangupDestination() | DialplanDestination() | VoicemailDestination():
                break
            case _:
                ring_s += step.timeout_s
    return ring_s


def longest_answer_s(section: ResponseSection, timeout_s: float) -> float:
    """How many seconds the destination of an answer rings at most: as the route says, or its table of values."""
    in_table = (meant.timeout_s or 0 for meant in section.values.values() if meant.queue is None)
    return max(timeout_s, *in_table, 0)
