"""From valid sections to the frozen settings of routing, and the rules that hold between sections."""

from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import assert_never
from urllib.parse import urlsplit

from agi_router.decide import RoutingSettings
from agi_router.directory.trunks import Trunk
from agi_router.directory.users import Device, EndpointDevice, ExternalDevice, User
from agi_router.document import ConfigError, Document, Problem, suggestion
from agi_router.lookup.client import trusting
from agi_router.lookup.guard import NetworkGuard
from agi_router.lookup.upstream import UpstreamLimits, same_origin
from agi_router.routing.auth import ApiKeyAuth, Auth, BasicAuth, BearerAuth, NoAuth, OAuth2Auth
from agi_router.routing.decider import Ahead
from agi_router.routing.destination import (
    Destination,
    DestinationType,
    EndpointDestination,
    ExternalDestination,
    HangupDestination,
    UserDestination,
)
from agi_router.routing.numbers import EXAMPLE, normalise
from agi_router.routing.policy import DialPolicy
from agi_router.routing.route import (
    OWN_WORDS,
    VARIABLE_PREFIX,
    Carries,
    FallbackStep,
    Remember,
    Request,
    Response,
    Ringing,
    Route,
)
from agi_router.routing.understood import Understood
from agi_router.settings.request_headers import header_problems
from agi_router.settings.response_section import FallbackSection, ResponseSection
from agi_router.settings.second_url import second_url_problems
from agi_router.settings.sections import (
    ApiKeyAuthSection,
    AuthSection,
    BasicAuthSection,
    BearerAuthSection,
    DeviceSection,
    NoAuthSection,
    OAuth2AuthSection,
    RequestSection,
    RouteSection,
    RoutingSections,
    SameAuthSection,
    TrunkSection,
    UserSection,
)

At = tuple[str | int, ...]


def routing_settings(document: Document, sections: RoutingSections) -> RoutingSettings:
    """The settings that these sections mean; raises ConfigError with all that does not fit together."""
    return _Building(document, sections).settings()


@dataclass(slots=True)
class _Building:
    """One pass over the sections. `problems` stop it at the end; `warnings` go with the settings."""

    document: Document
    sections: RoutingSections
    policy: DialPolicy = field(init=False)
    refreshed: dict[tuple[str, str, str], tuple[OAuth2Auth, At]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.policy = DialPolicy(frozenset(self.sections.policy.regions), self.sections.defaults.region)

    def settings(self) -> RoutingSettings:
        s = self.sections
        self.check_unique(
            "users' ids", [(("directory", "users", i, "id"), u.id) for i, u in enumerate(s.directory.users)]
        )
        self.check_unique(
            "users' e-mail addresses",
            [
                (("directory", "users", i, "email"), u.email.casefold())
                for i, u in enumerate(s.directory.users)
                if u.email
            ],
        )
        for crm in sorted({crm for user in s.directory.users for crm in user.crm_ids}):
            self.check_unique(
                f"users' ids of {crm}",
                [
                    (("directory", "users", i, "crm_ids", crm), u.crm_ids[crm])
                    for i, u in enumerate(s.directory.users)
                    if crm in u.crm_ids
                ],
            )
        self.check_unique("trunks' names", [(("trunks", i, "name"), t.name) for i, t in enumerate(s.trunks)])
        trunks = tuple(self.trunk(t, ("trunks", i)) for i, t in enumerate(s.trunks))
        users = tuple(self.user(u, ("directory", "users", i)) for i, u in enumerate(s.directory.users))
        fallback = self.chain(s.defaults.fallback, ("defaults", "fallback"), s.defaults.timeout_s)
        routes = tuple(self.route(name, route) for name, route in s.routes.items())
        upstreams = self.upstreams({same_origin(url.origin) for route in routes for url in route.request.urls})
        if trunks and not s.policy.regions:
            self.warn(("trunks",), "policy.regions allows no region, so no number outside is ever dialled; add yours")
        if not routes:
            self.warn((), "there are no routes, so every call takes defaults.fallback; add one under routes")
        if self.problems:
            raise ConfigError(self.problems)
        return RoutingSettings(
            routes=routes,
            users=users,
            trunks=trunks,
            policy=self.policy,
            guard=NetworkGuard(tuple(s.network.allowed_networks)),
            upstreams=upstreams,
            fallback=fallback,
            warnings=tuple(map(str, self.warnings)),
        )

    def user(self, section: UserSection, at: At) -> User:
        if not section.devices:
            self.warn(at, f'user "{section.id}" has no devices, so nothing rings for him; add some')
        return User(
            id=section.id,
            name=section.name,
            email=section.email,
            extension=section.extension,
            crm_ids=section.crm_ids,
            devices=tuple(self.device(device, (*at, "devices", i)) for i, device in enumerate(section.devices)),
        )

    def device(self, section: DeviceSection, at: At) -> Device:
        if section.endpoint is not None:
            return EndpointDevice(self.phone(section.endpoint, at))
        number = self.external(section.external or "", section.trunk, at)
        return ExternalDevice(number, section.trunk)

    def trunk(self, section: TrunkSection, at: At) -> Trunk:
        caller_id = section.caller_id
        return Trunk(
            name=section.name,
            endpoint=section.endpoint,
            number_format=section.number_format,
            caller_id=caller_id and self.number(caller_id, (*at, "caller_id")),
            trusted=section.trusted,
        )

    def route(self, name: str, section: RouteSection) -> Route:
        at: At = ("routes", name)
        if section.ringing.ahead is not Ahead.OFF and not section.remember.last_good_s:
            self.problem(
                (*at, "ringing", "ahead"),
                "needs last good answers to guess by; set remember.last_good_s of this route, for example to 604800",
            )
        timeout_s = section.ringing.timeout_s or self.sections.defaults.timeout_s
        fallback = section.fallback
        return Route(
            name=name,
            request=self.request(section.request, (*at, "request")),
            response=self.response(section.response, (*at, "response")),
            ringing=Ringing(timeout_s, section.ringing.ahead),
            remember=Remember(cache_s=section.remember.cache_s, last_good_s=section.remember.last_good_s),
            fallback=None if fallback is None else self.chain(fallback, (*at, "fallback"), timeout_s),
        )

    def response(self, section: ResponseSection, at: At) -> Response:
        if section.type is DestinationType.EXTERNAL and not self.sections.trunks:
            self.problem((*at, "type"), "numbers outside need a trunk, and there is none; add it to trunks")
        if section.crm is not None:
            self.check_crm(section.crm, (*at, "crm"))
        for key in ("values", "types", "headers"):
            named = [((*at, key, name), name.strip().casefold()) for name in getattr(section, key)]
            self.check_unique(f"{key}, whatever their case,", named)
        return Response(
            format=section.format,
            type=section.type,
            paths=section.path or (),
            type_paths=section.type_path or (),
            types={**OWN_WORDS, **{word.strip().casefold(): type_ for word, type_ in section.types.items()}},
            crm=section.crm,
            values={
                said.strip().casefold(): self.meaning(meant, (*at, "values", said))
                for said, meant in section.values.items()
            },
            carries=Carries(
                caller_name=section.caller_name or (),
                ring_s=section.ring_timeout or (),
                headers=section.headers,
                variables={VARIABLE_PREFIX + name: paths for name, paths in section.variables.items()},
            ),
        )

    def meaning(self, section: FallbackSection, at: At) -> Understood:
        meant = self.destination(section, at)
        return Understood(
            value=meant.value, type=DestinationType(meant.type), trunk=section.trunk, ring_s=section.timeout_s
        )

    def check_crm(self, crm: str, at: At) -> None:
        known = sorted({name for user in self.sections.directory.users for name in user.crm_ids})
        if crm not in known:
            self.problem(
                at, f'no user has an id of "{crm}" under crm_ids' + (suggestion(crm, known) or "; add it to the users")
            )

    def request(self, section: RequestSection, at: At) -> Request:
        ca_file = self.ca_file(section.ca_file, (*at, "ca_file"))
        auth, second_auth = _auth(section.auth, ca_file), _second_auth(section, ca_file)
        self.check_token(auth, (*at, "auth"))
        if second_auth != auth:
            self.check_token(second_auth, (*at, "second_auth"))
        request = Request(
            method=section.sent_by,
            url=section.url,
            send=section.sent_as,
            fields=section.fields,
            body=section.body,
            rpc_method=section.rpc_method or "",
            headers=section.headers,
            auth=auth,
            deadline_s=section.deadline_s,
            ca_file=ca_file,
            second_url=section.second_url,
            second_auth=second_auth,
        )
        for where, message in (*header_problems(request), *second_url_problems(request, section.second_auth)):
            self.problem((*at, *where), message)
        return request

    def upstreams(self, asked: Set[str]) -> dict[str, UpstreamLimits]:
        """The limits by origin; `asked` are the origins of all routes."""
        given = self.sections.upstreams
        self.check_unique("upstreams' origins", [(("upstreams", i, "origin"), u.origin) for i, u in enumerate(given)])
        for index, upstream in enumerate(given):
            if upstream.origin not in asked:
                hint = suggestion(upstream.origin, sorted(asked))
                self.warn(("upstreams", index, "origin"), f"no route asks {upstream.origin}{hint}")
        return {
            u.origin: UpstreamLimits(max_concurrent=u.max_concurrent, failures=u.failures, open_s=u.open_s)
            for u in given
        }

    def check_token(self, auth: Auth, at: At) -> None:
        if not isinstance(auth, OAuth2Auth):
            return
        if auth.refresh_token:
            whose = (auth.token_url, auth.client_id, auth.refresh_token)
            first, first_at = self.refreshed.setdefault(whose, (auth, at))
            if first != auth:
                where = self.document.position(first_at)
                self.problem(
                    at,
                    f"has the refresh_token of {where} and other settings; one refresh token has one use at a time: "
                    "make both the same (their request.ca_file, too), or get another refresh token",
                )
        if auth.token_url.startswith("http:") and not _is_loopback(auth.token_url):
            self.warn((*at, "token_url"), "is asked without TLS: secrets and tokens travel readable; use https")

    def ca_file(self, name: str | None, at: At) -> Path | None:
        if name is None:
            return None
        file = self.document.directory / name
        try:
            trusting(file)
        except OSError as error:
            self.problem(at, f"{file} cannot be read as PEM certificates: {error.strerror or error}; check the file")
        return file

    def chain(self, steps: Sequence[FallbackSection], at: At, timeout_s: float) -> tuple[FallbackStep, ...]:
        for index, step in enumerate(steps[:-1]):
            if step.hangup is not None:
                self.problem((*at, index), "a hangup ends the call; let it be the last step")
        return tuple(
            FallbackStep(self.destination(step, (*at, index)), step.timeout_s or timeout_s)
            for index, step in enumerate(steps)
        )

    def destination(self, step: FallbackSection, at: At) -> Destination:
        if step.user is not None:
            return UserDestination(self.user_id(step.user, (*at, "user")))
        if step.endpoint is not None:
            return EndpointDestination(self.phone(step.endpoint, (*at, "endpoint")))
        if step.hangup is not None:
            return HangupDestination(step.hangup)
        return ExternalDestination(self.external(step.external or "", step.trunk, at), step.trunk)

    def user_id(self, given: str, at: At) -> str:
        for user in self.sections.directory.users:
            if given == user.id or (user.email is not None and given.casefold() == user.email.casefold()):
                return user.id
        known = [name for user in self.sections.directory.users for name in (user.id, user.email) if name]
        self.problem(at, f'no user has the id or e-mail address "{given}"' + suggestion(given, known))
        return given

    def phone(self, endpoint: str, at: At) -> str:
        if endpoint.rpartition("@")[2] in {trunk.endpoint for trunk in self.sections.trunks}:
            self.problem(at, f"{endpoint} leads to a trunk, and a trunk is no phone; write external: with the number")
        return endpoint

    def external(self, given: str, trunk: str | None, at: At) -> str:
        """The number in E.164; a refusal of the dial policy is only a warning, as the policy may be meant so."""
        known = [trunk.name for trunk in self.sections.trunks]
        if not known:
            self.problem((*at, "external"), "numbers outside need a trunk, and there is none; add it to trunks")
        elif trunk is not None and trunk not in known:
            self.problem((*at, "trunk"), f'there is no trunk "{trunk}"' + suggestion(trunk, known))
        number = self.number(given, (*at, "external"))
        refusal = self.policy.refusal(number) if number else None
        if refusal is not None and self.policy.regions:
            self.warn((*at, "external"), f"is never dialled: {refusal.message}; {refusal.remedy}")
        return number

    def number(self, given: str, at: At) -> str:
        number = normalise(given, self.policy.region)
        if number is None:
            self.problem(at, f'"{given}" is not a telephone number; write it in E.164 and in quotes: "{EXAMPLE}"')
        return number or ""

    def check_unique(self, what: str, named: Sequence[tuple[At, str]]) -> None:
        first: dict[str, At] = {}
        for at, name in named:
            if name in first:
                where = self.document.position(first[name])
                self.problem(at, f'"{name}" is already given at {where}; {what} are unique')
            first.setdefault(name, at)

    def problem(self, at: At, message: str) -> None:
        self.problems.append(self.document.problem(at, message))

    def warn(self, at: At, message: str) -> None:
        self.warnings.append(self.document.problem(at, message))


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _second_auth(section: RequestSection, ca_file: Path | None) -> Auth:
    match section.second_auth:
        case None if section.second_url is None:
            return NoAuth()
        case None | SameAuthSection():
            return _auth(section.auth, ca_file)
        case _:
            return _auth(section.second_auth, ca_file)


def _auth(section: AuthSection, ca_file: Path | None) -> Auth:
    match section:
        case NoAuthSection():
            return NoAuth()
        case BasicAuthSection():
            return BasicAuth(section.username, section.password.get_secret_value())
        case BearerAuthSection():
            return BearerAuth(section.token.get_secret_value())
        case ApiKeyAuthSection():
            return ApiKeyAuth(section.place, section.name, section.value.get_secret_value())
        case OAuth2AuthSection():
            return OAuth2Auth(
                token_url=section.token_url,
                client_id=section.client_id,
                client_secret=section.client_secret.get_secret_value() if section.client_secret else "",
                refresh_token=section.refresh_token.get_secret_value() if section.refresh_token else "",
                scope=section.scope or "",
                client_auth=section.client_auth,
                parameters=tuple(section.parameters.items()),
                ca_file=ca_file,
            )
        case _:
            assert_never(section)
