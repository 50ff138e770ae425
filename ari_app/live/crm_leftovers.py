"""CRMs that are gone from the configuration are forgotten, at somebody's word."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import asdict
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ari_app.control.settings import ControlError
from ari_app.live.forms import read_form
from ari_app.storage.crm_leftovers import Leftover, forget_connector
from ari_app.storage.errors import StorageError
from ari_app.storage.serving import Database


class _One(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=128)


async def forget(database: Database, configured: Collection[str], name: str) -> Leftover:
    """Delete all that the database has of this CRM. Raises ControlError when it is in use, or nothing is known."""
    if name in configured:
        raise ControlError(
            f"the CRM {name} is in the configuration [crm_in_use]",
            "Take it out of the section crm and restart the router; agi-router crm logout forgets its login alone.",
        )
    try:
        forgotten = await forget_connector(database, name)
    except StorageError as error:
        raise ControlError(f"{error} [storage]", error.remedy) from error
    if forgotten is None:
        raise ControlError(
            f"the database has nothing of a CRM {name} [crm_unknown]",
            "agi-router crm status names those of which it has something.",
        )
    return forgotten


def what(left: Leftover) -> str:
    """What there is of it, in words."""
    parts = (
        "its login" if left.has_login else "",
        f"{left.contacts} contacts" if left.contacts else "",
        f"what it was told of {left.activities} calls" if left.activities else "",
    )
    return ", ".join(filter(None, parts)) or "its users, and in which form it knows numbers"


def forgetting(
    database: Database, configured: Collection[str]
) -> Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]:
    """The command of the control socket: `name`. `configured` are the CRMs of the running router."""

    async def answer(given: Mapping[str, Any]) -> Mapping[str, Any]:
        return asdict(await forget(database, configured, read_form(_One, given).name))

    return answer
