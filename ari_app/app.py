"""The composition root: builds every part from the settings, and owns the TaskGroup in which they all run."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import structlog

from agi_router.decide import Router
from agi_router.lookup.tokens import TokenState
from agi_router.lookup.upstream import Upstreams, UpstreamStatus
from agi_router.routing.volume import Volume
from ari_app.agi.door import DialplanDoor
from ari_app.agi.handler import DialplanCalls
from ari_app.asterisk.ami import ami_link
from ari_app.asterisk.connection import AriConnection, ReplacedError
from ari_app.asterisk.device_states import DeviceStates
from ari_app.asterisk.devices import DeviceState, call_states, device_states
from ari_app.asterisk.telephony import AriTelephony
from ari_app.calls.clock import now
from ari_app.calls.presence import Presence
from ari_app.calls.recovery import Recovery
from ari_app.calls.supervisor import Supervisor
from ari_app.control.server import Arguments, serve_control
from ari_app.live.agents import agents
from ari_app.live.feed import Feed
from ari_app.live.placing import placing
from ari_app.live.reload import Reloading, as_json
from ari_app.live.roster import roster
from ari_app.live.routing import LiveRouting
from ari_app.live.steering import live_calls, steering
from ari_app.live.volume import DialRules
from ari_app.logs import set_up_logs
from ari_app.settings import Settings
from ari_app.storage.call_log import CallLog, writing_call_log
from ari_app.storage.errors import StorageError
from ari_app.storage.grants import writing_grants
from ari_app.storage.last_good import open_last_good
from ari_app.storage.outgoing import open_outgoing
from ari_app.storage.serving import Database, open_database

log = structlog.get_logger(__name__)

DRAIN_S: Final = 20.0
"""How long a stopping router lets calls in setup come to their end; systemd waits 90 s by default."""

RECALL_S: Final = 2.0


async def serve(config: Path, settings: Settings) -> None:
    """Run the router until SIGTERM or SIGINT; `settings` are those of `config`, which SIGHUP has read again.

    Raises StorageError or ControlError when it can't start, ReplacedError when another router took over.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with AsyncExitStack() as parts:
        database = await parts.enter_async_context(open_database(settings.storage))
        call_log = await parts.enter_async_context(writing_call_log(database))
        grants = await parts.enter_async_context(writing_grants(database))
        last_good = await parts.enter_async_context(open_last_good(database))
        upstreams = Upstreams()

        def router_of(changed: Settings) -> Router:
            # Grants, memory, log and what a breaker has learnt outlive a router: they are as true for the next one.
            return Router(changed.routing, upstreams, grants, last_good, call_log)

        routing = await parts.enter_async_context(LiveRouting(router_of(settings)))
        telephony = AriTelephony(settings.asterisk.ari.app)
        presence = Presence(roster(settings.routing))
        await _recall(presence, settings, call_log)
        devices = DeviceStates(telephony, presence.device_changed)
        await devices.want(roster(settings.routing).watched)
        feed = Feed(call_log)
        volume = await parts.enter_async_context(_counting(database, settings))
        rules = DialRules.of(settings.routing, volume)
        supervisor = Supervisor(telephony, routing, feed, presence, settings.calls.max_in_setup, volume=volume)
        supervisor.carries_out_transfers = settings.calls.carries_out_transfers
        calls = DialplanCalls(routing, feed, presence, call_log, volume)
        door = await parts.enter_async_context(DialplanDoor(settings.agi, calls))
        recovery = Recovery(telephony, supervisor, call_log)

        connection = AriConnection(
            settings.asterisk.ari,
            telephony,
            supervisor.deliver,
            partial(_reconcile, telephony, recovery, devices, calls if _is_of_one_host(settings) else None),
            recovery.release,
            device_changed=devices.change,
        )
        ami = await parts.enter_async_context(ami_link(settings.asterisk.ami, presence.memberships))
        started = time.monotonic()

        async def take(changed: Settings) -> None:
            # In a thread, for it reads certificates. It touches what it was handed only when it is entered.
            await routing.replace(await asyncio.to_thread(router_of, changed))
            rules.take(changed.routing)
            supervisor.max_in_setup = changed.calls.max_in_setup
            supervisor.carries_out_transfers = changed.calls.carries_out_transfers
            presence.know(roster(changed.routing))
            await devices.want(roster(changed.routing).watched)
            set_up_logs(changed.log)

        reloading = Reloading(config, settings, take)

        async def status(_: Arguments) -> Mapping[str, Any]:
            return {
                **_status(started, connection, supervisor, call_log),
                **ami.status(),
                **reloading.status(),
                "limits_reached": rules.reached,
                **door.status(),
                "configs_in_use": routing.in_use,
                "watched_devices": devices.watched,
                "upstreams": [upstream_as_json(upstream) for upstream in upstreams.status()],
                "tokens": [token_as_json(route, state) for route, state in routing.in_force.tokens().items()],
            }

        async def reload(_: Arguments) -> Mapping[str, Any]:
            return as_json(await reloading.reload())

        commands = {
            "status": status,
            "reload": reload,
            "policy": rules.answer,
            "call": placing(supervisor),
            "follow": feed.follow,
            "live": live_calls(supervisor),
            "steer": steering(supervisor),
            "agents": agents(presence),
        }
        await parts.enter_async_context(serve_control(settings.control, commands))
        log.info("the router serves", app=settings.asterisk.ari.app, pid=os.getpid())
        with _replaced_by_itself():
            await _run(stop, supervisor, connection, reloading)
    log.info("the router has stopped")


@contextmanager
def _replaced_by_itself() -> Iterator[None]:
    """A ReplacedError comes out of this block as it is, and not in a group."""
    try:
        yield
    except ExceptionGroup as broken:
        # Not `except*`: what that raises was wrapped into a group again before Python 3.11.4; Debian 12 has 3.11.2.
        replaced, others = broken.split(ReplacedError)
        if replaced is None or others is not None:
            raise
        raise replaced.exceptions[0] from None


async def _reconcile(
    telephony: AriTelephony, recovery: Recovery, devices: DeviceStates, calls: DialplanCalls | None
) -> None:
    """With Asterisk, after each connect; with the calls that its dialplan dials, where all of them are its own."""
    await asyncio.gather(recovery.reconcile(), devices.begin())
    if calls is not None:
        await calls.lose_gone(telephony)


def _is_of_one_host(settings: Settings) -> bool:
    """Whether the Asterisk that ARI reaches has the channels of all calls that come by the AGI door."""
    host = urlsplit(settings.asterisk.ari.url).hostname or ""
    here = host == "localhost" or host.startswith("127.") or host == "::1"
    return here and settings.agi is not None and not settings.agi.allowed_networks


@asynccontextmanager
async def _counting(database: Database, settings: Settings) -> AsyncIterator[Volume]:
    """How much was dialled outside, also before this start."""
    async with open_outgoing(database) as journal:
        volume = Volume(settings.routing.volume, journal)
        volume.restore(await journal.kept(), now())
        yield volume


async def _run(
    stop: asyncio.Event,
    supervisor: Supervisor,
    connection: AriConnection,
    reloading: Reloading,
) -> None:
    hangup = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, hangup.set)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})  # `serve` has held it back until now
    async with asyncio.TaskGroup() as top:
        carrying = top.create_task(supervisor.run(), name="supervisor")
        connecting = top.create_task(connection.run(), name="ari")
        reloads = top.create_task(reloading.reload_at_each(hangup), name="reload")
        await stop.wait()
        reloading.stop()
        reloads.cancel()
        log.info("the router stops", live=len(supervisor.live), in_setup=supervisor.in_setup)
        await supervisor.stop(DRAIN_S)
        await carrying
        connecting.cancel()


async def _recall(presence: Presence, settings: Settings, call_log: CallLog) -> None:
    """Who spoke last, and when, comes from the log. Without it everybody is fresh, and calls are taken all the same."""
    try:
        async with asyncio.timeout(RECALL_S):
            users = [user.id for user in settings.routing.users]
            presence.restore(await call_log.last_talks(users), await call_log.open_calls())
    except (StorageError, TimeoutError) as error:
        log.warning("the call log can't be read; nobody is in wrap-up, and turns begin anew", error=str(error))


def _status(started: float, connection: AriConnection, supervisor: Supervisor, call_log: CallLog) -> Mapping[str, Any]:
    return {
        "pid": os.getpid(),
        "version": version("agi-router"),
        "uptime_s": round(time.monotonic() - started, 1),
        "asterisk_connected": connection.connected.is_set(),
        "live_calls": len(supervisor.live),
        "calls_in_setup": supervisor.in_setup,
        "watched_channels": len(supervisor.switchboard),
        "tasks": len(asyncio.all_tasks()),
        "events_pending": call_log.pending,
        "events_lost": call_log.lost,
    }


def upstream_as_json(status: UpstreamStatus) -> Mapping[str, Any]:
    """Its status as programs get it: moments in ISO 8601."""
    since, until = (moment and moment.isoformat() for moment in (status.since, status.until))
    return {**asdict(status), "since": since, "until": until}


def token_as_json(route: str, state: TokenState) -> Mapping[str, Any]:
    """How a route's access token stands, as programs get it: moments in ISO 8601, no secrets."""
    moments = {
        name: moment and moment.isoformat()
        for name, moment in (
            ("obtained_at", state.obtained_at),
            ("valid_until", state.valid_until),
            ("next_try_at", state.next_try_at),
        )
    }
    return {"route": route, **asdict(state), **moments, "is_usable": state.is_usable}


async def look_up_devices(settings: Settings, endpoints: Sequence[str]) -> Mapping[str, DeviceState] | None:
    """What Asterisk knows of these PJSIP endpoints (names without technology); None when it can't be reached."""
    return await device_states(settings.asterisk.ari, endpoints)


async def look_up_states(settings: Settings, devices: Iterable[str]) -> Mapping[str, str] | None:
    """Whether these devices (PJSIP/ada, Custom:DND101) are in use, in Asterisk's words; None: it can't be reached."""
    return await call_states(settings.asterisk.ari, devices)
