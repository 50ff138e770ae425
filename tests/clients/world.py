"""What exists in the system under test: the scenarios take every name and number from here."""

import datetime as dt
from dataclasses import dataclass


@dataclass(frozen=True)
class World:
    """Set up by the harness before the first scenario; finished calls only, none arriving meanwhile."""

    # VoIPline: two users, a queue and a ring group, each with finished calls on calls_day
    user_name: str
    user_number: str
    second_user_name: str
    queue_name: str
    ring_group_name: str
    # a UTC day with at least three calls of user_name at different seconds, two of the queue and of the
    # ring group, one answered and one abandoned in each; and the day on which nobody called
    calls_day: dt.date
    empty_day: dt.date
    # E.164 with plus: somebody who can be called, and a number the user may show
    number_to_call: str
    caller_id: str

    # Ameyo: an agent, an outbound campaign in which the agent works, and an inbound one
    agent_id: str
    campaign_id: str
    inbound_campaign_id: str
    # digits only, as a CRM holds it and as a raw URL can carry it
    customer_phone: str

    # Aircall: a user, one of the account's numbers, and a caller (E.164 with plus) whose last finished
    # call this user answered, after an older call of the same caller that ended at another time
    aircall_user_id: int
    aircall_number_id: int
    known_caller: str

    # nobody by these
    unknown_name: str = "Nobody Of That Name"
    unknown_number: str = "+999000000000001"
    unknown_user_number: str = "99999"
    unknown_agent_id: str = "nobody.of.that.id"
    unknown_campaign_id: str = "987654321"
    unknown_aircall_user_id: int = 2_000_000_001
