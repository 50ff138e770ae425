"""All checks, at once: the whole takes as long as its slowest part, and never longer than ten seconds."""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Final

from agi_router.document import ConfigError
from ari_app.asterisk.inspection import Inspection, UnreachedError, greet, inspecting
from ari_app.asterisk.probe import Probe, probing
from ari_app.asterisk.settings import AriSettings
from ari_app.calls.ports import TelephonyError
from ari_app.control.settings import ControlError
from ari_app.doctor import asterisk as pbx
from ari_app.doctor.activities import activity_check
from ari_app.doctor.agi_door import agi_findings
from ari_app.doctor.ami import ami_checks, link_findings
from ari_app.doctor.check import DEADLINE_S, Check, carry_out
from ari_app.doctor.configuration import configuration_findings, problem_findings
from ari_app.doctor.crm_leftovers import leftovers_check
from ari_app.doctor.crm_logins import crm_findings
from ari_app.doctor.crm_users import crm_users_check
from ari_app.doctor.database import database_checks
from ari_app.doctor.devices import ENDPOINT, TRUNK, endpoints, endpoints_check, trunk_checks
from ari_app.doctor.dialplan import DIALPLAN, contexts_for, dialplan_check
from ari_app.doctor.finding import Finding, Group, Topic
from ari_app.doctor.host import host_check
from ari_app.doctor.messages import MESSAGES, messages_check
from ari_app.doctor.modules import MODULES, judge_modules, modules_for
from ari_app.doctor.pbx_calls import history_checks, told_findings
from ari_app.doctor.policy import policy_findings
from ari_app.doctor.recordings import recordings_checks
from ari_app.doctor.reload import RELOAD, judge_reload, last_written
from ari_app.doctor.router import (
    APPLICATION,
    Status,
    ask_router,
    holder_of,
    judge_application,
    judge_router,
    judge_status,
)
from ari_app.doctor.routes import route_checks
from ari_app.doctor.tokens import token_findings
from ari_app.doctor.transfers import TRANSFERS, judge_transfers
from ari_app.doctor.webhooks import webhook_check
from ari_app.settings import Settings, load_control

ARI_S: Final = 2.0
"""For the first answer of ARI, for opening it, and for making a probe: each takes milliseconds on a sound Asterisk."""

RouterAnswer = asyncio.Task[Status | ControlError]


async def examine(config: Path, settings: Settings) -> list[Finding]:
    """Every finding, by group. Raises nothing that a check meets: that is a finding."""
    # The control socket has a deadline of its own; what is shown of Asterisk does not wait for it.
    router = asyncio.create_task(ask_router(settings.control))
    here = [
        *database_checks(settings.storage),
        *recordings_checks(settings.routing, settings.recordings.folder),
        webhook_check(settings),
        activity_check(settings),
        crm_users_check(settings),
        leftovers_check(settings),
        *route_checks(settings.routing),
        host_check(settings.asterisk.ari.url),
        *ami_checks(settings),
        *history_checks(settings),
    ]
    local, remote, answer, holder = await asyncio.gather(
        carry_out(here), _ask_asterisk(settings, router), router, holder_of(settings)
    )
    tokens = [*token_findings(settings.routing, answer), *crm_findings(settings.crm, answer)]
    running = [
        judge_router(settings, answer, holder),
        _judge_reload(config, answer),
        *policy_findings(answer),
        *agi_findings(settings.agi, answer),
        *link_findings(settings.asterisk.ami, answer),
        *told_findings(answer),
    ]
    findings = [*configuration_findings(config, settings), *running, *remote, *local, *tokens]
    return sorted(findings, key=lambda finding: list(Group).index(finding.group))


async def examine_beside(config: Path, mistakes: ConfigError) -> list[Finding]:
    """These mistakes, and the router that may go on with an earlier configuration: nothing else can be looked at."""
    findings = problem_findings(mistakes.problems)
    try:
        answer = await ask_router(load_control(config))
    except ConfigError:
        return findings
    if isinstance(answer, ControlError):
        return findings
    return [*findings, judge_status(answer, version("agi-router")), judge_reload(answer, config, mistakes.problems)]


def _judge_reload(config: Path, answer: Status | ControlError) -> Finding:
    if isinstance(answer, ControlError):
        return RELOAD.skipped("no router tells which configuration it has", "first mend router")
    return judge_reload(answer, config, written_at=last_written(config))


async def _ask_asterisk(settings: Settings, router: RouterAnswer) -> list[Finding]:
    ari = replace(settings.asterisk.ari, request_timeout_s=min(settings.asterisk.ari.request_timeout_s, ARI_S))
    try:
        greeting = await greet(ari)
    except UnreachedError as error:
        return [
            pbx.judge_trouble(ari, error),
            *_skipped([*_plain_topics(), pbx.RIGHTS, *_probe_topics(settings)], pbx.ARI),
        ]
    plain, probed = await asyncio.gather(_ask_plainly(ari, settings, router), _ask_by_probe(ari, settings))
    clock = [] if greeting.clock_ahead_s is None else [pbx.judge_clock(greeting.clock_ahead_s)]
    return [pbx.judge_greeting(ari, greeting), *plain, *clock, *probed]


async def _ask_plainly(ari: AriSettings, settings: Settings, router: RouterAnswer) -> list[Finding]:
    """What ARI tells without a channel."""
    async with AsyncExitStack() as stack:
        try:
            async with asyncio.timeout(ARI_S):
                inspection = await stack.enter_async_context(inspecting(ari))
        except (TelephonyError, TimeoutError) as error:
            return [pbx.judge_description(error), *_skipped(_plain_topics(), pbx.DESCRIPTION)]
        return await carry_out(_plain_checks(inspection, settings, router))


def _plain_checks(inspection: Inspection, settings: Settings, router: RouterAnswer) -> list[Check]:
    app, calls = settings.asterisk.ari.app, settings.calls

    async def running_version() -> Sequence[Finding]:
        running = await inspection.version()
        return [pbx.judge_version(running), judge_transfers(running, by_router=calls.carries_out_transfers)]

    async def modules() -> Sequence[Finding]:
        needed = modules_for(settings.routing.destination_types, has_agi_door=settings.agi is not None)
        return judge_modules(await inspection.modules(), needed)

    async def recordings() -> Sequence[Finding]:
        return [pbx.judge_recordings(fail=await inspection.recordings_fail())]

    async def application() -> Sequence[Finding]:
        return [judge_application(app, await inspection.application(app), await asyncio.shield(router))]

    return [
        Check(pbx.VERSION, running_version),
        Check(MODULES, modules),
        Check(pbx.RECORDINGS, recordings),
        Check(APPLICATION, application, 2 * DEADLINE_S),
    ]


async def _ask_by_probe(ari: AriSettings, settings: Settings) -> list[Finding]:
    """What ARI tells only on a channel."""
    async with AsyncExitStack() as stack:
        try:
            async with asyncio.timeout(ARI_S):
                probe = await stack.enter_async_context(probing(ari))
        except (TelephonyError, TimeoutError) as error:
            return [pbx.judge_rights(ari, error), *_skipped(_probe_topics(settings), pbx.RIGHTS)]
        return [pbx.judge_rights(ari, None), *await carry_out(_probe_checks(probe, settings))]


def _probe_checks(probe: Probe, settings: Settings) -> list[Check]:
    return [
        dialplan_check(
            probe, settings.asterisk.ari.app, contexts_for(settings.routing.destination_types), settings.agi
        ),
        endpoints_check(probe, settings.routing),
        messages_check(probe, endpoints(settings.routing)),
        *trunk_checks(probe, settings.routing.trunks),
    ]


def _plain_topics() -> list[Topic]:
    return [pbx.VERSION, TRANSFERS, MODULES, pbx.RECORDINGS, APPLICATION]


def _probe_topics(settings: Settings) -> list[Topic]:
    devices = [ENDPOINT, MESSAGES] if endpoints(settings.routing) else []
    return [DIALPLAN, *devices, *(TRUNK.of(trunk.name) for trunk in settings.routing.trunks)]


def _skipped(topics: Iterable[Topic], because_of: Topic) -> list[Finding]:
    return [topic.skipped("not looked at, Asterisk cannot be asked", f"first mend {because_of.id}") for topic in topics]
