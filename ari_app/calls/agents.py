"""Whether the agent of a call that is asked for can take it: told at once, before anything rings.

What is not known refuses nobody: without a link to AMI nobody is on break or logged out, and a device of which Asterisk
has told nothing may be registered.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence, Set
from dataclasses import replace
from typing import Final

from agi_router.routing.click_to_dial import PlannedCall, Refusal, Unready
from agi_router.routing.errors import Failure
from agi_router.routing.step import Member, Refused, Ring, Step, Unable
from ari_app.calls.memberships import Membership
from ari_app.calls.presence import Presence, Why

_OF_BUSY: Final = {Why.IN_CALL: Unready.IN_CALL, Why.DND: Unready.DND, Why.WRAP_UP: Unready.WRAP_UP}
_SHORT: Final = {
    Unready.NOT_REGISTERED: "without a registered phone",
    Unready.NOT_LOGGED_IN: "not logged in to the queue",
    Unready.PAUSED: "on break",
    Unready.IN_CALL: "in a call",
    Unready.DND: "not to be disturbed",
    Unready.WRAP_UP: "in wrap-up",
}
_NOT_RUNG: Final = frozenset({Unready.NOT_REGISTERED, Unready.NOT_LOGGED_IN, Unready.PAUSED})
"""Members of whom one of these holds are not rung. Who is busy is passed over by the hunt, until he is free."""

SETTLE_S: Final = 0.25
"""How long a refusal waits for its reason to go. A phone is told that it is registered, or that its call is over, some
milliseconds (10 were seen) before Asterisk tells it of its device."""


def unready(presence: Presence, member: Member, queue: str = "") -> Iterator[Unready]:
    """All that speaks against this member, for a call of a campaign that has this queue ("": of none)."""
    if presence.is_registered(member) is False:
        yield Unready.NOT_REGISTERED
    memberships = _concerned(presence, member.user, queue)
    if queue in presence.memberships.queues and not memberships:
        yield Unready.NOT_LOGGED_IN
    if memberships and all(membership.paused for membership in memberships):
        yield Unready.PAUSED
    for busy in presence.all_busy(member):
        yield _OF_BUSY[busy.why]


async def agent_unready(presence: Presence, planned: PlannedCall) -> Refusal | None:
    """Why the call must not be placed now; None when its agent, or one of its team, can take it."""
    try:
        async with asyncio.timeout(SETTLE_S):
            await presence.until(lambda: unready_now(presence, planned) is None, ())
    except TimeoutError:
        why = unready_now(presence, planned)
        return None if why is None else Refusal(planned.agent, why)
    return None


def unready_now(presence: Presence, planned: PlannedCall) -> Failure | None:
    """The same by what is known at this moment."""
    action = planned.agent.action
    if not isinstance(action, Ring):
        return None
    if not planned.user:
        return _nobody_ready(presence, action, planned.queue)
    against = set(unready(presence, action.members[0], planned.queue)) & planned.refuse_when
    return _failure(presence, action.members[0], planned.queue, against) if against else None


def without_unready(presence: Presence, step: Step, queue: str) -> Step:
    """The step of a team without the members who are not to be rung at all; refused when nobody is left."""
    action = step.action
    if not isinstance(action, Ring):
        return step
    members: list[Member] = []
    unable = list(action.unable)
    for member in action.members:
        against = _NOT_RUNG.intersection(unready(presence, member, queue))
        if against:
            unable.append(Unable(member.user, member.name, _failure(presence, member, queue, against)))
        else:
            members.append(member)
    if not members:
        return replace(step, action=Refused(unable[0].failure))
    return replace(step, action=replace(action, members=tuple(members), unable=tuple(unable)))


def _nobody_ready(presence: Presence, action: Ring, queue: str) -> Failure | None:
    reasons: Counter[Unready] = Counter()
    for member in action.members:
        against = next(unready(presence, member, queue), None)
        if against is None:
            return None
        reasons[against] += 1
    told = ", ".join(f"{count} {_SHORT[against]}" for against, count in reasons.items())
    return Failure(
        "agents_not_free",
        f"nobody of team {action.team} can take the customer: {told}",
        "ask again when one of them is free; agi-router agents shows how each one stands",
    )


def _concerned(presence: Presence, user: str, queue: str) -> Sequence[Membership]:
    """The memberships that count: of the campaign's queue where it has one, else all."""
    return [membership for membership in presence.queues_of(user) if queue in {"", membership.queue}]


def _failure(presence: Presence, member: Member, queue: str, against: Set[Unready]) -> Failure:
    """The first of these, in the order of Unready."""
    name = member.name or member.user
    match next(reason for reason in Unready if reason in against):
        case Unready.NOT_REGISTERED:
            return Failure(
                "agent_not_registered",
                f"{name} is not logged in: none of the phones is registered",
                "let a phone of his register; agi-router agents shows the state of each",
            )
        case Unready.NOT_LOGGED_IN:
            return Failure(
                "agent_not_logged_in",
                f"{name} is not logged in: no member of {queue}, the queue of the campaign",
                "let him log in to that queue, or ask without the campaign",
            )
        case Unready.PAUSED:
            reason = next((m.reason for m in _concerned(presence, member.user, queue) if m.reason), "")
            return Failure(
                "agent_paused",
                f"{name} is on break" + (f": {reason}" if reason else ""),
                "ask again after his break",
            )
        case Unready.IN_CALL:
            return Failure("agent_in_call", f"{name} is in a call", "ask again after it")
        case Unready.DND:
            return Failure("agent_dnd", f"{name} does not want to be disturbed", "ask again later")
        case Unready.WRAP_UP:
            return Failure("agent_wrap_up", f"{name} is in wrap-up after a call", "ask again after it")
