"""The step that comes first: the API is asked, its answer read, and what it names looked up.

What the API said before stands in, where the route wants that.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

from agi_router.directory.directory import Directory
from agi_router.lookup.client import Answer, LookupClient
from agi_router.lookup.known import Known, KnownAnswers, Question, question_of
from agi_router.lookup.outage import is_outage, names_nobody
from agi_router.routing.answer import rpc_error
from agi_router.routing.call_info import CallInfo
from agi_router.routing.contact_owner import ContactOwners
from agi_router.routing.decision import FailedAttempt, LookupProgress, ReceivedAnswer, SentRequest, Source
from agi_router.routing.destination import DestinationType
from agi_router.routing.errors import Failure, RoutingError, shown
from agi_router.routing.meaning import destination
from agi_router.routing.numbers import normalise
from agi_router.routing.policy import DialPolicy
from agi_router.routing.response import LONGEST_VALUE, understand
from agi_router.routing.route import AnswerFormat, CrmRequest, Request, Response, Route
from agi_router.routing.step import Step
from agi_router.routing.template import Values, call_values
from agi_router.routing.understood import Understood


@dataclass(slots=True)
class Found:
    """What is known so far; an error leaves the rest as it is."""

    request: SentRequest | None = None
    answer: ReceivedAnswer | None = None
    failed_attempts: tuple[FailedAttempt, ...] = ()
    understood: Understood | None = None
    source: Source = Source.ANSWER
    age_s: float = 0.0
    step: Step | None = None
    error: Failure | None = None
    recall_error: Failure | None = None

    def note(self, progress: LookupProgress) -> None:
        """Take in what the lookup tells on its way."""
        match progress:
            case SentRequest():
                self.request = progress
            case FailedAttempt():
                self.request = None
                self.failed_attempts += (progress,)
            case _:
                assert_never(progress)


class Finder:
    """Finds by the directory and the policy of now."""

    def __init__(
        self,
        client: LookupClient,
        owners: ContactOwners,
        known: KnownAnswers,
        directory: Directory,
        policy: DialPolicy,
    ) -> None:
        self._client = client
        self._owners = owners
        self._known = known
        self._directory = directory
        self._policy = policy

    async def find(
        self, route: Route, info: CallInfo, on_progress: Callable[[LookupProgress], None], found: Found
    ) -> None:
        """Put the step that comes first into `found`, and the way there. `on_progress` is that of `Decider.route`."""
        values = call_values(info, self._policy.region)
        question = question_of(route, info, values)
        known = self._known.cached(question)
        if known is not None:
            self._use(known, route, found)
            return
        try:
            understood = await self._ask(route, values, on_progress, found)
            found.step = self.step(route, understood)
        except RoutingError as refusal:
            found.error = refusal.failure
            await self._without_answer(refusal.failure, route, question, found)
        else:
            self._known.learn(question, understood)

    async def guess(self, route: Route, info: CallInfo) -> Step | None:
        """The step of the last good answer, if it rings anybody by now; nobody is asked."""
        known = await self._known.last_good(question_of(route, info, call_values(info, self._policy.region)))
        try:
            step = self.step(route, known.understood) if known else None
        except RoutingError:
            return None
        return step if step and step.targets else None

    async def _ask(
        self, route: Route, values: Values, on_progress: Callable[[LookupProgress], None], found: Found
    ) -> Understood:
        """What the API or the CRM answers now. Raises RoutingError; `found` then holds how far it came."""

        def going_on(progress: LookupProgress) -> None:
            found.note(progress)
            on_progress(progress)

        match route.request:
            case Request() as request:
                answer: Answer = await self._client.ask(request, values, going_on)
                found.answer = answer.received
                if answer.failure is not None:
                    raise _told_by(route.response, answer) or _raised(answer.failure)
                found.understood = understand(route.response, answer.body, answer.charset)
            case CrmRequest() as request:
                found.understood = await self._owner(request, values, going_on, found)
            case _:
                assert_never(route.request)
        return found.understood

    async def _owner(
        self, request: CrmRequest, values: Values, on_progress: Callable[[LookupProgress], None], found: Found
    ) -> Understood:
        """The owner of the caller's contact. Raises RoutingError, as when the caller shows no number to ask with."""
        number = normalise(values.get("callerNumber", ""), self._policy.region)
        if number is None:
            raise RoutingError(
                "caller_unknown",
                "the caller shows no number, so no contact can be his",
                "nothing is wrong; add a fallback to the route for such callers",
            )
        said = await self._owners.owner(request.crm, number, request.deadline_s, on_progress)
        found.answer = said.received
        if said.failure is not None:
            raise _raised(said.failure)
        if len(said.owner) > LONGEST_VALUE:
            raise RoutingError(
                "value_too_long",
                f"the owner's id has {len(said.owner)} characters, and no id has so many: {shown(said.owner)}",
                "let FindContact of the CRM's document map the id of the owner as $owner_id$",
            )
        return Understood(value=said.owner, type=DestinationType.USER, crm=request.crm)

    async def _without_answer(self, failure: Failure, route: Route, question: Question, found: Found) -> None:
        """Take the last good answer when the API is down; forget it when the API says that it does not hold any more.

        An answer that names somebody unknown, or whom nothing can ring, replaces the one before it just the same.
        """
        if found.understood is not None or names_nobody(failure, found.answer):
            self._known.forget(question)
        elif is_outage(failure, found.answer):
            known = await self._known.last_good(question)
            if known is not None:
                self._use(known, route, found)

    def _use(self, known: Known, route: Route, found: Found) -> None:
        found.source, found.age_s = known.source, known.age_s
        try:
            found.step = self.step(route, known.understood)
            found.understood = known.understood
        except RoutingError as refusal:
            found.recall_error = refusal.failure

    def step(self, route: Route, understood: Understood) -> Step:
        """Where this leads by the directory and the policy of now. Raises RoutingError."""
        where = destination(understood, self._directory, self._policy)
        ringing = route.ringing
        timeout_s = understood.ring_s or self._directory.patience(where, ringing.timeout_s)
        return self._directory.step(where, timeout_s, ringing.order, ringing.if_busy)


def _raised(failure: Failure) -> RoutingError:
    return RoutingError(failure.code, failure.message, failure.remedy)


def _told_by(response: Response, answer: Answer) -> RoutingError | None:
    """A JSON-RPC server's own words for what went wrong, which it may send with a status such as 500."""
    is_rpc = response.format is AnswerFormat.JSON_RPC
    return rpc_error(answer.body, answer.charset) if is_rpc else None
