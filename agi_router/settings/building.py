"""From valid sections to the frozen settings of routing, and the rules that hold between sections."""

from collections.abc import Collection
from dataclasses import dataclass

from agi_router.decide import RoutingSettings
from agi_router.document import ConfigError, Document, suggestion
from agi_router.lookup.guard import NetworkGuard
from agi_router.lookup.upstream import same_origin
from agi_router.routing.destination import DestinationType
from agi_router.routing.needs import Ahead
from agi_router.routing.policy import DialPolicy
from agi_router.routing.route import (
    OWN_WORDS,
    VARIABLE_PREFIX,
    Carries,
    CrmRequest,
    FallbackStep,
    Remember,
    Request,
    Response,
    Ringing,
    Route,
)
from agi_router.routing.shown import Showing
from agi_router.routing.treatment import Answer, Treatment
from agi_router.settings.click_to_dial_building import campaigns, click_to_dial
from agi_router.settings.directory_building import DirectoryBuilding
from agi_router.settings.findings import At, Findings
from agi_router.settings.hours_building import HoursBuilding
from agi_router.settings.patience import CARRIERS_PATIENCE_S, longest_answer_s, unanswered_s
from agi_router.settings.policy_section import volume_policy
from agi_router.settings.request_building import RequestBuilding
from agi_router.settings.request_section import CrmRequestSection, RequestSection
from agi_router.settings.response_section import ResponseSection
from agi_router.settings.sections import RouteSection, RoutingSections
from agi_router.settings.show_section import ShowSection

MAY_BE_TEAMS = frozenset({DestinationType.TEAM, DestinationType.NUMBER, DestinationType.AUTO})


def routing_settings(
    document: Document, sections: RoutingSections, connectors: Collection[str] = ()
) -> RoutingSettings:
    """The settings that these sections mean; raises ConfigError with all that does not fit together.

    `connectors` are the names of the CRMs that are connected: routes may ask them, and answer with their users' ids.
    """
    found = Findings(document)
    policy = DialPolicy(
        regions=frozenset(sections.policy.regions),
        region=sections.defaults.region,
        dialplan_contexts=frozenset(sections.policy.dialplan_contexts),
        table_contexts=frozenset(
            meant.dialplan.context
            for route in sections.routes.values()
            for meant in route.read_as.values.values()
            if meant.dialplan is not None
        ),
    )
    names = DirectoryBuilding(found, sections.directory, sections.trunks, policy)
    hours = HoursBuilding(found, sections.hours)
    fallback = names.chain(sections.defaults.fallback, ("defaults", "fallback"), sections.defaults.timeout_s)
    shown = (
        Showing() if sections.defaults.show is None else _showing(sections.defaults.show, names, ("defaults", "show"))
    )
    return _Building(sections, found, names, RequestBuilding(found), hours, fallback, shown, connectors).settings()


def _showing(section: ShowSection, names: DirectoryBuilding, at: At) -> Showing:
    number = None if section.number is None else names.number(section.number, (*at, "number"))
    return Showing(number=number, name_prefix=section.name_prefix, headers=section.headers)


@dataclass(frozen=True, slots=True)
class _Building:
    """One pass over the sections; `fallback` and `showing` are those of `defaults`, `connectors` the CRMs' names."""

    sections: RoutingSections
    found: Findings
    names: DirectoryBuilding
    requests: RequestBuilding
    hours: HoursBuilding
    fallback: tuple[FallbackStep, ...]
    showing: Showing
    connectors: Collection[str]

    def settings(self) -> RoutingSettings:
        s = self.sections
        trunks, users, numbers = self.names.trunks(), self.names.users(), self.names.numbers(s.routes)
        teams = self.names.teams()
        queues = self.names.queues()
        outbound = campaigns(self.found, self.names, s.campaigns)
        routes = tuple(self._route(name, route) for name, route in s.routes.items())
        self.hours.warn()
        requests = [route.http_request for route in routes]
        asked = {same_origin(url.origin) for request in requests if request is not None for url in request.urls}
        upstreams = self.requests.upstreams(s.upstreams, asked)
        if trunks and not s.policy.regions:
            regions = "policy.regions allows no region, so no number outside is ever dialled; add yours"
            self.found.warn(("trunks",), regions)
        if not routes:
            self.found.warn((), "there are no routes, so every call takes defaults.fallback; add one under routes")
        if self.found.problems:
            raise ConfigError(self.found.problems)
        return RoutingSettings(
            routes=routes,
            users=users,
            teams=teams,
            trunks=trunks,
            numbers=numbers,
            queues=queues,
            campaigns=outbound,
            click_to_dial=click_to_dial(s.click_to_dial, s.defaults.treatment()),
            policy=self.names.policy,
            volume=volume_policy(s.policy, self.found),
            guard=NetworkGuard(tuple(s.network.allowed_networks)),
            upstreams=upstreams,
            fallback=self.fallback,
            treatment=s.defaults.treatment(),
            showing=self.showing,
            warnings=tuple(map(str, self.found.warnings)),
        )

    def _route(self, name: str, section: RouteSection) -> Route:
        at: At = ("routes", name)
        if section.ringing.ahead is not Ahead.OFF and not section.remember.last_good_s:
            self.found.problem(
                (*at, "ringing", "ahead"),
                "needs last good answers to guess by; set remember.last_good_s of this route, for example to 604800",
            )
        treatment = section.treatment(self.sections.defaults.treatment())
        self._check_order(section, (*at, "ringing", "order"))
        timeout_s = section.ringing.timeout_s or self.sections.defaults.timeout_s
        fallback, closed = section.fallback, section.closed
        chain = None if fallback is None else self.names.chain(fallback, (*at, "fallback"), timeout_s)
        closed_chain = None if closed is None else self.names.chain(closed, (*at, "closed"), timeout_s)
        open_s = longest_answer_s(section.read_as, timeout_s)
        open_s += unanswered_s(self.fallback if chain is None else chain)
        self._check_patience(treatment, max(open_s, unanswered_s(closed_chain or ())), at)
        if section.response is not None and section.response.crm is not None:
            self._check_crm(section.response.crm, (*at, "response", "crm"))
        return Route(
            name=name,
            request=self._request(section.request, (*at, "request")),
            response=self._response(section.read_as, (*at, "response")),
            ringing=Ringing(
                timeout_s, section.ringing.ahead, order=section.ringing.order, if_busy=section.ringing.if_busy
            ),
            remember=Remember(cache_s=section.remember.cache_s, last_good_s=section.remember.last_good_s),
            treatment=treatment,
            showing=self.showing if section.show is None else _showing(section.show, self.names, (*at, "show")),
            fallback=chain,
            hours=self.hours.of_route(section.hours, at, has_closed=closed is not None),
            closed=closed_chain,
        )

    def _request(self, section: RequestSection | CrmRequestSection, at: At) -> Request | CrmRequest:
        if isinstance(section, RequestSection):
            return self.requests.request(section, at)
        if section.crm not in self.connectors:
            hint = suggestion(section.crm, sorted(self.connectors)) or "; add it to crm"
            self.found.problem((*at, "crm"), f'there is no connector "{section.crm}"{hint}')
        return CrmRequest(crm=section.crm, deadline_s=section.deadline_s)

    def _check_patience(self, treatment: Treatment, steps_s: float, at: At) -> None:
        longest_s = min(steps_s, treatment.chain_s or steps_s)
        if treatment.answer is Answer.ON_BRIDGE and longest_s > CARRIERS_PATIENCE_S:
            self.found.warn(
                at,
                f"may ring for {longest_s:g} s before the caller is answered, and carriers drop such a call after "
                f"one to three minutes; set answer: on_wait, or limits: {{chain_s: {CARRIERS_PATIENCE_S}}}",
            )

    def _check_order(self, section: RouteSection, at: At) -> None:
        answers = section.read_as
        in_table = {DestinationType.TEAM for meant in answers.values.values() if meant.team or meant.number}
        may_be_team = answers.type_path is not None or {answers.type, *in_table} & MAY_BE_TEAMS
        if section.ringing.order is not None and not may_be_team:
            self.found.problem(
                at, "is the order in which a team rings, and no answer of this route is one; set it in the fallback"
            )

    def _response(self, section: ResponseSection, at: At) -> Response:
        if section.type is DestinationType.EXTERNAL and not self.sections.trunks:
            self.found.problem((*at, "type"), "numbers outside need a trunk, and there is none; add it to trunks")
        if section.type is DestinationType.DIALPLAN and not self.sections.policy.dialplan_contexts:
            self.found.problem(
                (*at, "type"),
                "answers may name no context of the dialplan yet; add those they may to policy.dialplan_contexts",
            )
        for key in ("values", "types", "headers"):
            named = [((*at, key, name), name.strip().casefold()) for name in getattr(section, key)]
            self.found.check_unique(f"{key}, whatever their case,", named)
        return Response(
            format=section.format,
            type=section.type,
            paths=section.path or (),
            type_paths=section.type_path or (),
            types={**OWN_WORDS, **{word.strip().casefold(): type_ for word, type_ in section.types.items()}},
            crm=section.crm,
            confirm=section.confirm,
            values={
                said.strip().casefold(): self.names.meaning(meant, (*at, "values", said))
                for said, meant in section.values.items()
            },
            carries=Carries(
                caller_name=section.caller_name or (),
                ring_s=section.ring_timeout or (),
                record=section.record or (),
                headers=section.headers,
                variables={VARIABLE_PREFIX + name: paths for name, paths in section.variables.items()},
            ),
        )

    def _check_crm(self, crm: str, at: At) -> None:
        known = {name for user in self.sections.directory.users for name in user.crm_ids} | {*self.connectors}
        if crm not in known:
            no_user = f'no user has an id of "{crm}" under crm_ids, and no connector has this name'
            hint = suggestion(crm, sorted(known)) or "; add it to the users, or to crm"
            self.found.problem(at, no_user + hint)
