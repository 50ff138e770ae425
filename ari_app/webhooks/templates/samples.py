"""Notices of calls as they happen every day, so that people see what a template makes of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from ari_app.domain import events as e
from ari_app.domain.call_notices import Standing, notices_of
from ari_app.domain.call_telling import Folded, Telling, told_after
from ari_app.domain.notices import Notice
from ari_app.domain.parts import Parts, parts_after
from ari_app.domain.record import CallRecord, after
from ari_app.wire.calls import CallWithParts

BEGAN: Final = datetime(2026, 11, 21, 9, 0, 0, 123_000, tzinfo=UTC)
CALLER, OURS, OUTSIDE = "+14155550177", "+14155550100", "+14155550188"


@dataclass(frozen=True, slots=True)
class Who:
    """Ids of the directory: of two users, a team and a queue."""

    user: str = "456"
    colleague: str = "77"
    team: str = "7"
    queue: str = "support"


def samples(who: Who) -> list[Notice]:
    """All that is told of six calls, and of their recordings."""
    calls = (_to_team(who), _transferred(who), _given_up(who), _queued(who), _placed(who), _left_a_message(who))
    return [notice for number, happened in enumerate(calls, 1) for notice in told(_call_id(number), happened)]


def told(call_id: str, happened: Sequence[e.CallEvent], region: str = "US") -> Iterator[Notice]:
    """What a call tells, as the call log derives it."""
    telling, before = Telling(), Folded(CallRecord(call_id=call_id), Parts())
    for seq, event in enumerate(happened, start=1):
        now = Folded(after(before.record, event), parts_after(before.parts, event))
        telling, said = told_after(telling, seq, before, event, now)
        shown = CallWithParts.of(now.record, now.parts.rows).model_dump(mode="json")
        call = Standing(record=now.record, parts=now.parts.rows, shown=shown, seq=str(seq))
        yield from notices_of([(event.at, each) for each in said], call, region)
        before = now


def _to_team(who: Who) -> list[e.CallEvent]:
    """The first one answers, his colleague has missed the call."""
    return [
        *_arrived(),
        _step("team", who.team, who.team),
        *_rings("leg-1", who.user),
        *_rings("leg-2", who.colleague),
        *_answers(5, "leg-1"),
        e.LegEnded(at=_at(5.1), leg="leg-2", outcome="answered_elsewhere", cause=26),
        _over(66),
        _recorded(67),
    ]


def _transferred(who: Who) -> list[e.CallEvent]:
    """The first one passes the call on."""
    return [
        *_arrived(),
        _step("user", who.user),
        *_rings("leg-1", who.user),
        *_answers(5, "leg-1"),
        e.TransferAsked(at=_at(20), by="leg-1", kind="blind", target="102", destination_type="user"),
        *_rings("leg-2", who.colleague, 21),
        e.LegAnswered(at=_at(25), leg="leg-2"),
        e.Transferred(at=_at(25), by="leg-1", leg="leg-2"),
        e.LegEnded(at=_at(25.1), leg="leg-1", outcome="transferred", cause=16),
        _over(60),
    ]


def _given_up(who: Who) -> list[e.CallEvent]:
    """Nobody of the team answers in time, and the caller gives up in the queue."""
    return [
        *_arrived(),
        _step("team", who.team, who.team),
        *_rings("leg-1", who.user),
        e.LegEnded(at=_at(20), leg="leg-1", outcome="no_answer", cause=19),
        e.StepEnded(at=_at(20), step=1, outcome="no_answer"),
        e.StepStarted(at=_at(20), step=2, destination_type="queue", destination=who.queue, timeout_s=60),
        _over(45),
    ]


def _left_a_message(who: Who) -> list[e.CallEvent]:
    """Nobody answers, and the caller speaks to the mailbox."""
    return [
        *_arrived(),
        _step("user", who.user),
        *_rings("leg-1", who.user),
        e.LegEnded(at=_at(20), leg="leg-1", outcome="no_answer", cause=19),
        e.StepEnded(at=_at(20), step=1, outcome="no_answer"),
        e.StepStarted(at=_at(20), step=2, destination_type="voicemail", destination="101@default", timeout_s=0),
        e.SentToDialplan(at=_at(20), reason="voicemail", mailbox="101@default"),
        e.VoicemailLeft(
            at=_at(50),
            mailbox="101@default",
            message_id="1795251650-00000000",
            seconds=12.4,
            recording="rec-2",
            place="2026/11/rec-2.wav",
            media_type="audio/wav",
            size=198_444,
            sha256="9f" * 32,
        ),
    ]


def _queued(who: Who) -> list[e.CallEvent]:
    """Somebody of the queue answers."""
    answer = e.QueueAnswered(at=_at(12), member="PJSIP/ada", user=who.user)
    return [*_arrived(), _step("queue", who.queue), answer, _over(50)]


def _placed(who: Who) -> list[e.CallEvent]:
    """A call that was asked for: both answer."""
    return [
        e.CallRequested(at=BEGAN, first="agent", user=who.user, user_name="", number=OUTSIDE, caller_id=OURS),
        *_rings("leg-1", who.user),
        e.LegAnswered(at=_at(3), leg="leg-1"),
        e.FirstAnswered(at=_at(3), leg="leg-1", channel_id="leg-1"),
        *_rings("leg-2", "", 4),
        *_answers(9, "leg-2"),
        _over(40),
        _recorded(41),
    ]


def _call_id(number: int) -> str:
    return f"{BEGAN:%Y%m%dT%H%M%S}-{number:012x}"


def _at(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def _arrived() -> list[e.CallEvent]:
    return [
        e.CallArrived(
            at=BEGAN,
            route="sales",
            called_number=OURS,
            caller_number=CALLER,
            caller_name="Grace",
            caller_withheld=False,
            channel_id="1795251600.12",
        )
    ]


def _step(kind: str, name: str, team: str = "") -> e.StepStarted:
    return e.StepStarted(at=_at(0.2), step=1, destination_type=kind, destination=name, timeout_s=25, team=team)


def _rings(leg: str, user: str, seconds: float = 0.2) -> list[e.CallEvent]:
    endpoint = f"PJSIP/{user or 'trunk'}"
    return [
        e.LegDialled(at=_at(seconds), leg=leg, endpoint=endpoint, contact="sip:192.0.2.10", user=user),
        e.LegRinging(at=_at(seconds + 0.1), leg=leg),
    ]


def _answers(seconds: float, leg: str) -> list[e.CallEvent]:
    return [
        e.LegAnswered(at=_at(seconds), leg=leg),
        e.CallAnswered(at=_at(seconds), leg=leg),
        e.StepEnded(at=_at(seconds), step=1, outcome="answered"),
    ]


def _over(seconds: float) -> e.CallEnded:
    return e.CallEnded(at=_at(seconds), by="caller", cause=16)


def _recorded(seconds: float) -> e.RecordingStored:
    return e.RecordingStored(
        at=_at(seconds),
        name="rec-1",
        place="2026/11/rec-1.wav",
        media_type="audio/wav",
        size=976_044,
        sha256="9f" * 32,
        seconds=61.0,
    )
