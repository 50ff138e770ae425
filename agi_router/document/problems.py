"""What is wrong in a configuration, said with file, line, key and the nearest right word."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a file; lines count from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: where it stands, under which key ("routes.sales.request.url"), and what to do about it."""

    position: Position
    key: str
    message: str

    def __str__(self) -> str:
        return f"{self.position}: {self.key}: {self.message}" if self.key else f"{self.position}: {self.message}"


class ConfigError(Exception):
    """The configuration cannot be used. `problems` holds all that was found, in the order of the files."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems), key=lambda p: (p.position.file, p.position.line, p.key, p.message)))
        super().__init__("\n".join(map(str, self.problems)))


def dotted(path: Path) -> str:
    """`("routes", "sales", "fallback", 0)` as people write it: `routes.sales.fallback[0]`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def suggestion(wrong: str, known: Sequence[str]) -> str:
    """The end of a sentence that names the nearest right word, or all of them when none is near."""
    near = get_close_matches(wrong, known, n=1, cutoff=0.65)
    if near:
        return f'; did you mean "{near[0]}"?'
    return f"; known here: {', '.join(known)}" if known else ""
