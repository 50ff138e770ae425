"""CRMs that were taken out of the configuration, or renamed in it, and of which something is left."""

from collections.abc import Sequence
from typing import Final

from ari_app.doctor.check import Check
from ari_app.doctor.finding import Finding, Group, Topic
from ari_app.live.crm_leftovers import what
from ari_app.settings import Settings
from ari_app.storage.crm_leftovers import Leftover, read_leftovers
from ari_app.storage.errors import StorageError

LEFTOVERS: Final = Topic("crm_leftovers", Group.DATABASE)


def leftovers_check(settings: Settings) -> Check:
    """No finding where nothing is left."""

    async def check() -> Sequence[Finding]:
        names = [each.name for each in settings.crm.connectors]
        try:
            return [judge_leftover(each) for each in await read_leftovers(settings.storage, names)]
        except StorageError:
            return []  # the finding `database` tells it

    return Check(LEFTOVERS, check)


def judge_leftover(left: Leftover) -> Finding:
    """It harms nobody, but it is no longer needed, or is what a renamed CRM now lacks."""
    name = left.connector
    return LEFTOVERS.of(name).warning(
        f"the CRM {name} is not in the configuration, and something of it is left: {what(left)}",
        f"agi-router crm forget {name} deletes it; was it renamed, then log in again under the new name, or take the "
        "old one back",
    )
