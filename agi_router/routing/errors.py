"""The errors of routing. Every one says what happened (`code`, `message`) and what to do (`remedy`)."""

import json
from dataclasses import dataclass

LONGEST_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a lookup or a step came to nothing; a value, so that it can be put on record.

    `code` is stable and snake_case ("api_timeout"), `message` is one sentence, `remedy` the next thing to try.
    """

    code: str
    message: str
    remedy: str


class RoutingError(Exception):
    """A failure on its way up; becomes a `Failure` in the decision."""

    def __init__(self, code: str, message: str, remedy: str) -> None:
        super().__init__(message)
        self.failure = Failure(code, message, remedy)


def shown(value: str) -> str:
    """The value fit for a message: quoted, control characters escaped, cut."""
    return json.dumps(value[:LONGEST_SHOWN], ensure_ascii=True) + ("…" if len(value) > LONGEST_SHOWN else "")
