"""How a command ends: its exit status, and what people are told when it could not do what they asked."""

import functools
import os
from collections.abc import Callable
from enum import IntEnum
from pathlib import Path
from typing import ParamSpec

import typer
from rich.console import Console

from agi_router.document import ConfigError, load_document
from ari_app.cli.output import errors
from ari_app.control.client import NoRouterError
from ari_app.control.settings import ControlError
from ari_app.domain.unavailable import UnavailableError

P = ParamSpec("P")


class Status(IntEnum):
    """The exit statuses, the same for all subcommands."""

    OK = 0
    FAILED = 1
    USAGE = 2
    REPLACED = 3  # of `serve` alone: a supervisor that restarts it would take the application away again


EXIT_STATUSES = "Exit status: 0 done, 1 it could not be done, 2 wrong usage or configuration, 3 serve was replaced."
"""For the help of a subcommand."""


class CommandError(Exception):
    """What was asked for cannot be done; the text says why, `remedy` what to do next."""

    def __init__(self, message: str, remedy: str, status: Status = Status.FAILED) -> None:
        super().__init__(message)
        self.remedy = remedy
        self.status = status


def told(command: Callable[P, None]) -> Callable[P, None]:
    """Expected errors of this command are told in two lines and an exit status, not in a traceback."""

    @functools.wraps(command)
    def telling(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except ConfigError as error:
            tell_problems(error)
            raise typer.Exit(Status.USAGE) from None
        except CommandError as error:
            tell(error, error.remedy)
            raise typer.Exit(error.status) from None
        except (UnavailableError, ControlError) as error:
            tell(error, error.remedy)
            raise typer.Exit(Status.FAILED) from None

    return telling


def unfound(config: Path, error: NoRouterError, remedy: str, status: Status) -> CommandError:
    """No router was found, perhaps as the file that tells where it listens cannot be read whole."""
    try:
        load_document(config, os.environ)
    except ConfigError as broken:
        return CommandError(
            f"{error}; but the file, which may tell another place, has a mistake: {broken.problems[0]}",
            "Mend the file, then try again. A router that runs keeps the configuration that it has.",
            status,
        )
    return CommandError(str(error), remedy, status)


def tell(message: object, remedy: str) -> None:
    """What went wrong, and what to do, on standard error."""
    errors.print(f"error: {message}", style="bold red", markup=False, soft_wrap=True)
    errors.print(f"  {remedy}", markup=False, soft_wrap=True)


def tell_problems(error: ConfigError, console: Console = errors, of: str = "the configuration") -> None:
    """Every problem of the configuration (or of another document), one per line: file:line: key: what to do."""
    for problem in error.problems:
        console.print(str(problem), markup=False, soft_wrap=True)
    count = len(error.problems)
    errors.print(f"error: {of} has {count} problem{'s' if count > 1 else ''}", style="bold red", soft_wrap=True)
