"""The control socket's door to the agents: how each user stands, as programs get it, and what is changed of it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Literal, assert_never

import structlog
from pydantic import BaseModel, ConfigDict, Field

from agi_router.routing.errors import Failure
from agi_router.routing.step import Member
from ari_app.calls.agent_changes import AgentChanges
from ari_app.calls.memberships import Membership
from ari_app.calls.presence import Presence, Why
from ari_app.control.settings import ControlError
from ari_app.live.forms import read_form

Agents = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]

log = structlog.get_logger("agi_router.agents")

FREE = "free"
RINGING = "ringing"

LONGEST_ANSWER_S: Final = 30.0
"""After which a change has been told of in any case, also one in several queues."""

ActionName = Literal["pause", "resume", "dnd", "end-wrap-up"]


class ChangeForm(BaseModel):
    """What is to change of a user: named by id, e-mail address or extension. `on` belongs to dnd alone."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    user: str = Field(min_length=1, max_length=254)
    action: ActionName
    queue: str = Field(default="", max_length=128)
    reason: str = Field(default="", max_length=128)
    on: bool = True


def agents(presence: Presence) -> Agents:
    """The command `agents`: `{"agents": [...], "queues_known": ...}`."""

    async def tell(_: Mapping[str, Any]) -> Mapping[str, Any]:
        return {
            "agents": [agent_as_json(presence, member) for member in presence.members()],
            "queues_known": presence.memberships.known,
        }

    return tell


def changing(changes: AgentChanges) -> Agents:
    """The command `agent`: how the user stands when it is done, or a ControlError with why it is not."""

    async def change(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        told = await change_agent(changes, read_form(ChangeForm, arguments), by="the control socket")
        if isinstance(told, Failure):
            raise ControlError(f"{told.message} [{told.code}]", told.remedy)
        return {**told, "queues_known": changes.presence.memberships.known}

    return change


async def change_agent(changes: AgentChanges, form: ChangeForm, by: str) -> Mapping[str, Any] | Failure:
    """Change it, and put on the log who (`by`) has changed it; how the user stands then, or why it was not done."""
    user = changes.user_called(form.user)
    if isinstance(user, Failure):
        return user
    failure = await _change(changes, user, form)
    told: dict[str, Any] = {"user": user, "change": form.action, "queue": form.queue, "by": by}
    if form.action == "dnd":
        told["on"] = form.on
    if failure is not None:
        log.warning("the state of an agent was not changed", **told, error=failure.message, code=failure.code)
        return failure
    log.info("the state of an agent was changed", **told)
    # A reload may have taken the user away meanwhile.
    found = agent_of(changes.presence, user)
    return agent_as_json(changes.presence, Member(user, ()) if found is None else found)


async def _change(changes: AgentChanges, user: str, form: ChangeForm) -> Failure | None:
    match form.action:
        case "pause":
            return await changes.set_break(user, paused=True, queue=form.queue, reason=form.reason)
        case "resume":
            return await changes.set_break(user, paused=False, queue=form.queue)
        case "dnd":
            return await changes.set_dnd(user, on=form.on)
        case "end-wrap-up":
            changes.end_wrap_up(user)
            return None
        case _:
            assert_never(form.action)


def agent_of(presence: Presence, user: str) -> Member | None:
    """The user with this id; None when there is none."""
    return next((member for member in presence.members() if member.user == user), None)


def agent_as_json(presence: Presence, member: Member) -> dict[str, Any]:
    """`state` is free, ringing or why he is busy; `registered` is None when that is not known."""
    busy = presence.busy(member)
    state = busy.why.value if busy else RINGING if presence.is_ringing(member.user) else FREE
    return {
        "user": member.user,
        "name": member.name,
        "devices": presence.device_states(member.user),
        "registered": presence.is_registered(member),
        "state": state,
        "for_s": None if busy is None or busy.for_s is None else round(busy.for_s, 1),
        "dnd": any(each.why is Why.DND for each in presence.all_busy(member)),
        "queues": [_queue_as_json(membership) for membership in presence.queues_of(member.user)],
    }


def _queue_as_json(membership: Membership) -> dict[str, Any]:
    return {"queue": membership.queue, "paused": membership.paused, "reason": membership.reason}
