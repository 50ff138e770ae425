"""`agi-router doctor`: the findings, for people and for programs."""

import asyncio
import os
import sys
import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from itertools import groupby
from pathlib import Path
from textwrap import wrap
from typing import Final

import typer
from rich.console import Console
from rich.text import Text

from agi_router.document import ConfigError
from ari_app.cli.outcome import Status
from ari_app.cli.output import console, print_json
from ari_app.doctor.examination import examine, examine_beside
from ari_app.doctor.finding import Finding, Verdict, is_healthy
from ari_app.domain.wording import printable
from ari_app.settings import load_settings

_MARKS = {Verdict.OK: "✓", Verdict.WARNING: "!", Verdict.ERROR: "✗", Verdict.SKIPPED: "-"}
_PLAIN_MARKS = {Verdict.OK: ".", Verdict.WARNING: "!", Verdict.ERROR: "x", Verdict.SKIPPED: "-"}
_STYLES = {Verdict.OK: "green", Verdict.WARNING: "yellow", Verdict.ERROR: "bold red", Verdict.SKIPPED: "dim"}
_MOST_OK: Final = 10
"""Of a group; a directory of hundreds must not hide the one device that is wrong."""
_THREAD: Final = "doctor"
_MOST_THREADS: Final = 32
"""Name servers may be silent for many routes at once, and nothing else waits for their threads."""
_MOMENT_S: Final = 0.2


def examine_everything(config: Path, *, strict: bool, as_json: bool) -> None:
    """Look, show, and end with status 1 when something is wrong."""
    threads = ThreadPoolExecutor(_MOST_THREADS, thread_name_prefix=_THREAD)
    runner = asyncio.Runner()
    runner.get_loop().set_default_executor(threads)
    findings = _findings(runner, config)
    healthy = is_healthy(findings, strict=strict)
    if as_json:
        print_json({"findings": [asdict(finding) for finding in findings], "ok": healthy})
    else:
        _show(console(), findings, healthy=healthy)
    status = Status.OK if healthy else Status.FAILED
    _leave_if_stuck(threads, status)
    runner.close()
    raise typer.Exit(status)


def _findings(runner: asyncio.Runner, config: Path) -> Sequence[Finding]:
    try:
        settings = load_settings(config)
    except ConfigError as error:
        return runner.run(examine_beside(config, error))
    return runner.run(examine(config, settings))


def _leave_if_stuck(threads: ThreadPoolExecutor, status: Status) -> None:
    """A silent name server holds a thread for up to 30 s, and Python would wait for it at its end."""
    threads.shutdown(wait=False)
    mine = [thread for thread in threading.enumerate() if thread.name.startswith(_THREAD)]
    for thread in mine:
        thread.join(_MOMENT_S / len(mine))
    if any(thread.is_alive() for thread in mine):
        sys.stdout.flush()
        os._exit(status)


def _show(terminal: Console, findings: Sequence[Finding], *, healthy: bool) -> None:
    for group, members in groupby(findings, key=lambda finding: finding.group):
        terminal.print(Text(group, "bold"))
        for finding in _folded(list(members)):
            _show_finding(terminal, finding)
    counts = Counter(finding.status for finding in findings)
    terminal.print(Text(", ".join(_counted(counts)), "bold green" if healthy else "bold red"))


def _show_finding(terminal: Console, finding: Finding) -> None:
    mark = (_MARKS if terminal.encoding.startswith("utf") else _PLAIN_MARKS)[finding.status]
    margin = len(mark) + 3
    tag = f" [{finding.id}]" if finding.status in {Verdict.WARNING, Verdict.ERROR} else ""
    first, *more = _wrapped(terminal, finding.found + tag, margin)
    terminal.print(Text.assemble("  ", (mark, _STYLES[finding.status]), " ", first.lstrip()), soft_wrap=True)
    for line in more:
        terminal.print(Text(line), soft_wrap=True)
    for line in _wrapped(terminal, finding.remedy, margin + 2):
        terminal.print(Text(line, "dim"), soft_wrap=True)


def _wrapped(terminal: Console, text: str, margin: int) -> list[str]:
    """Lines that fit; paths, addresses and commands to copy stay whole."""
    indent = " " * margin
    return wrap(
        printable(text),
        max(terminal.width, 2 * margin),
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _counted(counts: Counter[Verdict]) -> list[str]:
    words = {
        Verdict.ERROR: "error" if counts[Verdict.ERROR] == 1 else "errors",
        Verdict.WARNING: "warning" if counts[Verdict.WARNING] == 1 else "warnings",
        Verdict.SKIPPED: "skipped",
        Verdict.OK: "ok",
    }
    return [f"{counts[verdict]} {word}" for verdict, word in words.items() if counts[verdict]]


def _folded(findings: Sequence[Finding]) -> list[Finding]:
    """In one line what was skipped for one reason, and of what is fine not more than fits the eye."""
    fine = [finding for finding in findings if finding.status is Verdict.OK]
    skipped = [finding for finding in findings if finding.status is Verdict.SKIPPED]
    folded = [finding for finding in findings if finding.status in {Verdict.WARNING, Verdict.ERROR}]
    for _, same in groupby(skipped, key=lambda finding: (finding.found, finding.remedy)):
        alike = list(same)
        folded.append(replace(alike[0], found=f"{', '.join(one.id for one in alike)}: {alike[0].found}"))
    more = [replace(fine[0], found=f"and {len(fine) - _MOST_OK} more")] if len(fine) > _MOST_OK else []
    return [*fine[:_MOST_OK], *more, *folded]
