"""The users of CRMs: whether they are known, and who of ours they are."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from ari_app.calls.clock import now
from ari_app.crm.settings import ConnectorSettings
from ari_app.crm.user_map import CrmUserMap
from ari_app.doctor.check import Check
from ari_app.doctor.finding import Finding, Group, Topic
from ari_app.settings import Settings
from ari_app.storage.crm_users import read_crm_users
from ari_app.storage.errors import StorageError

CRM_USERS: Final = Topic("crm_users", Group.ROUTES)
MISSED_READINGS: Final = 3
SHOWN: Final = 3


def crm_users_check(settings: Settings) -> Check:
    """A finding for each connector."""

    async def crm_users() -> Sequence[Finding]:
        connectors = settings.crm.connectors
        users = CrmUserMap()
        users.know(settings.routing.users, settings.routing.policy.region, [each.name for each in connectors])
        try:
            users.take(await read_crm_users(settings.storage))
        except StorageError:
            return []  # the finding `database` tells it
        return [judge_users(connector, users, now()) for connector in connectors]

    return Check(CRM_USERS, crm_users)


def judge_users(connector: ConnectorSettings, users: CrmUserMap, at: datetime) -> Finding:
    """What is known of this connector's users."""
    name, topic = connector.name, CRM_USERS.of(connector.name)
    listed = users.listed(name)
    look = f"agi-router crm users {name}"
    if listed is None:
        return topic.warning(
            f"{name} has never listed its users: only those with crm_ids are known",
            f"see why: {look} --refresh; the CRM is asked by the running router",
        )
    every_s = connector.users_every_s
    if every_s is not None and at - listed.read_at > MISSED_READINGS * timedelta(seconds=every_s):
        since = f"{listed.read_at.astimezone():%Y-%m-%d %H:%M}"
        return topic.warning(f"{name} has not listed its users since {since}", f"see why: {look} --refresh")
    unlisted = users.unlisted(name)
    if unlisted:
        who = _some(each.user for each in unlisted)
        return topic.warning(f"{name} does not list the users that crm_ids of {who} name", f"correct crm_ids: {look}")
    matched = sum(bool(match.user) for match in users.matches(name))
    found = f"{name} lists {len(listed.users)} users, {matched} of them are yours"
    unknown = users.unknown_to(name)
    if unknown:
        who = _some(user.name or user.id for user in unknown)
        return topic.warning(
            f"{found}; it does not know {who}", f"who works with the CRM needs its id in crm_ids, or its e-mail: {look}"
        )
    return topic.ok(found)


def _some(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - SHOWN} more" if len(every) > SHOWN else ""
    return ", ".join(every[:SHOWN]) + more
