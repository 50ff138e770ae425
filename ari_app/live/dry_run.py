"""The dry run of a route: one decision, made by the code that decides for calls. Rings nobody.

What it is made in, a router that runs or a command that reads files, is handed in as `Surroundings`.
"""

import random
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final, Protocol, assert_never

from agi_router.decide import Router, RoutingSettings
from agi_router.routing.call_info import CallInfo
from agi_router.routing.decision import Decision
from agi_router.routing.errors import Failure
from agi_router.routing.hours import Calendar, State
from agi_router.routing.memory import Memory
from agi_router.routing.numbers import EXAMPLE, is_e164
from agi_router.routing.order import IfBusy, arrange
from agi_router.routing.step import (
    EndpointTarget,
    FindLastAgent,
    Member,
    Refused,
    Ring,
    Step,
    Target,
    TrunkTarget,
    TrunkWay,
    distinct,
)
from ari_app.calls.ids import new_call_id
from ari_app.calls.presence import Busy, Presence
from ari_app.live.device_lookup import KnownDevice

FREE: Final = "free"
_PAIR: Final = re.compile(r"(?P<name>[A-Za-z0-9_.-]+)=(?P<value>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """The call to imagine, as it was typed. `headers` and `variables` are texts of the form NAME=VALUE.

    With `last_good` the caller's last good answer is taken as for a call, should the API be down. `at` is the
    moment, "" for now: ISO 8601, without an offset by the clock of the route's business hours, else of this machine.
    """

    route: str
    number: str
    called: str = ""
    name: str = ""
    withheld: bool = False
    headers: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    last_good: bool = False
    at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """What would ring; `contacts`, SIP URIs, and `state` are None when Asterisk was not reached.

    With `confirm` whoever picks up has to confirm it by a key.
    """

    endpoint: str
    contacts: tuple[str, ...] | None = None
    state: str | None = None
    confirm: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked:
    """A number outside that would not be dialled at the moment: a limit of the dial policy is reached."""

    number: str
    why: Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingMember:
    """`state` is free, or why he is busy: in_call, wrap_up (for `for_s` seconds more), dnd; None when it is unknown."""

    user: str
    name: str
    state: str | None
    for_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of the question. `decision` is None when it could not be asked, `hours` when the route has none.

    `members` are in the order of their turns, () where order and busy members don't matter. `leads` is whether the call
    would have somewhere to go.
    """

    route: str
    decision: Decision | None = None
    hours: State | None = None
    members: tuple[StandingMember, ...] = ()
    devices: tuple[Device, ...] = ()
    blocked: tuple[Blocked, ...] = ()
    error: Failure | None = None
    leads: bool = False


class Surroundings(Protocol):
    """What a dry run looks at, and asks."""

    @property
    def routing(self) -> RoutingSettings:
        """The configuration in force."""
        ...

    def deciding(self, question: Question) -> AbstractAsyncContextManager[tuple[Router, Memory]]:
        """Who decides, while the block lasts, and what he may recall."""
        ...

    async def standing(self, action: Ring) -> tuple[StandingMember, ...]:
        """How these members stand, in the order of their turns."""
        ...

    async def devices(self, endpoints: Sequence[str]) -> Mapping[str, KnownDevice] | None:
        """What Asterisk knows of these PJSIP endpoints (names without technology); None: it can't be asked."""
        ...

    async def refusal(self, number: str, route: str) -> Failure | None:
        """Why this number would not be dialled at the moment for a caller of this route."""
        ...


def wrong_with(question: Question) -> Failure | None:
    """Why the question cannot be asked; None when it can."""
    if not is_e164(question.number):
        return Failure(
            "number_not_e164",
            f"{question.number!r} is not a telephone number in E.164",
            f"write it with a plus, the country code and no spaces, for example {EXAMPLE}",
        )
    for pair in (*question.headers, *question.variables):
        if not _PAIR.fullmatch(pair):
            return Failure("option_malformed", f"{pair!r} is not of the form NAME=VALUE", "write --var NAME=VALUE")
    if question.at and _moment(question.at) is None:
        return Failure("option_malformed", f"{question.at!r} is not a date and time", 'write --at "2026-12-25 10:00"')
    return None


def _moment(text: str) -> datetime | None:
    """The moment that was typed, a naive one when no zone is told; None when it is none of these centuries."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if 1970 <= moment.year < 2200 else None


async def decide(surroundings: Surroundings, question: Question) -> Outcome:
    """Ask the API for this call, and Asterisk, if it is there, for the devices that would ring.

    Raises what the surroundings raise.
    """
    calendar = _calendar(surroundings.routing, question)
    at = _at(calendar, question)
    async with surroundings.deciding(question) as (router, memory):
        call = _call(router, question, at)
        decision = await router.dry_run(call, memory)
        steps = [await _with_last_agent(router, call, step) for step in decision.steps]
        decision = replace(decision, steps=tuple(steps))
    error = decision.error
    targets: tuple[Target, ...] = ()
    members: tuple[StandingMember, ...] = ()
    leads = decision.destination is not None
    if leads:
        first = decision.steps[0]
        error, targets = first.refused or error, first.targets
        leads = first.refused is None
        if isinstance(first.action, Ring):
            members = await _members(surroundings, first.action)
            targets = distinct(_called(first.action, members))
    return Outcome(
        route=question.route,
        decision=decision,
        hours=None if calendar is None else calendar.state(at),
        members=members,
        devices=await _devices(surroundings, targets),
        blocked=await _blocked(surroundings, question.route, targets),
        error=error,
        leads=leads or decision.closed is not None,
    )


def standing(presence: Presence, action: Ring, *, states_known: bool) -> tuple[StandingMember, ...]:
    """How these members stand by what `presence` knows; without the states of devices nobody is known to be free."""
    history = presence.history(action.team, action.members)
    members = arrange(action.members, action.order, history, random.Random())  # noqa: S311
    return tuple(_standing(member, presence.busy(member), states_known=states_known) for member in members)


def _standing(member: Member, busy: Busy | None, *, states_known: bool) -> StandingMember:
    if busy is None:
        return StandingMember(user=member.user, name=member.name, state=FREE if states_known else None)
    for_s = None if busy.for_s is None else round(busy.for_s, 1)
    return StandingMember(user=member.user, name=member.name, state=busy.why.value, for_s=for_s)


async def _members(surroundings: Surroundings, action: Ring) -> tuple[StandingMember, ...]:
    """() where it does not matter who is busy, nor in which order they ring."""
    if not action.team and action.if_busy is IfBusy.RING:
        return ()
    return await surroundings.standing(action)


def _called(action: Ring, standing: tuple[StandingMember, ...]) -> tuple[Member, ...]:
    """The members without those who are busy and skipped for it."""
    if action.if_busy is not IfBusy.SKIP:
        return action.members
    busy = {member.user for member in standing if member.state not in (None, FREE)}
    return tuple(member for member in action.members if member.user not in busy)


async def _with_last_agent(router: Router, call: CallInfo, step: Step) -> Step:
    """The step with whom it would ring; a live call asks that when the step begins."""
    if not isinstance(step.action, FindLastAgent):
        return step
    found = await router.last_agent(call.caller_number, step.action)
    return replace(step, action=Refused(found) if isinstance(found, Failure) else found.action)


def _calendar(routing: RoutingSettings, question: Question) -> Calendar | None:
    return next((route.hours for route in routing.routes if route.name == question.route), None)


def _at(calendar: Calendar | None, question: Question) -> datetime:
    moment = _moment(question.at)
    if moment is None:
        return datetime.now(UTC)
    if moment.tzinfo is not None:
        return moment
    return moment.astimezone() if calendar is None else moment.replace(tzinfo=calendar.zone)


def _call(router: Router, question: Question, at: datetime) -> CallInfo:
    """The call as the decision would see it; a withheld number is not known to a live call either."""
    needs = router.needs(question.route)
    return CallInfo(
        call_id=new_call_id(),
        route_name=question.route,
        caller_number="" if question.withheld else question.number,
        caller_name="" if question.withheld else question.name,
        caller_withheld=question.withheld,
        called_number=question.called,
        at=at,
        headers=_named(needs.headers, question.headers, fold_case=True),
        variables=_named(needs.variables, question.variables, fold_case=False),
    )


def _named(needed: Iterable[str], pairs: Iterable[str], *, fold_case: bool) -> Mapping[str, str]:
    """Those that the route needs, "" where nothing was given, as a channel without them would say."""
    given = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        given[name.lower() if fold_case else name] = value
    return {name: given.get(name.lower() if fold_case else name, "") for name in needed}


async def _blocked(surroundings: Surroundings, route: str, targets: tuple[Target, ...]) -> tuple[Blocked, ...]:
    numbers = [target.number for target in targets if isinstance(target, TrunkTarget)]
    refusals = [(number, await surroundings.refusal(number, route)) for number in dict.fromkeys(numbers)]
    return tuple(Blocked(number=number, why=why) for number, why in refusals if why is not None)


async def _devices(surroundings: Surroundings, targets: tuple[Target, ...]) -> tuple[Device, ...]:
    rung = [
        (way, target.confirm)
        for target in targets
        for way in (target.via if isinstance(target, TrunkTarget) else (target,))
    ]
    endpoints = list(dict.fromkeys(way.endpoint for way, _ in rung))
    known = await surroundings.devices(endpoints) if endpoints else None
    devices = []
    for way, confirm in rung:
        found = known.get(way.endpoint) if known else None
        state = found.state if found else None
        match way:
            case EndpointTarget():
                endpoint = f"PJSIP/{way.endpoint}"
                contacts = tuple(c.removeprefix(f"{endpoint}/") for c in found.contacts) if found else None
                devices.append(Device(endpoint=endpoint, contacts=contacts, state=state, confirm=confirm))
            case TrunkWay():  # what rings is the number; the contact of its trunk says nothing about it
                devices.append(Device(endpoint=f"PJSIP/{way.dial}@{way.endpoint}", state=state, confirm=confirm))
            case _:
                assert_never(way)
    return tuple(devices)
