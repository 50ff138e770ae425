"""What became of what the dialplan did: read from its report, and put on record."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final, assert_never

from agi_router.fastagi.contacts import Evaluates
from ari_app.agi.call import LONGEST_S, Dialling, DialplanCall, Playing, Queueing
from ari_app.agi.report import Report, dialled_by, endpoint_of_key
from ari_app.agi.results import ANSWER, PlacedLeg, causes, keys_of, result, winner
from ari_app.calls.announcing import unplayable
from ari_app.calls.clock import now
from ari_app.calls.ids import leg_channel_id
from ari_app.calls.queueing import SERVED, Queued, came_of, member_endpoint
from ari_app.calls.ringing import most_telling
from ari_app.domain import events as e
from ari_app.domain.causes import INTERWORKING, NORMAL_CLEARING, UNKNOWN, LegOutcome

PLAYED: Final = "SUCCESS"
OK: Final = 200

GAVE_UP: Final = frozenset({"", "CANCEL"})
"""DIALSTATUS of a Dial() in which the caller hung up. After any other one he went on in the dialplan."""

WENT_ON: Final = "it went on by itself after its Dial()"


async def take_in(
    call: DialplanCall, report: Report, dialplan: Evaluates, user_of: Callable[[str], str], *, is_over: bool
) -> bool:
    """Put on record how what the dialplan did has ended; whether somebody spoke with the caller.

    `user_of` knows whose an endpoint is. When `is_over`, the caller's channel is gone.
    """
    doing, call.doing = call.doing, None
    outcome = LegOutcome.CANCELLED.value
    keys = [key for key in report.keys if key not in call.seen_keys and key != call.channel]
    call.seen_keys.update(report.keys)
    call.fall_silent()
    served = False
    match doing:
        case Dialling(legs):
            outcome = await _dialled(call, legs, keys, report, dialplan)
            served = outcome == LegOutcome.ANSWERED
        case Queueing() if report.queue == SERVED:
            await _served(call, keys, report, dialplan, user_of)
            served = True
        case Queueing(queue) if not is_over:
            _queued(call, came_of(queue, report.queue or "UNKNOWN"))
        case Playing(sounds) if not is_over:
            _played(call, sounds, report)
        case Queueing() | Playing() | None:
            pass
        case _:
            assert_never(doing)
    if is_over and doing is not None and not served:
        call.tell_step_end(outcome)
        if outcome != LegOutcome.CANCELLED:
            call.tell(e.SentToDialplan(at=now(), reason=WENT_ON))
    return served


async def _dialled(
    call: DialplanCall, legs: Sequence[PlacedLeg], keys: Sequence[str], report: Report, dialplan: Evaluates
) -> str:
    """One word for how the Dial() ended: ANSWERED, or CANCELLED when the caller hung up in it."""
    won = winner(legs, keys, report) if report.dial == ANSWER else None
    channels = keys_of(legs, keys, won, report.peer)
    for leg in legs:  # before a question in whose midst the caller may hang up
        talk_s = (report.answered_ms or 0) / 1000 if leg is won else None
        call.volume.ended(leg_channel_id(call.call_id, leg.role), now(), talk_s)
    unknown = [key for role, key in channels.items() if won is None or role != won.role]
    known = await causes(dialplan, unknown) if unknown and report.dial != "" else {}
    results = [(leg, result(leg, known.get(channels.get(leg.role, "")), report, has_won=leg is won)) for leg in legs]
    if won is not None:
        _tell_answer(call, won, report)
    for leg, ended in results:
        ended_at = call.answered_at if ended.outcome is LegOutcome.ANSWERED_ELSEWHERE else None
        call.tell(
            e.LegEnded(
                at=ended_at or now(),
                leg=leg.role,
                outcome=ended.outcome.value,
                cause=ended.cause,
                tech_cause=ended.tech_cause,
            )
        )
    if won is None and call.hunt is not None:
        call.hunt.take(results)
    if won is not None:
        return LegOutcome.ANSWERED.value
    if report.dial in GAVE_UP:
        return LegOutcome.CANCELLED.value
    return most_telling(ended.outcome.value for _, ended in results)


def answered(call: DialplanCall, peer: str = "", dialled: str = "", *_: str) -> None:
    """Somebody has picked up: the dialplan told so while the two speak. An older one does not say what it `dialled`.

    It is told beside the call, and may come when another step dials already: that has not been answered.
    """
    if isinstance(call.doing, Dialling) and call.answered_at is None:
        report = Report(peer=peer, dialled=dialled_by(dialled))
        won = winner(call.doing.legs, (), report)
        if won is not None and (not dialled or won.was_dialled_as(report.dialled)):
            _tell_answer(call, won, report)


def _tell_answer(call: DialplanCall, won: PlacedLeg, report: Report) -> None:
    if call.answered_at is not None:
        return
    call.fall_silent()  # Dial() has given the others up
    call.answered_at = _since(report.answered_ms)
    expires_at = now() + timedelta(seconds=LONGEST_S)
    call.volume.answered(leg_channel_id(call.call_id, won.role), call.answered_at, expires_at=expires_at)
    call.tell(e.LegAnswered(at=call.answered_at, leg=won.role))
    call.tell_step_end("answered", at=call.answered_at)
    call.tell(e.CallAnswered(at=call.answered_at, leg=won.role))


async def _served(
    call: DialplanCall, keys: Sequence[str], report: Report, dialplan: Evaluates, user_of: Callable[[str], str]
) -> None:
    """A member of the queue spoke with the caller: the one that Asterisk names, else whose channel was answered."""
    member = report.member.removeprefix("PJSIP/")
    endpoint = member if report.member.startswith("PJSIP/") else member_endpoint(f"{report.member}-")
    if not endpoint:
        known = await causes(dialplan, keys) if keys else {}
        up = [key for key in keys if key in known and known[key].status == OK]
        endpoint = endpoint_of_key(up[-1]).removeprefix("PJSIP/") if up else ""
    call.answered_at = _since(report.answered_ms)
    who = f"PJSIP/{endpoint}" if endpoint else report.member
    call.tell(e.QueueAnswered(at=call.answered_at, member=who, user=user_of(endpoint)))
    call.tell_step_end("answered", at=call.answered_at)


def _queued(call: DialplanCall, came: Queued) -> None:
    why = came.reason
    if why is None:
        call.tell_step_end(came.outcome)
    else:
        call.tell_step_end(came.outcome, code=why.code, detail=why.message, remedy=why.remedy)


def _played(call: DialplanCall, sounds: Sequence[str], report: Report) -> None:
    if report.playback == PLAYED:
        call.tell_step_end("played")
        return
    why = unplayable(", ".join(sounds))
    call.tell_step_end("failed", code=why.code, detail=why.message, remedy=why.remedy)


def tell_end(call: DialplanCall, report: Report, *, was_answered: bool) -> None:
    """The call is over."""
    limit_s = call.treatment.talk_s
    if was_answered and limit_s and (report.answered_ms or 0) >= limit_s * 1000:
        reason = f"the talk reached its limit of {limit_s:g} s"
        call.tell(e.CallEnded(at=now(), by="router", cause=NORMAL_CLEARING, reason=reason))
        return
    by = "callee" if was_answered and report.by != call.channel else "caller"
    told = report.cause if was_answered and report.cause not in (UNKNOWN, INTERWORKING) else None
    cause = NORMAL_CLEARING if told is None else told
    call.tell(e.CallEnded(at=now(), by=by, cause=cause))


def _since(answered_ms: int | None) -> datetime:
    return now() - timedelta(milliseconds=answered_ms or 0)
