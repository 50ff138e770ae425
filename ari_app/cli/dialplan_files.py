"""`agi-router dialplan`: what Asterisk includes, as it lies in the package `dialplan`."""

import sys

from agi_router.document import suggestion
from ari_app.cli.outcome import CommandError, Status
from dialplan import FILES, read


def print_file(name: str) -> None:
    """Print one of them as it is, ready to be sent into a file. Raises CommandError when there is none of this name."""
    if name not in FILES:
        raise CommandError(
            f'there is no dialplan file "{name}"{suggestion(name, FILES)}',
            "agi-router dialplan NAME prints one of them; without a NAME it is agi-router.conf.",
            Status.USAGE,
        )
    sys.stdout.write(read(name))
