"""A check: a question within its deadline, of which findings come, whatever happens."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from ari_app.calls.ports import NotFoundError, TelephonyError, UnreachableError
from ari_app.doctor.finding import SILENT, Finding, Topic
from ari_app.storage.errors import StorageError

log = structlog.get_logger(__name__)

DEADLINE_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class Check:
    """`find` asks and judges; `topic` names the finding that tells of its failure."""

    topic: Topic
    find: Callable[[], Awaitable[Sequence[Finding]]]
    deadline_s: float = DEADLINE_S


async def carry_out(checks: Iterable[Check]) -> list[Finding]:
    """All checks at once; their findings in the order of the checks."""
    found = await asyncio.gather(*map(_findings, checks))
    return [finding for findings in found for finding in findings]


async def _findings(check: Check) -> Sequence[Finding]:
    topic = check.topic
    try:
        async with asyncio.timeout(check.deadline_s):
            return await check.find()
    except TimeoutError:
        found = f"no answer within {check.deadline_s:g} s"
        return [topic.error(found, "it hangs, or the machine is overloaded: look there, then ask again")]
    except NotFoundError as error:
        return [topic.error(f"Asterisk has no such part: {error}", "load the modules that the finding modules names")]
    except UnreachableError as error:
        return [topic.error(f"Asterisk did not answer this: {error}", SILENT)]
    except TelephonyError as error:
        return [topic.error(f"Asterisk did not tell: {error}", "look into Asterisk's log for this moment")]
    except StorageError as error:
        return [topic.error(str(error), error.remedy)]
    except Exception as error:
        log.exception("a check of the doctor failed", check=topic.id)
        return [topic.error(f"the check itself failed: {error!r}", "please report it, with the traceback above")]
