"""The section `control`, and what both ends of the socket keep to."""

from dataclasses import dataclass
from pathlib import Path

# A line longer than this is no command of ours.
LONGEST_LINE = 1024 * 1024
DEADLINE_S = 5.0
# sockaddr_un.sun_path of Linux holds 108 bytes, the last one a NUL.
LONGEST_PATH = 107


@dataclass(frozen=True, slots=True)
class ControlSettings:
    """Where the running router listens for commands."""

    socket: Path


class ControlError(Exception):
    """The control socket cannot serve, or gave no result; `remedy` says what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy
