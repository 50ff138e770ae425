"""Campaigns: what calls have in common that are placed for one purpose."""

from dataclasses import dataclass
from enum import StrEnum

from agi_router.routing.click_to_dial import First
from agi_router.routing.recorded import RecordingRule


class Direction(StrEnum):
    """Which calls a campaign is for; only of an outbound one calls are placed."""

    OUTBOUND = "outbound"
    INBOUND = "inbound"


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """`trunks` and `caller_id` (E.164) lead to its customers and are shown to them; () and "" are the usual ones.

    `team` is the id of the team whose free member gets a customer who is called first, "" when there is none; `queue`
    is the name in queues.conf in which an agent of it has to be logged in, "" when that does not matter. `recording`
    None is as for any call that is asked for.
    """

    id: str
    name: str = ""
    direction: Direction = Direction.OUTBOUND
    first: First = First.AGENT
    trunks: tuple[str, ...] = ()
    caller_id: str = ""
    team: str = ""
    queue: str = ""
    recording: RecordingRule | None = None
