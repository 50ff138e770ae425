"""`python -m tests.fuzz [--rounds N] [--seed N]`: exit status 0 when no answer broke a rule."""

import argparse
import secrets
import sys
from pathlib import Path
from random import Random

from rich.console import Console
from rich.progress import track
from rich.table import Table

from tests.fuzz.answers import answers
from tests.fuzz.rules import BrokenRuleError, Rules

FAILED = Path("fuzz-failed-answer")


def main() -> int:
    """Read that many answers, print what they came to; gives the exit status."""
    arguments = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Hostile API answers.")
    arguments.add_argument("--rounds", type=int, default=100_000, help="how many answers (100000)")
    arguments.add_argument("--seed", type=int, default=secrets.randbelow(2**32), help="the same one, the same answers")
    given = arguments.parse_args()
    console, rules = Console(), Rules()
    console.print(f"{given.rounds:,} answers; --seed {given.seed} makes the same ones again")
    made = answers(Random(given.seed), given.rounds)
    try:
        for body, charset in track(made, "Answers", given.rounds, console=console):
            rules.try_on(body, charset)
    except BrokenRuleError as found:
        FAILED.write_bytes(found.body)
        console.print(f"route {found.route}, charset {found.charset!r}: {found.rule}", style="bold red", markup=False)
        console.print(f"The answer is in {FAILED}; once mended, add it to tests/fuzz/seeds.")
        return 1
    table = Table("outcome", "readings", title=f"each answer in {len(rules.settings.routes)} routes")
    for outcome, count in rules.outcomes.most_common():
        table.add_row(outcome, f"{count:,}")
    console.print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
