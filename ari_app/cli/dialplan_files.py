"""`agi-router dialplan`: what Asterisk includes, as it lies in the package `dialplan`."""

import sys
from importlib.resources import files

from agi_router.document import suggestion
from ari_app.cli.outcome import CommandError, Status


def names() -> list[str]:
    """The files there are."""
    return sorted(file.name for file in files("dialplan").iterdir() if file.name.endswith(".conf"))


def print_file(name: str) -> None:
    """Print one of them as it is, ready to be sent into a file. Raises CommandError when there is none of this name."""
    if name not in names():
        raise CommandError(
            f'there is no dialplan file "{name}"{suggestion(name, names())}',
            f"Files: {', '.join(names())}.",
            Status.USAGE,
        )
    sys.stdout.write((files("dialplan") / name).read_text(encoding="utf-8"))
