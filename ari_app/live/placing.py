"""The control socket's door to click to dial: a request as JSON, checked, and the call's id."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from agi_router.routing.click_to_dial import CallRequest, First
from agi_router.routing.errors import Failure
from agi_router.routing.route import LONGEST_RING_S, SHORTEST_RING_S
from ari_app.calls.supervisor import Supervisor
from ari_app.control.settings import ControlError
from ari_app.live.forms import read_form

Placing = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]


class CallForm(BaseModel):
    """A `CallRequest` as JSON."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    user: str = Field(default="", max_length=254)
    number: str = Field(min_length=1, max_length=128)
    name: str = Field(default="", max_length=256)
    campaign: str = Field(default="", max_length=64)
    first: First | None = None
    caller_id: str = Field(default="", max_length=64)
    parameters: dict[str, str] = Field(default_factory=dict)
    agent_ring_s: float | None = Field(default=None, ge=SHORTEST_RING_S, le=LONGEST_RING_S)
    customer_ring_s: float | None = Field(default=None, ge=SHORTEST_RING_S, le=LONGEST_RING_S)
    talk_s: float | None = Field(default=None, ge=0, le=86_400)

    def request(self) -> CallRequest:
        """What it asks for."""
        return CallRequest(**self.model_dump())


def placing(supervisor: Supervisor) -> Placing:
    """The command `call`: `{"call_id": ...}`, or a ControlError with what is wrong."""

    async def place(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        placed = await supervisor.place(read_form(CallForm, arguments).request())
        if isinstance(placed, Failure):
            raise ControlError(f"{placed.message} [{placed.code}]", placed.remedy)
        return {"call_id": placed}

    return place
