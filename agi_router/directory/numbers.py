"""Internal numbers: our own DIDs and extensions, and what each leads to."""

from dataclasses import dataclass

from agi_router.routing.destination import Destination


@dataclass(frozen=True, slots=True)
class ToRoute:
    """The number belongs to this route: its API is asked."""

    route: str


@dataclass(frozen=True, slots=True)
class InternalNumber:
    """`name` is the number as it is called: E.164 with its plus, or an extension."""

    name: str
    to: Destination | ToRoute
