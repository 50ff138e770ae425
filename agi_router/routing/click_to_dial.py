"""Click to dial: a call that somebody asks for. One side is rung first, and when it has picked up, the other one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from agi_router.routing.errors import Failure
from agi_router.routing.recorded import RecordingRule
from agi_router.routing.step import Step
from agi_router.routing.treatment import Confirmation, Treatment

PARAMETER_PREFIX: Final = "AGI_ROUTER_PARAM_"
"""In front of the names of a request's parameters, as channel variables of both sides."""

DEFAULT_AGENT_RING_S: Final = 30.0
DEFAULT_CUSTOMER_RING_S: Final = 60.0


class First(StrEnum):
    """Who is rung first."""

    AGENT = "agent"
    CUSTOMER = "customer"


class Unready(StrEnum):
    """Why an agent is not ready for a call that is asked for, in the order in which it is told."""

    NOT_REGISTERED = "not_registered"  # none of his phones can be reached
    NOT_LOGGED_IN = "not_logged_in"  # he is no member of the campaign's queue
    PAUSED = "paused"  # he is on break
    IN_CALL = "in_call"
    DND = "dnd"
    WRAP_UP = "wrap_up"


DEFAULT_REFUSE_WHEN: Final = frozenset({Unready.NOT_REGISTERED, Unready.NOT_LOGGED_IN, Unready.PAUSED, Unready.IN_CALL})
"""Who asks for a call in his own wrap-up, or does not want to be disturbed by others, wants this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRequest:
    """What is asked for: `user` is to speak with `number`.

    `user` is an id, an e-mail address or an extension; "" is anybody of the campaign's team, with the customer first.
    `number` is one outside in any form, or an extension or internal number. `name` is who that is, for the agent's
    phones. `campaign` is an id ("": none), `first` None what the campaign says, `caller_id` the number of ours that is
    shown outside ("": that of the campaign, else of the trunk). `parameters` become channel variables. What is None is
    as configured; `record` is whether the talk is recorded, where recordings are not off. `key` tells who asks, for the
    dial policy's counters.
    """

    user: str
    number: str
    name: str = ""
    campaign: str = ""
    first: First | None = None
    caller_id: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    agent_ring_s: float | None = None
    customer_ring_s: float | None = None
    talk_s: float | None = None
    record: bool | None = None
    key: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request is refused before anything rings: the step that can't be taken, and why."""

    step: Step
    why: Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCall:
    """A request that was understood: whom to ring, and what they are shown.

    `agent` and `customer` are the steps that ring each side; a refused one says why. `user` is the agent's id, "" for
    a team; `user_name` and `extension` are what colleagues whom he calls are shown. `number` is the customer's, in
    E.164 where it is outside, `caller_id` the number of ours that he sees ("": none, or as the trunk has it).
    `treatment` has the limits of the talk. `announcements` are the sounds that tell who is alone with it why, by
    outcome. The agent has to be a member of `queue` ("": of none), and is refused `refuse_when` one of these holds;
    of a team nobody is taken of whom any of them holds.
    """

    first: First
    user: str
    user_name: str
    extension: str
    agent: Step
    customer: Step
    number: str
    name: str
    caller_id: str
    campaign: str
    parameters: Mapping[str, str]
    treatment: Treatment
    announcements: Mapping[str, tuple[str, ...]]
    key: str
    queue: str = ""
    record: bool | None = None
    refuse_when: frozenset[Unready] = frozenset()

    @property
    def steps(self) -> tuple[Step, Step]:
        """Both sides, the one that is rung first and the other one."""
        return (self.agent, self.customer) if self.first is First.AGENT else (self.customer, self.agent)

    @property
    def refusal(self) -> Refusal | None:
        """Which side can't be rung, and why, so that the other one must not be bothered; None when both can."""
        return next((Refusal(step, why) for step in self.steps if (why := step.refused) is not None), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClickToDial:
    """How calls are placed that somebody asks for, unless the request or its campaign says otherwise; times in seconds.

    `talk_s` limits the talk (0: it has no limit), with a tone `warn_s` before its end. `announcements` are sounds by
    the outcome that they tell ("busy", "no_answer" ...); without one there is a tone. `confirmation` is for mobiles.
    A call is refused for an agent of whom one of `refuse_when` holds.
    """

    agent_ring_s: float = DEFAULT_AGENT_RING_S
    customer_ring_s: float = DEFAULT_CUSTOMER_RING_S
    talk_s: float = 0
    warn_s: float = 0
    announcements: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    confirmation: Confirmation = field(default_factory=Confirmation)
    refuse_when: frozenset[Unready] = DEFAULT_REFUSE_WHEN
    recording: RecordingRule = field(default_factory=RecordingRule)
