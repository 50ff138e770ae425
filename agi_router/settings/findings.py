"""What does not fit together, gathered while sections become settings."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from agi_router.document import Document, Problem

At = tuple[str | int, ...]
"""Where something stands: the keys and indices that lead to it."""


@dataclass(slots=True)
class Findings:
    """`problems` stop the building at its end; `warnings` go with the settings."""

    document: Document
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def problem(self, at: At, message: str) -> None:
        """A mistake."""
        self.problems.append(self.document.problem(at, message))

    def warn(self, at: At, message: str) -> None:
        """What is allowed, but hardly meant."""
        self.warnings.append(self.document.problem(at, message))

    def check_unique(self, what: str, named: Sequence[tuple[At, str]]) -> None:
        """No name may stand twice."""
        first: dict[str, At] = {}
        for at, name in named:
            if name in first:
                where = self.document.position(first[name])
                self.problem(at, f'"{name}" is already given at {where}; {what} are unique')
            first.setdefault(name, at)
