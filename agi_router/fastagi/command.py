"""The text of AGI commands: everything from outside is quoted here, and nothing longer than Asterisk reads is made."""

import re
from collections.abc import Mapping
from typing import Final

from agi_router.fastagi.errors import CommandError
from agi_router.routing.printable import printable

LONGEST_COMMAND: Final = 8190
"""In bytes without the line's end. Asterisk's buffer has 8192 (2048 before July 2025), and cuts without a word."""

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,79}")


def command(*words: str) -> str:
    """A command from its words: the first names it, the others are its arguments and may be anything.

    Raises CommandError when it would be too long.
    """
    name, *arguments = words
    line = " ".join((name, *map(quoted, arguments)))
    length = len(line) if line.isascii() else len(line.encode())
    if length > LONGEST_COMMAND:
        raise CommandError(f"{name} would be {length} bytes long, and Asterisk reads {LONGEST_COMMAND}")
    return line


def quoted(argument: str) -> str:
    """The argument as one word of a command, whatever is in it."""
    text = printable(argument)
    if "\\" in text or '"' in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def variable_name(name: str) -> str:
    """The name itself. Raises ValueError when it is no plain one: with a parenthesis it would call a function."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a variable")
    return name


def set_commands(variables: Mapping[str, str]) -> list[str]:
    """The commands that set these variables. Raises ValueError for a name, CommandError for too long a value."""
    return [command("SET VARIABLE", variable_name(name), value) for name, value in variables.items()]
