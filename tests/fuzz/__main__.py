"""`python -m tests.fuzz [--rounds N] [--seed N]`: exit status 0 when nothing broke a rule."""

import argparse
import asyncio
import logging
import secrets
import sys
from collections import Counter
from pathlib import Path
from random import Random

import structlog
from rich.console import Console
from rich.progress import track
from rich.table import Table

from tests.fuzz.agi_peers import peers
from tests.fuzz.agi_rules import AgiRules
from tests.fuzz.answers import answers
from tests.fuzz.crm_rules import SEEDS, CrmRules
from tests.fuzz.rules import BrokenRuleError, Rules

FAILED = Path("fuzz-failed-input")


def main() -> int:
    """Try that many of each kind, print what they came to; gives the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz", description="Hostile answers of APIs and CRMs, and AGI peers."
    )
    parser.add_argument("--rounds", type=int, default=100_000, help="how many of each kind (100000)")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**32), help="the same one, the same inputs")
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    console = Console()
    console.print(
        f"{given.rounds:,} answers of APIs and of CRMs, and AGI peers; --seed {given.seed} makes the same ones again"
    )
    try:
        _try_answers(console, given.rounds, Random(given.seed))
        _try_crm_answers(console, given.rounds, Random(given.seed))
        asyncio.run(_try_peers(console, given.rounds, Random(given.seed)))
    except BrokenRuleError as found:
        FAILED.write_bytes(found.body)
        console.print(f"{found.route}, charset {found.charset!r}: {found.rule}", style="bold red", markup=False)
        seeds = "agi_seeds" if found.route == AgiRules.name else "crm_seeds" if "," in found.route else "seeds"
        console.print(f"The input is in {FAILED}; once mended, add it to tests/fuzz/{seeds}.")
        return 1
    return 0


def _try_answers(console: Console, rounds: int, random: Random) -> None:
    rules = Rules()
    for body, charset in track(answers(random, rounds), "Answers", rounds, console=console):
        rules.try_on(body, charset)
    _tell(console, rules.outcomes, f"each answer in {len(rules.settings.routes)} routes")


def _try_crm_answers(console: Console, rounds: int, random: Random) -> None:
    rules = CrmRules()
    for body, _ in track(answers(random, rounds, SEEDS), "CRM answers", rounds, console=console):
        rules.try_on(body)
    _tell(console, rules.outcomes, f"each answer in {len(rules.asked)} hooks")


async def _try_peers(console: Console, rounds: int, random: Random) -> None:
    rules = AgiRules()
    async with rules.door:
        for said in track(peers(random, rounds), "Peers", rounds, console=console):
            await rules.try_on(said)
    _tell(console, rules.outcomes, "peers of the AGI door")


def _tell(console: Console, outcomes: Counter[str], title: str) -> None:
    table = Table("outcome", "times", title=title)
    for outcome, count in outcomes.most_common():
        table.add_row(outcome, f"{count:,}")
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
