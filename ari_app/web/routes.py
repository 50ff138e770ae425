"""Routes: how each is configured, without secrets, and a trial of one that rings nobody."""

from collections.abc import Iterable
from typing import Annotated, Final, assert_never

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field, JsonValue
from pydantic_core import to_jsonable_python

from agi_router.lookup.described import described_request
from agi_router.routing.errors import Failure
from agi_router.routing.order import IfBusy, Order
from agi_router.routing.route import CrmRequest, FallbackStep, Request, Route
from ari_app.access.scopes import Access, Scope
from ari_app.live.dry_run import Question
from ari_app.web.access import require
from ari_app.web.failures import problem_of
from ari_app.web.paging import Listed, PageWanted
from ari_app.web.problems import ProblemError, problems
from ari_app.web.services import Router, Services

resource = APIRouter(prefix="/routes", tags=["routes"])

Asking = Annotated[Access, require(Scope.ROUTES_READ)]
Name = Annotated[str, Path(min_length=1, max_length=64, examples=["sales"])]
Short = Annotated[str, Field(max_length=256)]
MOST_PAIRS: Final = 32


class RequestShown(BaseModel):
    """What is asked of the API. Secrets are masked, variables stand as {{callerNumber}}."""

    method: str = Field(examples=["GET"])
    url: str = Field(examples=["https://api.example.com/calls?n={{callerNumber}}"])
    second_url: str | None = Field(description="asked when the first one fails")
    send: str = Field(description="where the fields travel", examples=["query"])
    fields: dict[str, JsonValue]
    body: JsonValue
    rpc_method: str | None
    headers: dict[str, str]
    auth: str = Field(description="the kind of credentials: none, basic, bearer, api_key, oauth2", examples=["bearer"])
    second_auth: str | None
    deadline_s: float


class CrmRequestShown(BaseModel):
    """A CRM connector is asked for the owner of the caller's contact."""

    crm: str = Field(description="the connector's name", examples=["hubspot"])
    deadline_s: float


class ResponseShown(BaseModel):
    """How the answer is read."""

    format: str = Field(examples=["json"])
    type: str | None = Field(description="of the destination, where the answer does not say it", examples=["user"])
    paths: list[str] = Field(description="where the value stands, tried in their order", examples=[["user.id"]])
    type_paths: list[str]
    values: list[str] = Field(description="what the answer may say that a table gives a meaning")


class RingingShown(BaseModel):
    """How the answer's destination rings."""

    timeout_s: float
    order: Order | None = Field(description="null: the team's own")
    if_busy: IfBusy


class StepShown(BaseModel):
    """One step of a chain."""

    type: str = Field(examples=["team"])
    value: str = Field(examples=["7"])
    timeout_s: float
    order: Order | None
    if_busy: IfBusy


class RouteShown(BaseModel):
    """A route as it is configured."""

    name: str = Field(examples=["sales"])
    request: RequestShown | CrmRequestShown
    response: ResponseShown
    ringing: RingingShown
    cache_s: float = Field(description="how long an answer is used again instead of asking")
    last_good_s: float = Field(description="how long the last good answer may stand in while the API is down")
    fallback: list[StepShown] = Field(description="its own chain, else the one of `defaults`")
    hours: str | None = Field(description="the name of its business hours; null: it is always open")
    closed: list[StepShown] | None = Field(description="the chain outside of them; null: the fallback")


class Trial(BaseModel):
    """A call to imagine, with the options of `agi-router test-route`."""

    model_config = ConfigDict(extra="forbid")

    number: str = Field(min_length=1, max_length=64, description="the caller's, in E.164", examples=["+14155550177"])
    called: Short = Field(default="", description="the number that was called")
    name: Short = Field(default="", description="the caller's name")
    withheld: bool = Field(default=False, description="the caller withholds number and name; they are then not sent")
    headers: dict[Annotated[str, Field(max_length=64)], Short] = Field(
        default_factory=dict, max_length=MOST_PAIRS, description="SIP headers of the call"
    )
    variables: dict[Annotated[str, Field(max_length=64)], Short] = Field(
        default_factory=dict, max_length=MOST_PAIRS, description="channel variables"
    )
    last_good: bool = Field(default=False, description="if the API is down, take the caller's last good answer")
    at: str = Field(default="", max_length=64, description="another moment for business hours, ISO 8601")


class TrialOutcome(BaseModel):
    """What would happen, as `agi-router test-route --json` tells it."""

    route: str
    closed: dict[str, JsonValue] | None = Field(description="why the route is closed at this moment")
    failed_attempts: list[dict[str, JsonValue]] = Field(description="requests that failed before the one that counts")
    request: dict[str, JsonValue] | None = Field(description="what was asked, secrets masked")
    answer: dict[str, JsonValue] | None
    value: str | None = Field(description="what the answer says", examples=["456"])
    source: str = Field(description="whether the answer is a new one")
    age_s: float
    destination: dict[str, str] | None = Field(examples=[{"type": "user", "value": "456"}])
    carries: dict[str, JsonValue] | None = Field(description="what the answer brings for phones and dialplan")
    members: list[dict[str, JsonValue]] = Field(description="who would ring of a team, in the order of their turns")
    devices: list[dict[str, JsonValue]] = Field(description="what would ring")
    blocked: list[dict[str, JsonValue]] = Field(description="numbers that a limit of the dial policy keeps back now")
    error: Failure | None


@resource.get("", operation_id="listRoutes", responses=problems(401, 403, 422))
async def list_routes(router: Router, page: PageWanted, _: Asking) -> Listed[RouteShown]:
    """All routes, in the order of the configuration."""
    part = page.of(router.settings().routing.routes)
    return Listed(items=[_route(router, route) for route in part.items], total=part.total, next=part.next)


@resource.get("/{name}", operation_id="getRoute", responses=problems(401, 403, 404, 422))
async def get_route(router: Router, name: Name, _: Asking) -> RouteShown:
    """One route, by its name."""
    return _route(router, _found(router, name))


@resource.post("/{name}/test", operation_id="testRoute", responses=problems(400, 401, 403, 404, 422, 504))
async def test_route(
    router: Router, name: Name, body: Trial, _: Annotated[Access, require(Scope.ROUTES_TEST)]
) -> TrialOutcome:
    """Ask the API as a call would, and tell who would ring. Rings nobody.

    What stands in the way of a call is told in `error`, with status 200: the trial itself went well.
    """
    _found(router, name)
    told = await router.trials.test(
        Question(
            route=name,
            number=body.number,
            called=body.called,
            name=body.name,
            withheld=body.withheld,
            headers=_pairs(body.headers),
            variables=_pairs(body.variables),
            last_good=body.last_good,
            at=body.at,
        )
    )
    if isinstance(told, Failure):
        raise problem_of(told)
    return TrialOutcome.model_validate(to_jsonable_python(told))


def _pairs(given: dict[str, str]) -> tuple[str, ...]:
    return tuple(f"{name}={value}" for name, value in given.items())


def _found(router: Services, name: str) -> Route:
    for route in router.settings().routing.routes:
        if route.name == name:
            return route
    raise ProblemError(404, "route_unknown", f"there is no route {name}", "GET /api/v1/routes lists those there are.")


def _route(router: Services, route: Route) -> RouteShown:
    response = route.response
    fallback = router.settings().routing.fallback if route.fallback is None else route.fallback
    return RouteShown(
        name=route.name,
        request=_request(route.request),
        response=ResponseShown(
            format=response.format.value,
            type=None if response.type is None else response.type.value,
            paths=[path.text for path in response.paths],
            type_paths=[path.text for path in response.type_paths],
            values=list(response.values),
        ),
        ringing=RingingShown(
            timeout_s=route.ringing.timeout_s, order=route.ringing.order, if_busy=route.ringing.if_busy
        ),
        cache_s=route.remember.cache_s,
        last_good_s=route.remember.last_good_s,
        fallback=_steps(fallback),
        hours=None if route.hours is None else route.hours.name,
        closed=None if route.closed is None else _steps(route.closed),
    )


def _request(request: Request | CrmRequest) -> RequestShown | CrmRequestShown:
    match request:
        case Request():
            return RequestShown.model_validate(described_request(request))
        case CrmRequest(crm=crm, deadline_s=deadline_s):
            return CrmRequestShown(crm=crm, deadline_s=deadline_s)
        case _:
            assert_never(request)


def _steps(chain: Iterable[FallbackStep]) -> list[StepShown]:
    return [
        StepShown(
            type=step.destination.type,
            value=step.destination.value,
            timeout_s=step.timeout_s,
            order=step.order,
            if_busy=step.if_busy,
        )
        for step in chain
    ]
