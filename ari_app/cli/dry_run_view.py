"""`agi-router test-route`: the dry run's outcome, for people and for programs."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import assert_never

import typer
from rich.console import Console
from rich.text import Text

from agi_router.document import ConfigError
from agi_router.routing.decision import Decision, ReceivedAnswer, SentRequest, Source
from agi_router.routing.destination import HangupDestination, LastAgentDestination
from agi_router.routing.errors import Failure
from agi_router.routing.hours import Closed, Open, State
from agi_router.routing.order import IfBusy, Order
from agi_router.routing.step import Action, Ring, Step
from agi_router.routing.understood import Understood
from ari_app.calls.asking import outside_hours
from ari_app.cli.dry_run import Files
from ari_app.cli.outcome import Status, tell
from ari_app.cli.output import console, print_json
from ari_app.domain.story import BUSY, outside_hours_sentence
from ari_app.domain.wording import ago, day_and_time, printable
from ari_app.live.dry_run import Device, Outcome, Question, StandingMember, decide, wrong_with
from ari_app.live.dry_run_json import as_object
from ari_app.settings import load_settings
from ari_app.storage.errors import StorageError

_LONGEST_BODY = 2000
WOULD_RING = "would ring"
_IF_BUSY = {
    IfBusy.RING: "who is busy rings all the same",
    IfBusy.SKIP: "who is busy is skipped",
    IfBusy.WAIT: "who is busy is waited for",
}


def dry_run(config: Path, question: Question, *, as_json: bool) -> None:
    """Ask and show. Ends with status 1 when there is no destination, 2 when the question itself is wrong."""
    outcome, status = _outcome(config, question, as_json=as_json)
    if as_json:
        print_json(as_object(outcome))
    else:
        _show(outcome)
    raise typer.Exit(status)


def _outcome(config: Path, question: Question, *, as_json: bool) -> tuple[Outcome, Status]:
    wrong = wrong_with(question)
    if wrong is not None:
        return Outcome(route=question.route, error=wrong), Status.USAGE
    try:
        settings = load_settings(config)
    except ConfigError as error:
        if not as_json:
            raise
        what = "; ".join(map(str, error.problems))
        invalid = Failure("configuration_invalid", what, "mend the configuration: check-config")
        return Outcome(route=question.route, error=invalid), Status.USAGE
    try:
        outcome = asyncio.run(decide(Files(settings), question))
    except StorageError as error:
        if not as_json:
            raise
        unusable = Failure("database_unusable", str(error), error.remedy)
        return Outcome(route=question.route, error=unusable), Status.FAILED
    return outcome, Status.OK if outcome.leads else Status.FAILED


def _show(outcome: Outcome) -> None:
    terminal = console()
    decision = outcome.decision
    if decision is not None:
        if outcome.hours is not None:
            _row(terminal, "hours", _hours(outcome.hours))
        _show_lookup(terminal, decision)
        if decision.destination is not None:
            named = f"{decision.destination.type} {decision.destination.value}"
            _row(terminal, "destination", named + _last_agent(decision.steps[0]))
        for how in _how(decision.steps[0].action if outcome.members else None):
            _row(terminal, "order", how)
        for member in outcome.members:
            _row(terminal, "member", _member(member))
        for device in outcome.devices:
            _row(terminal, *_device(device))
        for blocked in outcome.blocked:
            _row(terminal, "not now", f"{blocked.number}: {blocked.why.message} [{blocked.why.code}]")
            _row(terminal, "", blocked.why.remedy)
        for what in _afterwards(decision):
            _row(terminal, "then", what)
    if outcome.error is not None:
        tell(f"{outcome.error.message} [{outcome.error.code}]", outcome.error.remedy)


def _show_lookup(terminal: Console, decision: Decision) -> None:
    for attempt in decision.failed_attempts:
        _show_exchange(terminal, attempt.request, attempt.answer)
        _row(terminal, "failed", f"{attempt.failure.message} [{attempt.failure.code}]")
        _row(terminal, "", attempt.failure.remedy)
    _show_exchange(terminal, decision.request, decision.answer)
    if decision.value is not None:
        is_old = decision.source is Source.LAST_GOOD
        old = f" (the caller's last good answer, from {ago(decision.age_s)}, as the API is down)" if is_old else ""
        _row(terminal, "value", decision.value + old)
    if (gone := decision.recall_error) is not None:
        _row(
            terminal,
            "last good",
            f"answer from {ago(decision.age_s)} leads nowhere by now: {gone.message} [{gone.code}]",
        )
    if decision.understood is not None:
        for what, carried in _carried_rows(decision.understood):
            _row(terminal, what, carried)


def _hours(state: State) -> str:
    match state:
        case Open(until):
            within = "open, and does not close within 400 days"
            return within if until is None else f"open until {day_and_time(until)} {until:%Z}"
        case Closed():
            return outside_hours_sentence(outside_hours(state))
        case _:
            assert_never(state)


def _carried_rows(understood: Understood) -> Iterator[tuple[str, str]]:
    if understood.caller_name:
        yield "caller name", understood.caller_name
    if understood.ring_s is not None:
        yield "ring timeout", f"{understood.ring_s:g} s"
    if understood.record is not None:
        yield "record", "yes" if understood.record else "no"
    for name, value in understood.headers.items():
        yield "header", f"{name}: {value}"
    for name, value in understood.variables.items():
        yield "variable", f"{name}={value}"
    for note in understood.notes:
        yield "note", note


def _show_exchange(terminal: Console, request: SentRequest | None, answer: ReceivedAnswer | None) -> None:
    if request is not None:
        _row(terminal, "request", f"{request.method} {request.url}")
        for name, value in request.headers.items():
            _row(terminal, "", f"{name}: {value}")
        if request.body:
            _row(terminal, "", request.body)
    if answer is not None:
        _row(terminal, "answer", f"{answer.status} in {answer.elapsed_ms:.0f} ms")
        _row(terminal, "", answer.body[:_LONGEST_BODY] + ("…" if len(answer.body) > _LONGEST_BODY else ""))


def _row(terminal: Console, name: str, text: str) -> None:
    terminal.print(Text.assemble((f"{name:<12} ", "bold"), printable(text)), soft_wrap=True)


def _how(action: Action | None) -> Iterator[str]:
    """In which order the members ring, and what becomes of those who are busy."""
    if isinstance(action, Ring):
        each = "" if action.order is Order.SIMULTANEOUS else f", {action.ring_each_s:g} s each"
        yield f"{action.order.replace('_', ' ')}{each}; {_IF_BUSY[action.if_busy]}"
        for unable in action.unable:
            yield f"without {unable.name}: {unable.failure.message}"


def _member(member: StandingMember) -> str:
    """Who, and whether he is busy."""
    who = f"{member.name} ({member.user})" if member.user and member.name != member.user else member.name
    if member.for_s is not None:
        return f"{who}: in wrap-up for {member.for_s:.0f} s more"
    if member.state is None:
        return f"{who} (Asterisk cannot be asked whether he is busy)"
    return f"{who}: {BUSY.get(member.state, member.state)}"


def _device(device: Device) -> tuple[str, str]:
    """Whether it would ring, and where."""
    what, where = _rings(device)
    return what, f"{where}; has to confirm" if device.confirm and what == WOULD_RING else where


def _rings(device: Device) -> tuple[str, str]:
    if device.state is None:
        return WOULD_RING, f"{device.endpoint} (Asterisk cannot be asked whether it is there)"
    if device.state == "missing":
        return "cannot ring", f"{device.endpoint}: Asterisk has no such endpoint"
    named = f"{device.endpoint} ({device.state})"
    if device.contacts is None:
        return WOULD_RING, named
    if not device.contacts:
        return "cannot ring", f"{named}: not registered"
    return WOULD_RING, f"{named} at {', '.join(device.contacts)}"


def _afterwards(decision: Decision) -> Iterator[str]:
    """What comes after the answer's destination, should nobody be reached; a hangup is the end of it."""
    for position, step in enumerate(decision.steps):
        if position > 0 or decision.destination is None:
            yield _step(step)
        if isinstance(step.destination, HangupDestination):
            return
    yield "back to the dialplan"


def _step(step: Step) -> str:
    what = f"{step.destination.type} {step.destination.value}{_last_agent(step)}"
    if step.refused is not None:
        return f"{what}: refused, {step.refused.message}"
    return f"{what}, at most {step.timeout_s:g} s" if step.targets else what


def _last_agent(step: Step) -> str:
    """Who that is, of a step that looks for him."""
    if not isinstance(step.destination, LastAgentDestination) or not isinstance(step.action, Ring):
        return ""
    return f" ({step.action.members[0].name})"
