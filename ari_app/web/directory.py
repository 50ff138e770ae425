"""The directory as the configuration in force has it: who can be rung, where calls lead, and what leads outside."""

from collections.abc import Mapping
from typing import Annotated, TypeVar, assert_never

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from agi_router.decide import RoutingSettings
from agi_router.directory.numbers import InternalNumber, ToRoute
from agi_router.directory.queues import Queue
from agi_router.directory.teams import Team
from agi_router.directory.trunks import Trunk
from agi_router.directory.users import EndpointDevice, ExternalDevice, User
from agi_router.routing.caller_id import CalledNumber, CallerId, CallersOwn, OwnNumber
from agi_router.routing.numbers import NumberFormat
from agi_router.routing.order import Order
from ari_app.access.scopes import Access, Scope
from ari_app.web.access import require
from ari_app.web.paging import Listed, PageWanted
from ari_app.web.problems import ProblemError, problems
from ari_app.web.services import Router

resource = APIRouter(tags=["directory"])

Asking = Annotated[Access, require(Scope.DIRECTORY_READ)]
Id = Annotated[str, Path(min_length=1, max_length=254)]
EntryT = TypeVar("EntryT", User, Team)


class UserDevice(BaseModel):
    """A device that rings for a user: one of `endpoint` and `external`."""

    endpoint: str | None = Field(default=None, examples=["PJSIP/ada"])
    external: str | None = Field(default=None, description="a number outside, E.164", examples=["+14155550177"])
    trunks: list[str] = Field(default_factory=list, description="that lead to it; empty: all of them, in their order")
    confirm: bool = Field(description="whoever picks up has to press a key")
    auto_answer: bool = Field(default=False, description="it picks up by itself when its user has asked for the call")


class UserShown(BaseModel):
    """A user of the directory."""

    id: str = Field(examples=["456"])
    name: str = Field(examples=["Ada"])
    email: str | None
    extension: str | None = Field(examples=["101"])
    crm_ids: dict[str, str] = Field(
        description="by which CRMs know him: those of the configuration, and those that connected CRMs list",
        examples=[{"hubspot": "77"}],
    )
    devices: list[UserDevice]
    dnd: str | None = Field(description="the device whose state says do not disturb", examples=["Custom:DND101"])
    teams: list[str] = Field(description="the ids of the teams of which he is a member")


class TeamShown(BaseModel):
    """A team of the directory."""

    id: str = Field(examples=["7"])
    name: str
    members: list[str] = Field(description="the ids of its users, in their order", examples=[["456", "77"]])
    order: Order = Field(description="who rings when")
    ring_each_s: float = Field(description="how long each rings, one at a time")
    wrap_up_s: float = Field(description="how long a member is left alone after a talk")


class NumberShown(BaseModel):
    """An internal number, and where it leads."""

    number: str = Field(examples=["+14155550100"])
    type: str = Field(description="`route`, or the type of a destination", examples=["route"])
    value: str = Field(examples=["sales"])


class QueueShown(BaseModel):
    """A queue of Asterisk into which callers may be sent."""

    id: str = Field(examples=["support"])
    name: str = Field(description="in queues.conf", examples=["support-queue"])
    timeout_s: float = Field(description="how long a caller waits in it, where a step says nothing else")


class TrunkShown(BaseModel):
    """A way outside."""

    name: str = Field(examples=["main"])
    endpoint: str = Field(examples=["PJSIP/trunk"])
    number_format: NumberFormat
    shows: str = Field(
        description="whose number it is shown: `own`, the number of `caller_id`; `called`, the number that was called, "
        "if it is one of ours; `caller`, that of whoever calls",
        examples=["own"],
    )
    caller_id: str | None = Field(examples=["+14155550100"])
    trusted: bool = Field(description="what answers carry for phones is sent to it as well")
    setup_timeout_s: float


@resource.get("/users", operation_id="listUsers", responses=problems(401, 403, 422))
async def list_users(router: Router, page: PageWanted, _: Asking) -> Listed[UserShown]:
    """All users, in the order of the configuration."""
    routing = router.settings().routing
    part = page.of(routing.users)
    ids = router.crm_users.users.ids_of
    return Listed(items=[_user(user, routing, ids(user.id)) for user in part.items], total=part.total, next=part.next)


@resource.get("/users/{user_id}", operation_id="getUser", responses=problems(401, 403, 404, 422))
async def get_user(router: Router, user_id: Id, _: Asking) -> UserShown:
    """One user, by his id."""
    routing = router.settings().routing
    return _user(_found(user_id, routing.users, "user"), routing, router.crm_users.users.ids_of(user_id))


@resource.get("/teams", operation_id="listTeams", responses=problems(401, 403, 422))
async def list_teams(router: Router, page: PageWanted, _: Asking) -> Listed[TeamShown]:
    """All teams, in the order of the configuration."""
    part = page.of(router.settings().routing.teams)
    return Listed(items=list(map(_team, part.items)), total=part.total, next=part.next)


@resource.get("/teams/{team_id}", operation_id="getTeam", responses=problems(401, 403, 404, 422))
async def get_team(router: Router, team_id: Id, _: Asking) -> TeamShown:
    """One team, by its id."""
    return _team(_found(team_id, router.settings().routing.teams, "team"))


@resource.get("/numbers", operation_id="listNumbers", responses=problems(401, 403, 422))
async def list_numbers(router: Router, page: PageWanted, _: Asking) -> Listed[NumberShown]:
    """Our own numbers and extensions beside those of users, each with where it leads."""
    part = page.of(router.settings().routing.numbers)
    return Listed(items=list(map(_number, part.items)), total=part.total, next=part.next)


@resource.get("/queues", operation_id="listQueues", responses=problems(401, 403, 422))
async def list_queues(router: Router, page: PageWanted, _: Asking) -> Listed[QueueShown]:
    """The queues that answers and steps may name."""
    part = page.of(router.settings().routing.queues)
    return Listed(items=list(map(_queue, part.items)), total=part.total, next=part.next)


@resource.get("/trunks", operation_id="listTrunks", responses=problems(401, 403, 422))
async def list_trunks(router: Router, page: PageWanted, _: Asking) -> Listed[TrunkShown]:
    """The ways outside, in the order in which they are tried. How each stands is told by /devices?kind=trunk."""
    part = page.of(router.settings().routing.trunks)
    return Listed(items=list(map(_trunk, part.items)), total=part.total, next=part.next)


def _found(wanted: str, entries: tuple[EntryT, ...], what: str) -> EntryT:
    for entry in entries:
        if entry.id == wanted:
            return entry
    raise ProblemError(
        404, f"{what}_unknown", f"no {what} has the id {wanted}", f"GET /api/v1/{what}s lists those there are."
    )


def _user(user: User, routing: RoutingSettings, crm_ids: Mapping[str, str]) -> UserShown:
    return UserShown(
        id=user.id,
        name=user.name,
        email=user.email,
        extension=user.extension,
        crm_ids={**crm_ids, **user.crm_ids},
        devices=[_device(device) for device in user.devices],
        dnd=user.dnd,
        teams=[team.id for team in routing.teams if user.id in team.members],
    )


def _device(device: EndpointDevice | ExternalDevice) -> UserDevice:
    match device:
        case EndpointDevice(endpoint, confirm, auto_answer):
            return UserDevice(endpoint=f"PJSIP/{endpoint}", confirm=confirm, auto_answer=auto_answer)
        case ExternalDevice(number, trunks, confirm):
            return UserDevice(external=number, trunks=list(trunks), confirm=confirm)
        case _:
            assert_never(device)


def _team(team: Team) -> TeamShown:
    return TeamShown(
        id=team.id,
        name=team.name,
        members=list(team.members),
        order=team.order,
        ring_each_s=team.ring_each_s,
        wrap_up_s=team.wrap_up_s,
    )


def _number(number: InternalNumber) -> NumberShown:
    if isinstance(number.to, ToRoute):
        return NumberShown(number=number.name, type="route", value=number.to.route)
    return NumberShown(number=number.name, type=number.to.type, value=number.to.value)


def _queue(queue: Queue) -> QueueShown:
    return QueueShown(id=queue.id, name=queue.name, timeout_s=queue.timeout_s)


def _trunk(trunk: Trunk) -> TrunkShown:
    shows, caller_id = _caller_id(trunk.caller_id)
    return TrunkShown(
        name=trunk.name,
        endpoint=f"PJSIP/{trunk.endpoint}",
        number_format=trunk.number_format,
        shows=shows,
        caller_id=caller_id,
        trusted=trunk.trusted,
        setup_timeout_s=trunk.setup_timeout_s,
    )


def _caller_id(shown: CallerId) -> tuple[str, str | None]:
    match shown:
        case OwnNumber(number):
            return "own", number or None
        case CalledNumber():
            return "called", None
        case CallersOwn():
            return "caller", None
        case _:
            assert_never(shown)
