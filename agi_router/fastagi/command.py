"""The text of AGI commands: everything from outside is quoted here, and nothing longer than Asterisk reads is made.

What the quoting stands on (parse_args of res_agi, ARRAY() of func_strings) was tried on Asterisk 22, and a system test
keeps it so. Asterisk replaces no ${...} and no $[...] in the arguments of SET VARIABLE.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from agi_router.fastagi.errors import CommandError
from agi_router.routing.printable import printable

LONGEST_COMMAND: Final = 8000
"""In bytes. Asterisk's buffer has 8192 (2048 before July 2025); a longer line becomes two commands, without a word."""

MOST_AT_ONCE: Final = 50
"""Variables in one ARRAY(), which leaves out what is past its 99th."""

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,79}")
_QUOTING: Final = str.maketrans({"\\": r"\\", '"': r"\""})
_ITEM: Final = str.maketrans({character: f"\\{character}" for character in '\\",()[]'})


def command(name: str, *arguments: str) -> str:
    """The command of this name; its arguments may be anything. Raises CommandError when it would be too long."""
    line = " ".join((name, *(f'"{quoted(argument)}"' for argument in arguments)))
    length = _length(line)
    if length > LONGEST_COMMAND:
        raise CommandError(f"{name} would be {length} bytes long, and at most {LONGEST_COMMAND} can be sent")
    return line


def quoted(argument: str) -> str:
    """The text between the quotes that make one argument of it, whatever is in it."""
    return printable(argument).translate(_QUOTING)


def variable_name(name: str) -> str:
    """The name itself. Raises ValueError when it is no plain one: with a parenthesis it would call a function."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a variable")
    return name


def set_commands(variables: Mapping[str, str]) -> Iterator[str]:
    """As few commands as set these variables, in their order.

    Raises ValueError for a name, CommandError for a value that is too long.
    """
    room = LONGEST_COMMAND - len('SET VARIABLE "ARRAY()" ""')
    group: dict[str, str] = {}
    taken = 0
    for name, value in variables.items():
        item = quoted(value.translate(_ITEM))
        length = len(variable_name(name)) + _length(item) + 2  # and two commas
        if group and (taken + length > room or len(group) == MOST_AT_ONCE):
            yield _set_command(group, variables)
            group, taken = {}, 0
        group[name] = item
        taken += length
    if group:
        yield _set_command(group, variables)


def _set_command(items: Mapping[str, str], values: Mapping[str, str]) -> str:
    """One command takes 30 µs, a variable in it 1 µs: so they go together."""
    if len(items) == 1:
        (name,) = items
        return command("SET VARIABLE", name, values[name])
    return f'SET VARIABLE "ARRAY({",".join(items)})" "{",".join(items.values())}"'


def _length(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())
