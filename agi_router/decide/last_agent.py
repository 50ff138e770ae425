"""Who spoke with a caller last, by the log of calls."""

import logging
from datetime import UTC, datetime, timedelta

from agi_router.directory.directory import Directory
from agi_router.routing.errors import Failure
from agi_router.routing.in_time import in_time
from agi_router.routing.last_agent import LastAgent, TalkLog, forms_of
from agi_router.routing.step import FindLastAgent

log = logging.getLogger(__name__)

TALK_LOG_S = 0.5
"""How long a caller waits at most for the log of calls to tell who spoke with him last."""

NO_CALLER_NUMBER = Failure(
    "last_agent_no_number",
    "the caller shows no number, so nobody can tell who spoke with him last",
    "nothing is wrong; the chain goes on",
)


async def last_agent(
    talks: TalkLog, directory: Directory, region: str, caller_number: str, wanted: FindLastAgent
) -> LastAgent | Failure:
    """The user who spoke last with this caller, or why he is not known. Waits for the log for TALK_LOG_S at most."""
    if not caller_number:
        return NO_CALLER_NUMBER
    since = datetime.now(UTC) - timedelta(seconds=wanted.within_s)
    try:
        talk = await in_time(talks.last_talk(forms_of(caller_number, region), since), TALK_LOG_S)
    except Exception as error:
        log.warning("the log of calls does not tell who spoke with a caller last: %r", error)
        return Failure(
            "last_agent_unknown",
            "the log of calls does not tell who spoke with the caller last",
            "the router's log has the reason; the chain went on without him",
        )
    if talk is None:
        return Failure(
            "last_agent_none",
            "no user has spoken with this caller in the time that the step looks back",
            "nothing is wrong; the chain goes on, or let last_agent look back further",
        )
    action = directory.ring_user(talk.user, wanted.if_busy)
    return LastAgent(talk.user, directory.name(talk.user), talk.ended_at, action)
