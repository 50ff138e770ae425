"""Agents: how each user stands, and what may be changed of it: a break, do not disturb, the end of his wrap-up."""

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from agi_router.routing.errors import Failure
from ari_app.access.scopes import Access, Scope
from ari_app.live.agents import ChangeForm, agent_as_json, agent_of, change_agent
from ari_app.web.access import require
from ari_app.web.failures import problem_of
from ari_app.web.paging import Listed, PageWanted
from ari_app.web.problems import ProblemError, problems
from ari_app.web.services import Router, Services

resource = APIRouter(prefix="/agents", tags=["agents"])

Asking = Annotated[Access, require(Scope.AGENTS_READ)]
Changing = Annotated[Access, require(Scope.AGENTS_WRITE)]
User = Annotated[
    str, Path(min_length=1, max_length=254, description="id, e-mail address or extension", examples=["456"])
]

CHANGE: Final = problems(400, 401, 403, 404, 409, 422, 502, 503, 504)


class Break(BaseModel):
    """A queue of which somebody is a member."""

    queue: str = Field(description="its name in Asterisk", examples=["support-queue"])
    paused: bool = Field(description="he is on break there")
    reason: str = Field(description="why, where it was said", examples=["lunch"])


class Agent(BaseModel):
    """How a user stands, as `agi-router agents --json` tells it."""

    user: str = Field(description="his id", examples=["456"])
    name: str = Field(examples=["Ada"])
    devices: dict[str, str | None] = Field(
        description="the states of his devices, in Asterisk's words; null: not told yet",
        examples=[{"PJSIP/ada": "NOT_INUSE", "Custom:DND101": "INUSE"}],
    )
    registered: bool | None = Field(description="whether one of his phones can be reached; null: not known")
    state: Literal["free", "ringing", "in_call", "wrap_up", "dnd"]
    for_s: float | None = Field(description="for how long he will be in wrap-up")
    dnd: bool = Field(description="he does not want to be disturbed")
    queues: list[Break] = Field(description="the queues to which he is logged in, as far as they are known")


class Agents(Listed[Agent]):
    """A page of agents."""

    queues_known: bool = Field(description="whether Asterisk's queues are known: false without a link to AMI")


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Pause(_Body):
    """A break."""

    queue: str = Field(default="", max_length=128, description="its id or name; empty: all of his queues")
    reason: str = Field(default="", max_length=128, examples=["lunch"])


class Resume(_Body):
    """The end of a break."""

    queue: str = Field(default="", max_length=128, description="its id or name; empty: all of his queues")


class Dnd(_Body):
    """Do not disturb."""

    on: bool


@resource.get("", operation_id="listAgents", responses=problems(401, 403, 422))
async def list_agents(router: Router, page: PageWanted, _: Asking) -> Agents:
    """All users, in the order of the configuration, each as he stands at this moment."""
    part = page.of(router.presence.members())
    return Agents(
        items=[Agent.model_validate(agent_as_json(router.presence, member)) for member in part.items],
        total=part.total,
        next=part.next,
        queues_known=router.presence.memberships.known,
    )


@resource.get("/{user}", operation_id="getAgent", responses=problems(401, 403, 404, 422))
async def get_agent(router: Router, user: User, _: Asking) -> Agent:
    """How one user stands at this moment."""
    found = router.agents.user_called(user)
    if isinstance(found, Failure):
        raise problem_of(found)
    member = agent_of(router.presence, found)
    if member is None:  # between two configurations
        raise ProblemError(404, "agent_unknown", f"no user has the id {found}", "GET /api/v1/agents lists all.")
    return Agent.model_validate(agent_as_json(router.presence, member))


@resource.post("/{user}/pause", operation_id="pauseAgent", responses=CHANGE)
async def pause(router: Router, user: User, body: Pause, access: Changing) -> Agent:
    """Let him have a break: his queues give him no calls, and click to dial refuses him."""
    return await _change(router, access, user=user, action="pause", **body.model_dump())


@resource.post("/{user}/resume", operation_id="resumeAgent", responses=CHANGE)
async def resume(router: Router, user: User, body: Resume, access: Changing) -> Agent:
    """End his break."""
    return await _change(router, access, user=user, action="resume", **body.model_dump())


@resource.post("/{user}/dnd", operation_id="setAgentDnd", responses=CHANGE)
async def dnd(router: Router, user: User, body: Dnd, access: Changing) -> Agent:
    """Set or end his do not disturb, as his phone's code does it."""
    return await _change(router, access, user=user, action="dnd", on=body.on)


@resource.post("/{user}/end-wrap-up", operation_id="endAgentWrapUp", responses=problems(401, 403, 404, 422))
async def end_wrap_up(router: Router, user: User, access: Changing) -> Agent:
    """Let him take calls again at once, before the time of his team for wrap-up is over."""
    return await _change(router, access, user=user, action="end-wrap-up")


async def _change(router: Services, access: Access, **form: Any) -> Agent:
    told = await change_agent(router.agents, ChangeForm.model_validate(form), by=f"the key {access.key}")
    if isinstance(told, Failure):
        raise problem_of(told)
    return Agent.model_validate(told)
