"""The link to AMI: whether it can be had, whether the router has it, and whether it knows the queues of campaigns."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from agi_router.directory.campaigns import Campaign
from ari_app.asterisk.ami_inspection import list_queues, may_pause
from ari_app.asterisk.settings import AmiSettings
from ari_app.calls.memberships import Memberships
from ari_app.calls.ports import RefusedError, TelephonyError
from ari_app.control.settings import ControlError
from ari_app.doctor.check import Check
from ari_app.doctor.finding import Finding, Group, Topic
from ari_app.doctor.router import Status
from ari_app.settings import Settings

AMI: Final = Topic("ami", Group.ASTERISK)
CAMPAIGN: Final = Topic("campaign", Group.ASTERISK)

ANSWER_S: Final = 1.4
"""A login that fails is answered after a second; there are two questions within the check's deadline."""
MEANWHILE: Final = "until then nobody counts as logged out or on break"


def ami_checks(settings: Settings) -> list[Check]:
    """None when the configuration has no such link."""
    ami = settings.asterisk.ami
    if ami is None:
        return []

    async def ask() -> Sequence[Finding]:
        try:
            bounded = replace(ami, request_timeout_s=min(ami.request_timeout_s, ANSWER_S))
            known, pauses = await list_queues(bounded), await may_pause(bounded)
        except TelephonyError as error:
            return [judge_trouble(ami, error)]
        return [judge_members(ami, known, may_pause=pauses), *judge_campaigns(settings.routing.campaigns, known)]

    return [Check(AMI, ask)]


def judge_trouble(settings: AmiSettings, error: TelephonyError) -> Finding:
    """There is no link; calls go on without."""
    match error:
        case RefusedError() if "Login" in str(error):
            return AMI.warning(
                str(error),
                f"section [{settings.username}] of manager.conf must have the secret of asterisk.ami.secret, and "
                f'permit this machine; then asterisk -rx "manager reload"; {MEANWHILE}',
            )
        case RefusedError():
            return AMI.warning(str(error), f'load app_queue.so: asterisk -rx "module load app_queue.so"; {MEANWHILE}')
        case _:
            return AMI.warning(
                str(error),
                "start Asterisk; if it runs, enabled, bindaddr and port in manager.conf, and what "
                f'asterisk -rx "manager show settings" says, must fit asterisk.ami; {MEANWHILE}',
            )


def judge_members(settings: AmiSettings, known: Memberships, *, may_pause: bool) -> Finding:
    """It answers. Whether breaks may be changed is for the operator to decide."""
    told = (
        f"AMI answers user {settings.username} at {settings.host}:{settings.port}: {len(known.queues)} queues, "
        f"{len(known)} members"
    )
    return AMI.ok(told if may_pause else f"{told}; it may not change breaks, which takes write = agent in manager.conf")


def judge_campaigns(campaigns: Iterable[Campaign], known: Memberships) -> list[Finding]:
    """The campaigns whose queue Asterisk does not have."""
    return [
        CAMPAIGN.of(campaign.id).warning(
            f"campaign {campaign.id} has the queue {campaign.queue}, of which Asterisk knows nothing: everybody "
            "counts as logged in",
            "correct its name, or add it to queues.conf; a queue of a realtime database is known once it was used",
        )
        for campaign in campaigns
        if campaign.queue and campaign.queue not in known.queues
    ]


def link_findings(settings: AmiSettings | None, answer: Status | ControlError) -> list[Finding]:
    """Where the running router's link is not what the configuration says, or not what it should be."""
    if isinstance(answer, ControlError) or "ami_connected" not in answer:
        return []
    link = AMI.of("link")
    match settings, answer["ami_connected"]:
        case None, None:
            return []
        case None, _:
            return [link.warning("the router has a link to AMI, and the configuration none any more", "restart it")]
        case _, None:
            return [link.warning("the configuration has a link to AMI, and the running router none", "restart it")]
        case _, True if not answer["ami_trouble"]:
            return []
        case _:
            return [
                link.warning(f"the router is not linked as it should be: {answer['ami_trouble']}", f"mend {AMI.id}")
            ]
