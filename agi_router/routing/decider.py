"""The protocol by which the stories of calls reach the decision, without knowing HTTP or settings."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from agi_router.routing.call_info import CallInfo
from agi_router.routing.decision import Decision, LookupProgress, Step


@dataclass(frozen=True, slots=True)
class Needs:
    """The SIP headers and channel variables that a route's request names; read from the channel before asking."""

    headers: frozenset[str] = frozenset()
    variables: frozenset[str] = frozenset()


class Decider(Protocol):
    """Decides where a call goes."""

    def needs(self, route_name: str) -> Needs:
        """What `CallInfo.headers` and `.variables` must hold for this route; empty for an unknown one."""
        ...

    async def route(self, info: CallInfo, on_progress: Callable[[LookupProgress], None]) -> Decision:
        """Ask the API and decide. Never raises for what an API, a number or a directory does: that is `Decision.error`.

        `on_progress` is told in order, as it happens, of each request that is about to leave and of each attempt that
        failed while another one follows; the outcome of the last attempt stands in the decision. Cancelling is safe at
        any moment.
        """
        ...

    async def guess(self, info: CallInfo) -> Step | None:
        """Who rings now by what the API last said for this caller, without asking it; never raises.

        None when the route remembers nothing, nothing is known of this caller, or it would ring nobody by now.
        """
        ...

    def fallback(self, route_name: str) -> tuple[Step, ...]:
        """The chain that is tried when the answer led nowhere: the route's, else the global one."""
        ...
