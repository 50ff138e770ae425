"""The control socket's door to click to dial: a request as JSON, checked, and the call's id."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from agi_router.routing.click_to_dial import CallRequest, First
from agi_router.routing.route import LONGEST_RING_S, SHORTEST_RING_S
from ari_app.calls.supervisor import Rejected, Supervisor
from ari_app.control.settings import ControlError
from ari_app.live.forms import read_form

Placing = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]


class CallForm(BaseModel):
    """A call to be placed: `user` is to speak with `number`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    user: str = Field(
        default="",
        max_length=254,
        description="Who is to speak: an id, e-mail address or extension."
        " Empty: anybody of the campaign's team, with the customer first.",
        examples=["ada@example.com"],
    )
    number: str = Field(
        min_length=1,
        max_length=128,
        description="With whom: a number outside in any form, or an extension or internal number.",
        examples=["+12025550123"],
    )
    name: str = Field(
        default="", max_length=256, description="Who that is, for the agent's phones.", examples=["Grace Hopper"]
    )
    campaign: str = Field(default="", max_length=64, description="A campaign's id; empty: none.", examples=["renewals"])
    first: First | None = Field(default=None, description="Who is rung first; null: as the campaign says, else agent.")
    caller_id: str = Field(
        default="",
        max_length=64,
        description="The number of yours that is shown outside; empty: the campaign's, else the trunk's.",
        examples=["+14155550100"],
    )
    parameters: dict[str, str] = Field(
        default_factory=dict,
        description="Channel variables of both sides: lead becomes AGI_ROUTER_PARAM_lead.",
        examples=[{"lead": "77"}],
    )
    agent_ring_s: float | None = Field(
        default=None,
        ge=SHORTEST_RING_S,
        le=LONGEST_RING_S,
        description="How long the agent's phones ring; null: as configured.",
    )
    customer_ring_s: float | None = Field(
        default=None, ge=SHORTEST_RING_S, le=LONGEST_RING_S, description="How long the customer's phone rings."
    )
    talk_s: float | None = Field(
        default=None, ge=0, le=86_400, description="The longest talk. It can only shorten what is configured."
    )

    record: bool | None = Field(
        default=None,
        description="Whether the talk is recorded, where recordings are not off; null: as configured.",
    )

    def request(self, key: str = "") -> CallRequest:
        """What it asks for, in the name of this API key."""
        return CallRequest(**self.model_dump(), key=key)


def placing(supervisor: Supervisor) -> Placing:
    """The command `call`: `{"call_id": ...}`, or a ControlError with what is wrong."""

    async def place(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        placed = await supervisor.place(read_form(CallForm, arguments).request())
        if isinstance(placed, str):
            return {"call_id": placed}
        why = placed.why if isinstance(placed, Rejected) else placed
        raise ControlError(f"{why.message} [{why.code}]", why.remedy)

    return place
