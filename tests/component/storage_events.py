"""Events of invented calls, as the stories would tell them."""

from datetime import UTC, datetime, timedelta

from ari_app.domain import events as e

START = datetime(2026, 3, 1, 9, 30, 0, 123456, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def arrived(seconds: float = 0, caller: str = "+14155550177") -> e.CallArrived:
    return e.CallArrived(
        at=at(seconds),
        route="sales",
        called_number="+14155550100",
        caller_number=caller,
        caller_name="Grace",
        caller_withheld=False,
        channel_id="1772357400.1",
    )


def answered_call() -> list[e.CallEvent]:
    """Ada's desk phone and her mobile ring; the desk phone wins."""
    return [
        arrived(),
        e.RequestSent(at=at(0.003), method="GET", url="https://api.example.com/v1", headers={"X-Source": "pbx"}),
        e.AnswerReceived(at=at(0.052), status=200, body='{"user": 456}', elapsed_ms=49.0),
        e.CallerDescribed(at=at(0.053), caller_name="Grace", headers={"X-Id": "7"}, notes=["odd"]),
        e.DestinationFound(at=at(0.053), value="456", destination_type="user", destination="456"),
        e.StepStarted(at=at(0.054), step=1, destination_type="user", destination="456", timeout_s=25),
        e.LegDialled(at=at(0.06), leg="leg-1", endpoint="ada", contact="sip:ada@127.0.0.1:5071"),
        e.LegDialled(at=at(0.06), leg="leg-2", endpoint="ada-mobile", contact="sip:ada@127.0.0.1:5072"),
        e.LegRinging(at=at(0.08), leg="leg-1"),
        e.LegAnswered(at=at(2.5), leg="leg-1"),
        e.CallAnswered(at=at(2.51), leg="leg-1"),
        e.LegEnded(at=at(2.53), leg="leg-2", outcome="answered_elsewhere", cause=26, tech_cause=487),
        e.StepEnded(at=at(2.54), step=1, outcome="answered"),
        e.CallEnded(at=at(12.51), by="caller", cause=16),
    ]


def late_leg_end() -> e.LegEnded:
    return e.LegEnded(at=at(12.6), leg="leg-1", outcome="answered", cause=16, tech_cause=200)
