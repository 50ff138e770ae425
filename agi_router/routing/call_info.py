"""What the router is told about a call before it decides."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial


@dataclass(frozen=True, slots=True, kw_only=True)
class CallInfo:
    """One call, as the decision sees it.

    `caller_number` is what Asterisk was given: E.164, an internal number ("101"), a SIP user ("alice"), or ""
    when there is none. With `caller_withheld` the number may be known to the network, but is not told to the API.
    `at` is the moment of the call, an aware one: business hours go by it.
    `headers` and `variables` hold only those that the route's request names (see `Decider.needs`).
    """

    call_id: str
    route_name: str
    caller_number: str = ""
    caller_name: str = ""
    caller_withheld: bool = False
    called_number: str = ""
    previous_step: str = ""
    at: datetime = field(default_factory=partial(datetime.now, UTC))
    headers: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
