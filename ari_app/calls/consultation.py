"""A consultation that goes on in a call, and what is asked for meanwhile."""

from dataclasses import dataclass

from ari_app.calls.leg import Leg
from ari_app.calls.steering_request import (
    CONSULTING,
    NOT_ANSWERED,
    CancelTransfer,
    CompleteTransfer,
    SteeringRequested,
)


@dataclass(slots=True)
class Consultation:
    """The `agent` consults somebody, who `rings` or speaks with him. `wish` is how it is to end."""

    agent: Leg
    rings: bool = True
    wish: SteeringRequested | None = None

    def take(self, request: SteeringRequested) -> None:
        """Note how it is to end; anything else has to wait."""
        match request.action:
            case CompleteTransfer() if self.rings:
                request.answer(NOT_ANSWERED)
            case CompleteTransfer() | CancelTransfer() if self.wish is None:
                self.wish = request
            case _:
                request.answer(CONSULTING)

    @property
    def is_given_up(self) -> bool:
        """Whether nobody waits any more for whoever rings."""
        return self.rings and (self.wish is not None or not self.agent.alive)
