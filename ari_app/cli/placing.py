"""`agi-router call`: have the running router place a call, and tell what becomes of it while it goes on."""

import signal
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from ari_app.cli.call_views import record_json
from ari_app.cli.outcome import CommandError, Status, unfound
from ari_app.cli.output import console, print_json
from ari_app.control.client import NoRouterError, ask
from ari_app.control.settings import ControlError, ControlSettings
from ari_app.domain.events import CallEvent, StepEnded, StepStarted
from ari_app.domain.record import CallRecord, after
from ari_app.domain.story import story
from ari_app.domain.wording import printable
from ari_app.settings import load_control
from ari_app.storage.codec import restore

WAIT_S: Final = 10.0
ANSWER_S: Final = 10.0
LAST_WORDS_S: Final = 0.3
"""So long after the end of a call its legs may still tell theirs."""


def place_call(config: Path, request: Mapping[str, Any], *, as_json: bool) -> None:
    """Place it, and follow it to its end. Raises CommandError when the two did not come to speak."""
    control = load_control(config)
    with _interrupts(signal.SIG_BLOCK):  # a Ctrl-C at any moment takes the call back: it waits for the next question
        try:
            call_id = str(ask(control, "call", arguments=request)["call_id"])
        except NoRouterError as error:
            raise unfound(config, error, error.remedy, Status.FAILED) from None
        record = CallRecord(call_id=call_id)
        with nullcontext() if as_json else _Telling(console(), call_id) as tell:
            following = _Following(control, call_id)
            while (event := _next(control, following, record)) is not None:
                record = after(record, event)
                if tell is not None:
                    tell(event)
    if as_json:
        print_json(record_json(record))
    elif record.answered_at is not None and record.ended_at is None:
        hang_up = f"agi-router --config {config} steer {call_id} hangup"
        console().print(f"The talk goes on. End it: {hang_up}", markup=False, soft_wrap=True)
    if record.answered_at is None:
        raise CommandError(
            f"nobody speaks: {_why(record)}", f"Step by step: agi-router --config {config} calls {call_id}"
        )


def _why(record: CallRecord) -> str:
    if record.ended_by == "command":
        return "the call was taken back"
    what = record.disposition.value.replace("_", " ")
    return f"{what}: {record.reason.replace('_', ' ')}" if record.reason else what


def parameters(given: Iterable[str]) -> dict[str, str]:
    """From "NAME=VALUE" each. Raises CommandError for what has no name."""
    named: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise CommandError(f"--param {printable(text)} has no NAME=VALUE", "Write --param lead=77.", Status.USAGE)
        named[name] = value
    return named


@contextmanager
def _interrupts(how: int) -> Iterator[None]:
    """Meanwhile Ctrl-C is blocked or unblocked; one that came while it was blocked raises KeyboardInterrupt then."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        signal.pthread_sigmask(how, {signal.SIGINT})
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Telling:
    """Prints the story line by line; on a terminal the time runs below it."""

    def __init__(self, terminal: Console, call_id: str) -> None:
        self._terminal = terminal
        self._events: list[CallEvent] = []
        self._lines = story(call_id, self._next())
        self._record = CallRecord(call_id=call_id)
        self._is_alone = False
        self._status = terminal.status("asking the router", spinner="dots") if terminal.is_terminal else None

    def __enter__(self) -> Callable[[CallEvent], None]:
        if self._status is not None:
            self._status.start()
        return self._tell

    def __exit__(self, *_: object) -> None:
        if self._status is not None:
            self._status.stop()

    def _next(self) -> Iterator[CallEvent]:
        while True:
            yield self._events.pop(0)

    def _tell(self, event: CallEvent) -> None:
        self._events.append(event)
        line = next(self._lines)
        at = f"{line.at.astimezone():%H:%M:%S.%f}"[:-3]
        self._terminal.print(
            Text.assemble((at, "dim"), (f"{line.offset_s * 1000:+9.0f} ms  ", "dim"), line.text), soft_wrap=True
        )
        self._record = after(self._record, event)
        match event:
            case StepEnded(outcome=outcome):
                self._is_alone = outcome != "answered" and bool(self._record.channel_id)
            case StepStarted():
                self._is_alone = False
            case _:
                pass
        if self._status is not None:
            self._status.update(_state(self._record, is_alone=self._is_alone))


def _state(record: CallRecord, *, is_alone: bool) -> str:
    """What goes on, in a few words. `is_alone`: one has picked up, and the other was not reached."""
    customer, agent = printable(record.called_number), printable(record.caller_name) or "the agent"
    if record.answered_at is not None:
        return f"{agent} speaks with {customer}; Ctrl-C leaves them alone"
    if is_alone:
        one, other = (agent, customer) if record.first == "agent" else (customer, agent)
        return f"{other} was not reached, which {one} is told; Ctrl-C ends it"
    who = agent if bool(record.channel_id) == (record.first == "customer") else customer
    return f"{who} is rung; Ctrl-C takes the call back"


class _Following:
    """The events of a call as they happen, to its end and the ends of its legs."""

    def __init__(self, control: ControlSettings, call_id: str) -> None:
        self._control = control
        self._call_id = call_id
        self._count = 0
        self._is_over = False
        self._told: list[CallEvent] = []

    def next(self) -> CallEvent | None:
        """Wait for the next one; None when there will be no more."""
        while not self._told:
            wait_s = LAST_WORDS_S if self._is_over else WAIT_S
            asked = {"call_id": self._call_id, "after": self._count, "wait_s": wait_s}
            with _interrupts(signal.SIG_UNBLOCK):
                told = ask(self._control, "follow", wait_s + ANSWER_S, asked)
            if self._is_over and not told["events"]:
                return None
            self._is_over = self._is_over or told["is_over"]
            self._count += len(told["events"])
            stored = [restore(datetime.fromisoformat(one["at"]), one["type"], one["data"]) for one in told["events"]]
            self._told = [one.event for one in stored if one.event is not None]
        return self._told.pop(0)


def _next(control: ControlSettings, following: _Following, record: CallRecord) -> CallEvent | None:
    """The next event. Ctrl-C takes back a call that nobody has answered, and lets a talk go on."""
    try:
        return following.next()
    except KeyboardInterrupt:
        if record.answered_at is not None:
            return None
        with suppress(ControlError):  # it has just ended by itself, which is told by what comes next
            ask(control, "steer", arguments={"call_id": record.call_id, "action": "hangup"})
        return following.next()
