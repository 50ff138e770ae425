"""What is counted while calls go on, from the events that are written of them.

Labels come from the configuration and from closed lists of words, never from a caller: their number is bounded.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics

from ari_app.domain import events as e
from ari_app.domain.activities import ActivityState
from ari_app.domain.deliveries import Backlog
from ari_app.domain.events import CallEvent
from ari_app.domain.record import CallRecord, after

log = structlog.get_logger("agi_router.metrics")

MOST_CALLS: Final = 10_000
"""So many calls are followed at a time; those beyond are counted without their times."""

_DELAYS: Final = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)
_ANSWERS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
_NOBODY: Final = ""

disable_created_metrics()  # type: ignore[no-untyped-call]  # a moment beside each counter, of which nobody asks


@dataclass(slots=True)
class _Followed:
    """A call since its arrival: its record, and which of its firsts are still to come."""

    record: CallRecord
    since: datetime
    is_dialled: bool = False
    rings: bool = False
    asked: str = _NOBODY
    asked_at: datetime | None = None
    is_over: bool = field(default=False)


_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Measures:
    """Counts; `registry` holds what was counted.

    `waiting` is what the database has last told of webhooks, by their ids, `activities` how many activities of each
    state CRMs have, by their names; None when it does not tell.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self.waiting: Mapping[str, Backlog] | None = None
        self.activities: Mapping[str, Mapping[ActivityState, int]] | None = None
        self._followed: dict[str, _Followed] = {}
        self._arrivals = Counter(
            "agi_router_calls_started", "Calls that came, or were asked for", ["direction"], registry=self.registry
        )
        self._calls = Counter(
            "agi_router_calls_ended", "Calls that are over", ["direction", "disposition"], registry=self.registry
        )
        self._dialled = self._delay("dial", "From the arrival of a call to its first INVITE")
        self._rung = self._delay("ringing", "From the arrival of a call to the first sign of ringing, or sound")
        self._legs = Counter("agi_router_legs_ended", "Phones that were rung", ["outcome"], registry=self.registry)
        self._lookups = Counter(
            "agi_router_lookups", "Questions to an API", ["upstream", "outcome"], registry=self.registry
        )
        self._answers = Histogram(
            "agi_router_lookup_duration_seconds",
            "From a request to its answer, or its failure",
            ["upstream"],
            registry=self.registry,
            buckets=_DELAYS,
        )
        self._refusals = Counter(
            "agi_router_policy_refusals", "Numbers outside that were not dialled", ["code"], registry=self.registry
        )
        self._transfers = Counter("agi_router_transfers", "Transfers", ["outcome"], registry=self.registry)
        self._requests = Counter(
            "agi_router_web_requests",
            "Requests of the REST API",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self._took = Histogram(
            "agi_router_web_request_duration_seconds",
            "From the head of a request to the end of its answer",
            registry=self.registry,
            buckets=_ANSWERS,
        )

    def witness(self, call_id: str, event: CallEvent) -> None:
        """Count this event. Never raises: a call does not depend on being counted."""
        try:
            self._count(call_id, event)
        except Exception:
            log.exception("an event was not counted, by a fault of the router", call_id=call_id)
            self._followed.pop(call_id, None)

    def request(self, method: str, route: str, status: int, took_s: float) -> None:
        """Count a request of the API: `route` is the template of its path, "" for none of ours."""
        if not route or method not in _METHODS:
            method = "other"  # strangers invent methods, and each that is counted stays
        self._requests.labels(method, route, str(status)).inc()
        self._took.observe(took_s)

    def _delay(self, what: str, help_text: str) -> Histogram:
        return Histogram(
            f"agi_router_post_dial_{what}_seconds", help_text, ["direction"], registry=self.registry, buckets=_DELAYS
        )

    def _count(self, call_id: str, event: CallEvent) -> None:
        match event:
            case e.CallArrived() | e.CallRequested():
                record = after(CallRecord(call_id=call_id), event)
                self._arrivals.labels(record.direction.value).inc()
                if len(self._followed) < MOST_CALLS:
                    self._followed[call_id] = _Followed(record, event.at)
                return
            case e.LegEnded():
                self._legs.labels(event.outcome).inc()
            case e.NumberRefused():
                self._refusals.labels(event.code).inc()
            case e.Transferred():
                self._transfers.labels("done").inc()
            case e.TransferFailed():
                self._transfers.labels(event.outcome).inc()
            case _:
                pass
        if (followed := self._followed.get(call_id)) is not None:
            followed.record = after(followed.record, event)
            self._follow(followed, event)
            if followed.is_over:
                del self._followed[call_id]

    def _follow(self, call: _Followed, event: CallEvent) -> None:
        match event:
            case e.RequestSent():
                call.asked, call.asked_at = _origin(event.url), event.at
            case e.AnswerReceived():
                self._answers.labels(call.asked).observe(event.elapsed_ms / 1000)
                call.asked_at = None
            case e.DestinationFound():
                self._asked(call, event.at, "found" if event.source == "answer" else event.source)
            case e.AttemptFailed() | e.LookupFailed():
                self._asked(call, event.at, event.code)
            case e.LegDialled() if not call.is_dialled:
                call.is_dialled = True
                self._since(self._dialled, call, event.at)
            case e.LegRinging() | e.LegProgressed() if not call.rings:
                call.rings = True
                self._since(self._rung, call, event.at)
            case e.CallEnded() | e.SentToDialplan():
                call.is_over = True
                self._calls.labels(call.record.direction.value, call.record.disposition.value).inc()
            case _:
                pass

    def _asked(self, call: _Followed, at: datetime, outcome: str) -> None:
        """One question has come to this; a question that was never sent has no upstream."""
        if call.asked_at is not None:
            self._answers.labels(call.asked).observe((at - call.asked_at).total_seconds())
        self._lookups.labels(call.asked, outcome).inc()
        call.asked, call.asked_at = _NOBODY, None

    def _since(self, histogram: Histogram, call: _Followed, at: datetime) -> None:
        histogram.labels(call.record.direction.value).observe(max(0.0, (at - call.since).total_seconds()))


def _origin(url: str) -> str:
    """Which the configuration names: templates never reach the host."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
