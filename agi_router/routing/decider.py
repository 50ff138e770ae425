"""The protocol by which the stories of calls reach the decision, without knowing HTTP or settings."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from agi_router.routing.call_info import CallInfo
from agi_router.routing.click_to_dial import CallRequest, PlannedCall
from agi_router.routing.decision import Decision, LookupProgress
from agi_router.routing.errors import Failure
from agi_router.routing.last_agent import LastAgent
from agi_router.routing.needs import Needs
from agi_router.routing.shown import Shown
from agi_router.routing.step import FindLastAgent, Step
from agi_router.routing.treatment import Treatment


class Decider(Protocol):
    """Decides where a call goes."""

    def needs(self, route_name: str) -> Needs:
        """What this route wants: of `headers` and `variables`, `CallInfo` must hold the values. None if unknown."""
        ...

    def shown(self, info: CallInfo) -> Shown:
        """What phones are shown of this call beside what the answer brings."""
        ...

    def treatment(self, route_name: str) -> Treatment:
        """How callers of this route are treated until they speak with somebody; of an unknown one, as by default."""
        ...

    async def route(self, info: CallInfo, on_progress: Callable[[LookupProgress], None]) -> Decision:
        """Ask the API and decide; outside business hours nobody is asked.

        Never raises for what an API, a number or a directory does: that is `Decision.error`.

        `on_progress` is told in order, as it happens, of each request that is about to leave and of each attempt that
        failed while another one follows; the outcome of the last attempt stands in the decision. Cancelling is safe at
        any moment.
        """
        ...

    async def guess(self, info: CallInfo) -> Step | None:
        """Who rings now by what the API last said for this caller, without asking it; never raises.

        None when the route remembers nothing or is closed, nothing is known of this caller, or it would ring nobody by
        now.
        """
        ...

    def transfer_target(self, dialled: str) -> Step:
        """Whom a phone means that transfers or redirects a call to `dialled`; never raises: a refusal is the action."""
        ...

    def plan(self, request: CallRequest) -> PlannedCall | Failure:
        """Whom to ring for a call that somebody asks for, or why that can't be understood; never raises.

        What the dial policy forbids is understood: then the customer's step is refused.
        """
        ...

    def route_of(self, called_number: str) -> str:
        """The route to which this internal number leads; "" when it leads to none."""
        ...

    def user_of_endpoint(self, endpoint: str) -> str:
        """The id of the user who has this PJSIP endpoint as a device; "" when nobody has it."""
        ...

    def is_phone(self, endpoint: str) -> bool:
        """Whether this PJSIP endpoint is a device of a user."""
        ...

    async def last_agent(self, caller_number: str, wanted: FindLastAgent) -> LastAgent | Failure:
        """Who spoke last with this caller ("" when he is withheld); why nobody is found. Takes a moment at most."""
        ...

    def fallback(self, route_name: str, at: datetime) -> tuple[Step, ...]:
        """The chain that is tried without an answer: that of a route which is closed then, else its fallback."""
        ...
