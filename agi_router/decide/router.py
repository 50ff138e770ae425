"""One decision: ask the API, read its answer, look the destination up, and lay out the steps to try.

Outside a route's business hours nobody is asked.

The dry run and the live call both come through `Router.route`.
"""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from difflib import get_close_matches
from types import TracebackType

from agi_router.decide.finding import Finder, Found
from agi_router.decide.last_agent import last_agent
from agi_router.decide.planning import Planner
from agi_router.decide.routing_settings import RoutingSettings
from agi_router.directory.crm_users import CrmUsers
from agi_router.directory.directory import Directory
from agi_router.lookup.client import LookupClient
from agi_router.lookup.grants import GrantMemory
from agi_router.lookup.guard import NetworkGuard
from agi_router.lookup.known import KnownAnswers
from agi_router.lookup.tokens import TokenState
from agi_router.lookup.upstream import Upstreams
from agi_router.routing.auth import Auth, OAuth2Auth
from agi_router.routing.call_info import CallInfo
from agi_router.routing.click_to_dial import CallRequest, PlannedCall
from agi_router.routing.contact_owner import ContactOwners, NoContactOwners
from agi_router.routing.decision import Decision, LookupProgress
from agi_router.routing.destination import ExternalDestination
from agi_router.routing.dialled import dialled_destination
from agi_router.routing.errors import Failure, RoutingError
from agi_router.routing.hours import Closed
from agi_router.routing.last_agent import LastAgent, NoTalkLog, TalkLog
from agi_router.routing.memory import Memory, NoMemory
from agi_router.routing.needs import Needs
from agi_router.routing.route import Route
from agi_router.routing.shown import Shown
from agi_router.routing.step import FindLastAgent, Refused, Step
from agi_router.routing.template import call_values
from agi_router.routing.treatment import Treatment

log = logging.getLogger(__name__)

TRANSFER_RING_S = 30.0
"""How long the target of a blind transfer rings before the phone that transferred is told that nobody answered."""


class Router:
    """The `Decider` of a running router: an async context that owns the connections to the APIs."""

    def __init__(
        self,
        settings: RoutingSettings,
        upstreams: Upstreams | None = None,
        grants: GrantMemory | None = None,
        memory: Memory | None = None,
        talks: TalkLog | None = None,
        *,
        owners: ContactOwners | None = None,
        crm_users: CrmUsers | None = None,
    ) -> None:
        """`upstreams` of an earlier router keep what it learnt of them, once this one is entered.

        `grants` keeps the refresh tokens of OAuth over a restart, `memory` the good answers of the APIs, `talks` who
        spoke with whom; those of an earlier router are shared with this one. Without them nothing is kept. `owners` are
        the CRM connectors that routes ask, `crm_users` the ids at CRMs that users have beside those of the settings.

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
            crm_users=crm_users,
        )
        self._planner = Planner(self._directory, settings.policy, settings.click_to_dial, settings.campaigns)
        self._fallback = settings.fallback
        self._treatment = settings.treatment
        self._showing = settings.showing
        self._talks = talks or NoTalkLog()
        self._requests = {route.name: route.http_request for route in settings.routes if route.http_request is not None}
        ca_files = (request.ca_file for request in self._requests.values())
        self._limits = settings.upstreams
        self._guard = settings.guard
        self.upstreams = Upstreams() if upstreams is None else upstreams
        self._client = LookupClient(
            settings.guard,
            [file for file in ca_files if file is not None],
            self.upstreams,
            [auth for request in self._requests.values() for auth in (request.auth, request.second_auth)],
            grants,
        )
        known = KnownAnswers(memory or NoMemory())
        self._owners = owners or NoContactOwners()
        self._finder = Finder(self._client, self._owners, known, self._directory, settings.policy)

    async def __aenter__(self) -> "Router":
        asked = (url.origin for request in self._requests.values() for url in request.urls)
        self.upstreams.configure(asked, self._limits)
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.__aexit__(kind, error, trace)

    @property
    def guard(self) -> NetworkGuard:
        """Where connections may go by this configuration."""
        return self._guard

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
        for name, request in self._requests.items():
            auths[name] = request.auth
            if request.second_auth != request.auth:
                auths[f"{name}.second"] = request.second_auth
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

    def plan(self, request: CallRequest) -> PlannedCall | Failure:
        """See the protocol."""
        try:
            return self._planner.plan(request)
        except RoutingError as refusal:
            return refusal.failure

    def route_of(self, called_number: str) -> str:
        """See the protocol."""
        return self._directory.route_of(called_number)

    def user_of_endpoint(self, endpoint: str) -> str:
        """See the protocol."""
        return self._directory.user_of_endpoint(endpoint)

    def user_called(self, name: str) -> str | None:
        """The id of the user with this id, e-mail address or extension; None when there is none."""
        return self._directory.user_called(name)

    def queue_called(self, name: str) -> str:
        """The name in queues.conf of the queue with this id; what is no id is a name already."""
        return self._directory.queue_called(name)

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
        return await last_agent(self._talks, self._directory, self._policy.region, caller_number, wanted)

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
        return await self._decide(self._finder, info, on_progress)

    async def dry_run(self, info: CallInfo, memory: Memory) -> Decision:
        """What `route` would decide for this call, by another memory.

        It is asked by the connections and tokens of calls, and not where a breaker is open; but what becomes of it
        tells the breakers nothing: whoever tries a route can't take the API away from callers.
        """
        known = KnownAnswers(memory)
        finder = Finder(self._client.unjudged(), self._owners.for_trials(), known, self._directory, self._policy)
        return await self._decide(finder, info, lambda _: None)  # all that is told on its way stands in the decision

    async def _decide(self, finder: Finder, info: CallInfo, on_progress: Callable[[LookupProgress], None]) -> Decision:
        closed = self._closed(info.route_name, info.at)
        if closed is not None:
            return Decision(route=info.route_name, closed=closed, steps=self._chain(info.route_name, is_closed=True))
        found = Found()
        try:
            await finder.find(_known(info.route_name, self._routes), info, on_progress, found)
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
        return await self._finder.guess(route, info)


def _known(name: str, routes: Mapping[str, Route]) -> Route:
    """The route of this name. Raises RoutingError."""
    if name in routes:
        return routes[name]
    near = get_close_matches(name, routes, n=1, cutoff=0.5)
    hint = f'did you mean "{near[0]}"?' if near else f"known routes: {', '.join(routes) or 'none'}."
    raise RoutingError(
        "route_unknown",
        f"there is no route {name!r}",
        f"{hint} Name a route of the configuration in the dialplan, or add it to routes",
    )
