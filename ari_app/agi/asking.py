"""The question to the API for a caller whom the dialplan dials, and the questions that follow from its answer."""

from collections.abc import Sequence
from typing import Protocol

from agi_router.routing.call_info import CallInfo
from agi_router.routing.decider import Decider
from agi_router.routing.decision import Decision
from agi_router.routing.errors import Failure
from agi_router.routing.step import FindLastAgent, Refused, Ring, Step
from ari_app.agi.call import DialplanCall
from ari_app.agi.hunting import Dialplan
from ari_app.calls.asking import loop_of_routes, tell_decision, tell_progress
from ari_app.calls.clock import now
from ari_app.domain import events as e


class Channel(Dialplan, Protocol):
    """The AGI session of a caller, as far as questions go."""

    async def get_variable(self, name: str) -> str | None:
        """The value of a variable of the channel; None when it is not set."""
        ...


async def ask(call: DialplanCall, route: str, channel: Channel, decider: Decider) -> Decision:
    """The one question to this route's API, put on record with what came of it. Raises HangUpError."""
    needs = decider.needs(route)
    headers = {name: await channel.evaluate(f"${{PJSIP_HEADER(read,{name})}}") for name in sorted(needs.headers)}
    variables = {name: await channel.get_variable(name) or "" for name in sorted(needs.variables)}
    info = CallInfo(
        call_id=call.call_id,
        route_name=route,
        caller_number=call.arrival.caller_number,
        caller_name=call.arrival.caller_name,
        caller_withheld=call.arrival.caller_withheld,
        called_number=call.arrival.called_number,
        headers=headers,
        variables=variables,
    )
    async with channel.until_hang_up():
        decision = await decider.route(info, lambda progress: tell_progress(call.tell, progress))
    tell_decision(call.tell, decision)
    call.show(decider.shown(info), decision.understood)
    return decision


async def ask_route(call: DialplanCall, route: str, channel: Channel, decider: Decider) -> Sequence[Step] | Failure:
    """The steps of another route, whose API is asked now; why it can't be, when that would go on for ever."""
    loop = loop_of_routes(call.routes_asked, route)
    if loop is not None:
        return loop
    call.routes_asked.append(route)
    call.route = route
    call.tell(e.RouteEntered(at=now(), route=route))
    return (await ask(call, route, channel, decider)).steps


async def find_last_agent(
    call: DialplanCall, wanted: FindLastAgent, channel: Channel, decider: Decider
) -> Ring | Refused:
    """What is done to reach who spoke with the caller last: ring, or refuse the step. Raises HangUpError."""
    async with channel.until_hang_up():
        found = await decider.last_agent(call.arrival.caller_number, wanted)
    if isinstance(found, Failure):
        return Refused(found)
    age_s = (now() - found.ended_at).total_seconds()
    call.tell(e.LastAgentFound(at=now(), user=found.user, name=found.name, age_s=max(0.0, age_s)))
    return found.action
