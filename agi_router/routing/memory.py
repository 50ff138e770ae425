"""What is remembered of an API's answers, so that a caller still gets through when the API is down.

A good answer is remembered as what it was understood as, never as the phones that it led to: at use it is resolved
again, so that a removed user or a number that is forbidden by now does not ring.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Set
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, Protocol

from agi_router.routing.carried import CARRIED_HEADER, CARRIED_VARIABLE, LONGEST_NAME, LONGEST_VALUE
from agi_router.routing.destination import DestinationType
from agi_router.routing.route import LONGEST_RING_S, SHORTEST_RING_S, VARIABLE_PREFIX
from agi_router.routing.template import Values
from agi_router.routing.understood import Understood

PER_CALL = frozenset({"callId", "now", "previousStep"})
"""Variables that differ from call to call: the same question in spite of them."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """A good answer as a JSON object; `at`, in UTC, is when the API gave it."""

    at: datetime
    answer: Mapping[str, Any]


class Memory(Protocol):
    """The last good answer to each question, kept over restarts. A call never waits or fails for it."""

    async def recall(self, question: str) -> Remembered | None:
        """The last good answer to the question of this key. None when there is none, or none that comes at once."""
        ...

    def remember(self, question: str, good: Remembered, until: datetime) -> None:
        """Keep this answer instead of an earlier one, at most until then. Returns at once; never raises."""
        ...

    def forget(self, question: str) -> None:
        """Keep no answer to this question. Returns at once; never raises."""
        ...


class NoMemory:
    """A `Memory` that keeps nothing: of dry runs, which leave no trace."""

    async def recall(self, question: str) -> Remembered | None:  # noqa: ARG002
        """Nothing is known."""
        return None

    def remember(self, question: str, good: Remembered, until: datetime) -> None:
        """Let it go."""

    def forget(self, question: str) -> None:
        """There is nothing to forget."""


def question_key(route: str, variables: Set[str], values: Values) -> str:
    """The key of what this route asks for this call: SHA-256, in hex, of the values that stand in its request.

    `variables` are the names in the request's templates.
    """
    asked = [(name, values.get(name, "")) for name in sorted(variables - PER_CALL)]
    return hashlib.sha256(json.dumps([route, asked]).encode()).hexdigest()


def as_json(understood: Understood) -> dict[str, Any]:
    """The answer as a JSON object, without its notes: they were about that call."""
    return {name: value for name, value in asdict(understood).items() if name != "notes"}


def from_json(answer: Any) -> Understood | None:
    """The answer that was kept, maybe by another version of the router; None when this one cannot read it.

    Whoever can write where it was kept could otherwise name any function of the dialplan, or break a header.
    """
    known = {field.name for field in fields(Understood)} - {"notes"}
    try:
        read = {name: value for name, value in answer.items() if name in known}
        plain = {"type": DestinationType(read["type"]), "trunks": tuple(read.get("trunks", ()))}
        understood = Understood(**(read | plain))
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    return understood if _is_as_read(understood) else None


def _is_as_read(kept: Understood) -> bool:
    """Whether it could have been read from an answer just now."""
    plain = (kept.value, *(text for text in (kept.crm, kept.said) if text is not None), *kept.trunks)
    rings = kept.ring_s is None or (_is_number(kept.ring_s) and SHORTEST_RING_S <= kept.ring_s <= LONGEST_RING_S)
    return (
        rings
        and kept.answer in (True, False)
        and kept.confirm in (True, False)
        and kept.record in (True, False, None)
        and all(isinstance(text, str) for text in plain)
        and (kept.caller_name is None or _is_one_line(kept.caller_name, LONGEST_NAME))
        and _are_carried(kept.headers, CARRIED_HEADER, "")
        and _are_carried(kept.variables, CARRIED_VARIABLE, VARIABLE_PREFIX)
    )


def _are_carried(texts: Any, name: re.Pattern[str], prefix: str) -> bool:
    return isinstance(texts, dict) and all(
        key.startswith(prefix) and name.fullmatch(key.removeprefix(prefix)) and _is_one_line(text, LONGEST_VALUE)
        for key, text in texts.items()
    )


def _is_one_line(text: Any, longest: int) -> bool:
    return isinstance(text, str) and text.isprintable() and len(text) <= longest


def _is_number(given: Any) -> bool:
    return isinstance(given, int | float) and not isinstance(given, bool)
