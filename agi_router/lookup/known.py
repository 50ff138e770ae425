"""What the API said before: a moment ago, used instead of asking, and last, used when the API is down."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from agi_router.lookup.cache import Cache
from agi_router.routing.call_info import CallInfo
from agi_router.routing.decision import Source
from agi_router.routing.memory import Memory, Remembered, as_json, from_json, question_key
from agi_router.routing.route import Route
from agi_router.routing.template import Values
from agi_router.routing.understood import Understood

NAMELESS = frozenset({"anonymous", "unknown", "restricted", "private", "unavailable", "withheld"})
"""What carriers and PBXs write where a number would stand, when there is none to show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a route asks for a call, whatever differs in every call; for how long its answer may be used again.

    Where it may not, there is no key: nearly every route, and working one out is a tenth of a lookup's work.
    """

    key: str
    cache_s: float
    last_good_s: float


@dataclass(frozen=True, slots=True)
class Known:
    """An answer that was given `age_s` ago."""

    understood: Understood
    source: Source
    age_s: float


def question_of(route: Route, info: CallInfo, values: Values) -> Question:
    """What this route asks for this call. Of a caller without a number there is no last good answer.

    All such callers would share it, and each would reach whom another one was meant for.
    """
    number = info.caller_number.strip().casefold()
    has_number = bool(number) and number not in NAMELESS and not info.caller_withheld
    cache_s = route.remember.cache_s
    last_good_s = route.remember.last_good_s if has_number else 0.0
    key = question_key(route.name, route.request.variables(), values) if cache_s or last_good_s else ""
    return Question(key=key, cache_s=cache_s, last_good_s=last_good_s)


class KnownAnswers:
    """Holds the cache; the last good answers are in `memory`."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._cache = Cache[Understood]()

    def cached(self, question: Question) -> Known | None:
        """The answer of a moment ago."""
        found = self._cache.get(question.key, question.cache_s)
        return None if found is None else Known(found[0], Source.CACHE, found[1])

    async def last_good(self, question: Question) -> Known | None:
        """The last good answer, when it is young enough."""
        if not question.last_good_s:
            return None
        remembered = await self._memory.recall(question.key)
        if remembered is None:
            return None
        age_s = max(0.0, (datetime.now(UTC) - remembered.at).total_seconds())  # the clock may have been set back
        understood = from_json(remembered.answer)
        if understood is None or age_s >= question.last_good_s:
            return None
        return Known(understood, Source.LAST_GOOD, age_s)

    def learn(self, question: Question, understood: Understood) -> None:
        """The API gave a good answer now."""
        if question.cache_s:
            self._cache.put(question.key, understood)
        if question.last_good_s:
            now = datetime.now(UTC)
            until = now + timedelta(seconds=question.last_good_s)
            self._memory.remember(question.key, Remembered(now, as_json(understood)), until)

    def forget(self, question: Question) -> None:
        """The API answered, and has nobody for this caller any more."""
        if question.last_good_s:
            self._memory.forget(question.key)
