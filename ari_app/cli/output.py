"""Where commands print: tables for people on a terminal, JSON for programs."""

import json
import os
import sys
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Console

# Nothing is cut when the output goes into a file or a pager; COLUMNS still decides where it is set.
_WIDTH_OF_A_PIPE = 200

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

errors = Console(stderr=True, highlight=False)


def console() -> Console:
    """Standard output, as wide as its terminal."""
    piped = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(highlight=False, width=_WIDTH_OF_A_PIPE if piped else None)


def print_json(value: Any) -> None:
    """One JSON document on standard output; times in ISO 8601."""
    text = json.dumps(value, indent=2, default=_plain)  # plain ASCII: no locale can break it
    sys.stdout.write(text + "\n")


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")
