"""One decision: ask the API, read its answer, look the destination up, and lay out the steps to try.

Outside a route's business hours nobody is asked.

The dry run and the live call both come through `Router.route`.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from types import TracebackType
from typing import assert_never

from agi_router.directory.directory import Directory
from agi_router.directory.numbers import InternalNumber, ToRoute
from agi_router.directory.queues import Queue
from agi_router.directory.teams import Team
from agi_router.directory.trunks import Trunk
from agi_router.directory.users import User
from agi_router.lookup.client import Answer, LookupClient
from agi_router.lookup.grants import GrantMemory
from agi_router.lookup.guard import NetworkGuard
from agi_router.lookup.known import Known, KnownAnswers, Question, question_of
from agi_router.lookup.outage import is_outage, names_nobody
from agi_router.lookup.tokens import TokenState
from agi_router.lookup.upstream import UpstreamLimits, Upstreams
from agi_router.routing.answer import rpc_error
from agi_router.routing.auth import Auth, OAuth2Auth
from agi_router.routing.call_info import CallInfo
from agi_router.routing.decision import Decision, FailedAttempt, LookupProgress, ReceivedAnswer, SentRequest, Source
from agi_router.routing.destination import ExternalDestination
from agi_router.routing.dialled import dialled_destination
from agi_router.routing.errors import Failure, RoutingError
from agi_router.routing.hours import Closed
from agi_router.routing.last_agent import LastAgent, NoTalkLog, TalkLog, forms_of
from agi_router.routing.meaning import destination
from agi_router.routing.memory import Memory, NoMemory
from agi_router.routing.needs import Needs
from agi_router.routing.policy import DialPolicy
from agi_router.routing.response import understand
from agi_router.routing.route import AnswerFormat, FallbackStep, Response, Route
from agi_router.routing.shown import Showing, Shown
from agi_router.routing.step import FindLastAgent, Refused, Step
from agi_router.routing.template import Values, call_values
from agi_router.routing.treatment import Treatment
from agi_router.routing.understood import Understood

log = logging.getLogger(__name__)

TRANSFER_RING_S = 30.0
"""How long the target of a blind transfer rings before the phone that transferred is told that nobody answered."""

TALK_LOG_S = 0.5
"""How long a caller waits at most for the log of calls to tell who spoke with him last."""

NO_CALLER_NUMBER = Failure(
    "last_agent_no_number",
    "the caller shows no number, so nobody can tell who spoke with him last",
    "nothing is wrong; the chain goes on",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingSettings:
    """All that decides where a call goes.

    `upstreams` holds, by origin, the limits that are not the default ones. `fallback` is the chain for routes that have
    none and for names that are no route, `treatment` that of callers for those,
    `showing` what phones are shown of them. `warnings` are sentences about what is
    allowed but hardly meant.
    """

    routes: tuple[Route, ...]
    users: tuple[User, ...]
    trunks: tuple[Trunk, ...]
    policy: DialPolicy
    guard: NetworkGuard
    teams: tuple[Team, ...] = ()
    upstreams: Mapping[str, UpstreamLimits] = field(default_factory=dict)
    fallback: tuple[FallbackStep, ...] = ()
    treatment: Treatment = field(default_factory=Treatment)
    showing: Showing = field(default_factory=Showing)
    numbers: tuple[InternalNumber, ...] = ()
    queues: tuple[Queue, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def destination_types(self) -> frozenset[str]:
        """The types of destinations that it names, in chains, tables and numbers, or as the type of an answer."""
        chains = (self.fallback, *(chain or () for r in self.routes for chain in (r.fallback, r.closed)))
        stated = (route.response.type for route in self.routes)
        return frozenset(
            [
                *(step.destination.type for chain in chains for step in chain),
                *(meant.type.value for route in self.routes for meant in route.response.values.values()),
                *(number.to.type for number in self.numbers if not isinstance(number.to, ToRoute)),
                *(type_.value for type_ in stated if type_ is not None),
            ]
        )


@dataclass(slots=True)
class _Found:
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
        match progress:
            case SentRequest():
                self.request = progress
            case FailedAttempt():
                self.request = None
                self.failed_attempts += (progress,)
            case _:
                assert_never(progress)


class Router:
    """The `Decider` of a running router: an async context that owns the connections to the APIs."""

    def __init__(
        self,
        settings: RoutingSettings,
        upstreams: Upstreams | None = None,
        grants: GrantMemory | None = None,
        memory: Memory | None = None,
        talks: TalkLog | None = None,
    ) -> None:
        """`upstreams` of an earlier router keep what it learnt of them, once this one is entered.

        `grants` keeps the refresh tokens of OAuth over a restart, `memory` the good answers of the APIs, `talks` who
        spoke with whom; those of an earlier router are shared with this one. Without them nothing is kept.

        Raises OSError when a route's `ca_file` cannot be read as certificates.
        """
        self._routes: Mapping[str, Route] = {route.name: route for route in settings.routes}
        self._needs = {name: route.needs() for name, route in self._routes.items()}
        self._policy = settings.policy
        self._directory = Directory(
            settings.users,
            settings.trunks,
            settings.policy,
            settings.numbers,
            settings.teams,
            queues=settings.queues,
        )
        self._fallback = settings.fallback
        self._treatment = settings.treatment
        self._showing = settings.showing
        self._known = KnownAnswers(memory or NoMemory())
        self._talks = talks or NoTalkLog()
        ca_files = (route.request.ca_file for route in settings.routes)
        self._limits = settings.upstreams
        self.upstreams = Upstreams() if upstreams is None else upstreams
        self._client = LookupClient(
            settings.guard,
            [file for file in ca_files if file is not None],
            self.upstreams,
            [auth for route in settings.routes for auth in (route.request.auth, route.request.second_auth)],
            grants,
        )

    async def __aenter__(self) -> "Router":
        asked = (url.origin for route in self._routes.values() for url in route.request.urls)
        self.upstreams.configure(asked, self._limits)
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.__aexit__(kind, error, trace)

    def keep_tokens_ready(self, predecessor: "Router | None" = None) -> None:
        """Get the access tokens of all routes now, and renew them in time, so that no caller waits for one.

        Those that a `predecessor` has, the router before a reload, are not asked for again.
        """
        before = {} if predecessor is None else predecessor._client.tokens
        for auth, source in self._client.tokens.items():
            source.keep_ready(before.get(auth))

    def tokens(self) -> Mapping[str, TokenState]:
        """How the access token of each route with OAuth stands, by the route's name, of second_auth by NAME.second."""
        auths: dict[str, Auth] = {}
        for name, route in self._routes.items():
            auths[name] = route.request.auth
            if route.request.second_auth != route.request.auth:
                auths[f"{name}.second"] = route.request.second_auth
        states = {auth: source.state() for auth, source in self._client.tokens.items()}
        return {name: states[auth] for name, auth in auths.items() if isinstance(auth, OAuth2Auth)}

    def needs(self, route_name: str) -> Needs:
        """The SIP headers and channel variables that this route's request names; none for an unknown route."""
        return self._needs.get(route_name, Needs())

    def treatment(self, route_name: str) -> Treatment:
        """The route's own, else the one of `defaults`."""
        route = self._routes.get(route_name)
        return self._treatment if route is None else route.treatment

    def transfer_target(self, dialled: str) -> Step:
        """An extension or endpoint of a user, else a number outside, by the dial policy."""
        try:
            where = dialled_destination(dialled, self._directory, self._policy)
        except RoutingError as refusal:
            unknown = ExternalDestination(dialled)
            return Step(destination=unknown, timeout_s=TRANSFER_RING_S, action=Refused(refusal.failure))
        return self._directory.step(where, TRANSFER_RING_S)

    def route_of(self, called_number: str) -> str:
        """See the protocol."""
        return self._directory.route_of(called_number)

    def user_of_endpoint(self, endpoint: str) -> str:
        """See the protocol."""
        return self._directory.user_of_endpoint(endpoint)

    def is_phone(self, endpoint: str) -> bool:
        """Whether a user has this device."""
        return self._directory.has_endpoint(endpoint)

    def shown(self, info: CallInfo) -> Shown:
        """See the protocol."""
        route = self._routes.get(info.route_name)
        showing = self._showing if route is None else route.showing
        return showing.of_call(call_values(info, self._policy.region))

    async def last_agent(self, caller_number: str, wanted: FindLastAgent) -> LastAgent | Failure:
        """See the protocol."""
        if not caller_number:
            return NO_CALLER_NUMBER
        since = datetime.now(UTC) - timedelta(seconds=wanted.within_s)
        try:
            async with asyncio.timeout(TALK_LOG_S):
                talk = await self._talks.last_talk(forms_of(caller_number, self._policy.region), since)
        except Exception as error:
            log.warning("the log of calls does not tell who spoke with a caller last: %r", error)
            return Failure(
                "last_agent_unknown",
                "the log of calls does not tell who spoke with the caller last",
                "the router's log has the reason; the chain went on without him",
            )
        if talk is None:
            return Failure(
                "last_agent_none",
                "no user has spoken with this caller in the time that the step looks back",
                "nothing is wrong; the chain goes on, or let last_agent look back further",
            )
        action = self._directory.ring_user(talk.user, wanted.if_busy)
        return LastAgent(talk.user, self._directory.name(talk.user), talk.ended_at, action)

    def fallback(self, route_name: str, at: datetime) -> tuple[Step, ...]:
        """See the protocol."""
        return self._chain(route_name, is_closed=self._closed(route_name, at) is not None)

    def _chain(self, route_name: str, *, is_closed: bool) -> tuple[Step, ...]:
        """The route's own chain, else the global one, expanded into targets."""
        route = self._routes.get(route_name)
        chain = self._fallback if route is None or route.fallback is None else route.fallback
        if is_closed and route is not None and route.closed is not None:
            chain = route.closed
        return tuple(self._directory.step(step.destination, step.timeout_s, step.order, step.if_busy) for step in chain)

    def _closed(self, route_name: str, at: datetime) -> Closed | None:
        """Why the route is closed at this moment; None when it is open, always so without business hours."""
        route = self._routes.get(route_name)
        return None if route is None or route.hours is None else route.hours.closed(at)

    async def route(self, info: CallInfo, on_progress: Callable[[LookupProgress], None]) -> Decision:
        """The decision for this call. Whatever goes wrong becomes its `error`; only a cancellation passes through."""
        closed = self._closed(info.route_name, info.at)
        if closed is not None:
            return Decision(route=info.route_name, closed=closed, steps=self._chain(info.route_name, is_closed=True))
        found = _Found()
        try:
            await self._decide(info, on_progress, found)
        except RoutingError as refusal:
            found.error = refusal.failure
        except Exception:
            log.exception("call %s, route %s: the decision failed", info.call_id, info.route_name)
            found.error = Failure(
                "internal",
                "the router itself failed while it decided",
                "the fallback was taken; please report the traceback in the router's log",
            )
        first = () if found.step is None else (found.step,)
        return Decision(
            route=info.route_name,
            request=found.request,
            answer=found.answer,
            failed_attempts=found.failed_attempts,
            understood=found.understood,
            source=found.source,
            age_s=found.age_s,
            destination=None if found.step is None else found.step.destination,
            error=found.error,
            recall_error=found.recall_error,
            steps=first + self._chain(info.route_name, is_closed=False),
        )

    async def guess(self, info: CallInfo) -> Step | None:
        """See the protocol."""
        route = self._routes.get(info.route_name)
        if route is None or self._closed(route.name, info.at) is not None:
            return None
        known = await self._known.last_good(question_of(route, info, call_values(info, self._policy.region)))
        try:
            step = self._step(route, known.understood) if known else None
        except RoutingError:
            return None
        return step if step and step.targets else None

    async def _decide(self, info: CallInfo, on_progress: Callable[[LookupProgress], None], found: _Found) -> None:
        """Put the step that comes first into `found`, and the way there. Raises RoutingError for an unknown route."""
        route = self._routes.get(info.route_name)
        if route is None:
            raise _unknown_route(info.route_name, self._routes)
        values = call_values(info, self._policy.region)
        question = question_of(route, info, values)
        known = self._known.cached(question)
        if known is not None:
            self._use(known, route, found)
            return
        try:
            understood = await self._ask(route, values, on_progress, found)
            found.step = self._step(route, understood)
        except RoutingError as refusal:
            found.error = refusal.failure
            await self._without_answer(refusal.failure, route, question, found)
        else:
            self._known.learn(question, understood)

    async def _ask(
        self, route: Route, values: Values, on_progress: Callable[[LookupProgress], None], found: _Found
    ) -> Understood:
        """What the API answers now. Raises RoutingError; `found` then holds how far it came."""

        def going_on(progress: LookupProgress) -> None:
            found.note(progress)
            on_progress(progress)

        answer: Answer = await self._client.ask(route.request, values, going_on)
        found.answer = answer.received
        if answer.failure is not None:
            raise _told_by(route.response, answer) or RoutingError(
                answer.failure.code, answer.failure.message, answer.failure.remedy
            )
        found.understood = understand(route.response, answer.body, answer.charset)
        return found.understood

    async def _without_answer(self, failure: Failure, route: Route, question: Question, found: _Found) -> None:
        """Take the last good answer when the API is down; forget it when the API says that it does not hold any more.

        An answer that names somebody unknown, or whom nothing can ring, replaces the one before it just the same.
        """
        if found.understood is not None or names_nobody(failure, found.answer):
            self._known.forget(question)
        elif is_outage(failure, found.answer):
            known = await self._known.last_good(question)
            if known is not None:
                self._use(known, route, found)

    def _use(self, known: Known, route: Route, found: _Found) -> None:
        found.source, found.age_s = known.source, known.age_s
        try:
            found.step = self._step(route, known.understood)
            found.understood = known.understood
        except RoutingError as refusal:
            found.recall_error = refusal.failure

    def _step(self, route: Route, understood: Understood) -> Step:
        """Where this leads by the directory and the policy of now. Raises RoutingError."""
        where = destination(understood, self._directory, self._policy)
        ringing = route.ringing
        timeout_s = understood.ring_s or self._directory.patience(where, ringing.timeout_s)
        return self._directory.step(where, timeout_s, ringing.order, ringing.if_busy)


def _told_by(response: Response, answer: Answer) -> RoutingError | None:
    """A JSON-RPC server's own words for what went wrong, which it may send with a status such as 500."""
    is_rpc = response.format is AnswerFormat.JSON_RPC
    return rpc_error(answer.body, answer.charset) if is_rpc else None


def _unknown_route(name: str, routes: Mapping[str, Route]) -> RoutingError:
    near = get_close_matches(name, routes, n=1, cutoff=0.5)
    hint = f'did you mean "{near[0]}"?' if near else f"known routes: {', '.join(routes) or 'none'}."
    return RoutingError(
        "route_unknown",
        f"there is no route {name!r}",
        f"{hint} Name a route of the configuration in the dialplan's Stasis(agi-router,ROUTE), or add it to routes",
    )
