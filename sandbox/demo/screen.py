"""How the demo looks: on a terminal in colours, elsewhere as plain lines."""

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from ari_app.domain import events as e
from ari_app.domain.events import CallEvent
from ari_app.domain.story import Line
from sandbox.demo.company import ANSWER_PATH, EXTENSIONS, OFFICE, OWNERS, SOFTPHONE, Company
from sandbox.demo.outcome import Outcome, facts
from sandbox.demo.scripts import SCRIPTS, Script
from sandbox.layout import phone_password

_WIDTH_OF_A_PIPE = 120
_RECEIVER = "http://127.0.0.1:9000/hooks"  # where docs/webhooks.md has it
_MARKS: dict[type[Any], tuple[str, str]] = {
    e.CallArrived: ("☎", "bold cyan"),
    e.RequestSent: ("→", "blue"),
    e.AnswerReceived: ("←", "blue"),
    e.AttemptFailed: ("!", "yellow"),
    e.CallerDescribed: ("←", "blue"),
    e.Guessed: ("?", "cyan"),
    e.GuessJudged: ("?", "cyan"),
    e.DestinationFound: ("✓", "bold green"),
    e.LookupFailed: ("✗", "bold yellow"),
    e.RecallFailed: ("✗", "bold yellow"),
    e.StepStarted: ("▸", "bold"),
    e.LegRinging: ("♪", "magenta"),
    e.LegAnswered: ("✓", "bold green"),
    e.ConfirmationAsked: ("?", "cyan"),
    e.LegConfirmed: ("✓", "bold green"),
    e.CallAnswered: ("✓", "bold green"),
    e.CallEnded: ("■", "bold cyan"),
    e.SentToDialplan: ("■", "bold yellow"),
}


class Screen:
    """Everything that the demo prints."""

    def __init__(self) -> None:
        plain = not sys.stdout.isatty() and "COLUMNS" not in os.environ
        self._console = Console(highlight=False, width=_WIDTH_OF_A_PIPE if plain else None)
        self._told_last = ""

    @contextmanager
    def starting(self) -> Iterator[Callable[[str], None]]:
        """A sign of life while everything starts; what it yields is told what is waited for."""
        starting = "Starting Asterisk, a CRM, the router and the phones"
        if not self._console.is_terminal:
            self._say(f"{starting}.")
        with self._console.status(starting) as status:

            def waiting(what: str) -> None:
                status.update(f"{starting}; waiting for {what}")
                if not self._console.is_terminal:
                    self._say(f"Waiting for {what}.")

            yield waiting

    def cast(self, company: Company) -> None:
        """What runs, and where."""
        pids = company.pids
        table = _grid()
        sip = f"SIP at {company.asterisk.address}:{company.asterisk.sip_port}"
        table.add_row("Asterisk 22", sip, _pid(pids.get("Asterisk")))
        table.add_row("CRM", company.crm_url, _pid(company.crm.pid))
        table.add_row(
            "agi-router", f"rings the user named at {ANSWER_PATH} of the CRM's answer", _pid(pids.get("the router"))
        )
        for name, phone in company.phones.items():
            table.add_row("phone", f"{name}, of {OWNERS[name]}", _pid(phone.pid))
        self._console.print(Rule(Text("agi-router demo", "bold"), align="left", style="dim"))
        self._say("Everything below is real, runs on this machine, and listens on 127.0.0.0/8 only.")
        self._console.print(Padding(table, (0, 2)))

    def opens(self, number: int, script: Script) -> None:
        """The heading of one of the demo's own calls."""
        self._told_last = ""
        self._console.print()
        self._console.print(Rule(Text(f"{number}. {script.title}", "bold"), align="left", style="dim"))
        self._say(script.about)
        self._console.print()

    def tell(self, call_id: str, event: CallEvent, line: Line) -> None:
        """One line of a call's story."""
        if self._told_last not in {"", call_id}:
            self._console.print()
        self._told_last = call_id
        mark, style = _MARKS.get(type(event), ("·", "dim"))
        if self._console.is_terminal:
            row = Table.grid(padding=(0, 1))
            row.add_column(width=8, justify="right", no_wrap=True)
            row.add_column(width=1)
            row.add_column(overflow="fold")
            text_style = style if style.startswith("bold") else ""
            row.add_row(Text(f"{line.offset_s:.3f} s", "dim"), Text(mark, style), Text(line.text, text_style))
            self._console.print(row)
        else:
            self._console.print(Text(f"{line.offset_s:7.3f} s  {line.text}"), soft_wrap=True)

    def summary(self, outcomes: Sequence[Outcome]) -> bool:
        """Expected and happened, call by call; tells whether they are the same."""
        failed = 0
        self._console.print()
        table = Table(title=Text("What was expected, and what happened", "bold"), title_justify="left", expand=False)
        for heading in ("call", "", "expected", "happened"):
            table.add_column(heading, overflow="fold")
        for number, (script, happened) in enumerate(zip(SCRIPTS, outcomes, strict=True), 1):
            compared = facts(script.expected, happened)
            failed += not all(fact.as_told for fact in compared)
            for row, fact in enumerate(compared):
                came = Text(fact.happened, "green") if fact.as_told else Text(f"NOT SO: {fact.happened}", "bold red")
                table.add_row(
                    str(number) if row == 0 else "",
                    fact.name,
                    Text(fact.expected),
                    came,
                    end_section=row == len(compared) - 1,
                )
        self._console.print(table)
        if failed:
            self.fail(f"{failed} of {len(outcomes)} calls did not go as expected: see NOT SO above.")
        else:
            self._say(f"All {len(outcomes)} calls went as expected.", "bold green")
        return not failed

    def invite(self, company: Company, key: str) -> None:
        """How to take part; `key` is one of the REST API."""
        account, numbers = _grid(), _grid()
        account.add_row("SIP server", f"{company.asterisk.address}:{company.asterisk.sip_port}  (UDP)")
        account.add_row("user", SOFTPHONE)
        account.add_row("password", phone_password(SOFTPHONE))
        account.add_row("codec", "PCMU or PCMA")
        numbers.add_row(OFFICE, "the CRM knows you as Ada's customer: her three phones ring, her mobile answers")
        numbers.add_row("200", "the CRM does not know the number: Bob answers")
        numbers.add_row("300", "a CRM that is not there: Bob answers")
        self._console.print()
        self._console.print(Rule(Text("Now you", "bold"), align="left", style="dim"))
        self._say("Register a softphone on this machine (Linphone, baresip, Twinkle ...):")
        self._console.print(Padding(account, (0, 2)))
        self._say("and dial; each phone that answers sends a tone of its own:")
        self._console.print(Padding(numbers, (0, 2)))
        self._say("Change the router's configuration, and have it loaded:")
        agi_router = f"{Path(sys.executable).with_name('agi-router')} --config {company.router.config_path}"
        self._to_copy(str(company.router.config_path), f"{agi_router} reload", f"{agi_router} calls")
        self._say(
            "Have the router call somebody for Ada, which shows the call until it is hung up. While they speak, see it"
        )
        self._say("from another terminal, and steer it (any part of its id):")
        ada, bob = EXTENSIONS["Ada"], EXTENSIONS["Bob"]
        commands: tuple[str, ...] = (f"call {ada} {bob}", "live", "steer ID hold")
        self._to_copy(*(f"{agi_router} {command}" for command in commands))
        self._say("Record such a talk, and send her phones a text:")
        commands = (f"call {ada} {bob} --record", f'message {ada} "Grace waits at the door" --from {bob}', "messages")
        self._to_copy(*(f"{agi_router} {command}" for command in commands))
        self._say("Have a program of yours told of all that happens; docs/webhooks.md has receivers to copy:")
        commands = (f"webhooks create mine {_RECEIVER}", "webhooks test mine", "webhooks deliveries mine")
        self._to_copy(*(f"{agi_router} {command}" for command in commands))
        self._invite_programs(company.router.web_url, key)
        self._say("Each call is told here while it happens. Ctrl-C ends the demo and leaves nothing behind.")
        self._console.print()

    def _invite_programs(self, url: str, key: str) -> None:
        self._say("The same as a program does it, by the REST API; this key may do everything, from this machine:")
        asked = json.dumps({"user": EXTENSIONS["Ada"], "number": EXTENSIONS["Bob"]})
        bearer = '-H "Authorization: Bearer $KEY"'
        self._to_copy(
            f"export PBX={url} KEY={key}",
            f"""curl -sS "$PBX/api/v1/calls?wait=answered" {bearer} --json '{asked}'""",
            f'curl -sS "$PBX/api/v1/live" {bearer}',
            f'curl -sS -N "$PBX/api/v1/events" {bearer}',
            f'curl -sS "$PBX/api/v1/recordings" {bearer}',
        )
        self._say("and all of its operations, to be tried in a browser with that key:")
        self._to_copy(f"{url}/docs")

    def interrupted(self, *, performed: bool) -> None:
        """The end by Ctrl-C."""
        self._console.print()
        self._say("Ended; nothing is left running." if performed else "Interrupted before all calls were made.")

    def fail(self, message: str) -> None:
        """What went wrong."""
        self._say(message, "bold red")

    def _to_copy(self, *lines: str) -> None:
        for line in lines:
            self._console.print(Text(f"  {line}"), soft_wrap=True)

    def _say(self, text: str, style: str = "") -> None:
        self._console.print(Text(text, style))


def _grid() -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_column(style="dim", no_wrap=True)
    return table


def _pid(pid: int | None) -> str:
    return "runs beside the demo" if pid is None else f"process {pid}"
