"""A call that can be told."""

from datetime import UTC, datetime, timedelta

from ari_app.domain import events as e
from ari_app.domain.story import story

START = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
ADA = "PJSIP/ada at sip:ada@127.0.0.1:5071"


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def arrived(**changes: object) -> e.CallArrived:
    given: dict[str, object] = {
        "route": "sales",
        "called_number": "+14155550100",
        "caller_number": "+14155550177",
        "caller_name": "Grace",
        "caller_withheld": False,
        "channel_id": "1.1",
    }
    return e.CallArrived(at=START, **(given | changes))  # type: ignore[arg-type]


def dialled(leg: str = "leg-1") -> e.LegDialled:
    return e.LegDialled(at=at(0.06), leg=leg, endpoint="PJSIP/ada", contact="sip:ada@127.0.0.1:5071")


def told(*happened: e.CallEvent) -> list[str]:
    return [line.text for line in story("call-1", happened)]
