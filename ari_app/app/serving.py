"""A router from its start to its end."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

import structlog

from ari_app.app.activities import telling_calls
from ari_app.app.commands import commands
from ari_app.app.memory import Memory, remembering
from ari_app.app.parts import Parts, parts_of
from ari_app.app.recording_links import linking
from ari_app.app.webhooks import delivering_webhooks, people
from ari_app.asterisk.connection import ReplacedError
from ari_app.control.server import serve_control
from ari_app.live.reload import Reloading
from ari_app.live.watching.router import tell_started
from ari_app.settings import Settings
from ari_app.webhooks.tally import Tally
from ari_app.webhooks.templates.rendering import TemplateRendering

log = structlog.get_logger(__name__)

DRAIN_S: Final = 20.0
"""How long a stopping router lets calls in setup come to their end; systemd waits 90 s by default."""


async def serve(config: Path, settings: Settings) -> None:
    """Run the router until SIGTERM or SIGINT; `settings` are those of `config`, which SIGHUP has read again.

    Raises StorageError, ControlError, DoorError or WebError when it can't start, ReplacedError when another router took
    over.
    """
    stop = _told_to_stop()
    async with AsyncExitStack() as open_ends:
        memory = await open_ends.enter_async_context(remembering(settings))
        parts = await open_ends.enter_async_context(parts_of(settings, memory))
        renewals: list[Callable[[], None]] = []

        async def take(changed: Settings) -> None:
            for renew in renewals:
                renew()
            await parts.take(changed)

        reloading = Reloading(config, settings, take)
        await open_ends.enter_async_context(serve_control(settings.control, commands(parts, reloading)))
        tally = Tally()
        await open_ends.enter_async_context(_deliveries(settings, memory, reloading, tally))
        await open_ends.enter_async_context(
            telling_calls(
                lambda: reloading.in_force,
                memory.database,
                crm=parts.crm,
                marker=memory.marker,
                desk=memory.activities,
                store=memory.recordings.store,
                links=memory.recordings.links,
                crm_user_id=parts.crm_users.users.crm_user_id,
                outbox=memory.outbox,
            )
        )
        if settings.web is not None:
            from ari_app.app.web import services  # noqa: PLC0415
            from ari_app.web.serving import serving_web  # noqa: PLC0415

            of_parts = services(parts, reloading, settings.web, stop, tally)
            web = await open_ends.enter_async_context(serving_web(settings.web, of_parts))
            renewals.append(web.renew_certificates)
        tell_started(memory.notices, settings.asterisk.ari.app)
        log.info("the router serves", app=settings.asterisk.ari.app, pid=os.getpid())
        with _replaced_by_itself():
            await _run(stop, parts, reloading)
    log.info("the router has stopped")


@asynccontextmanager
async def _deliveries(settings: Settings, memory: Memory, reloading: Reloading, tally: Tally) -> AsyncIterator[None]:
    """Webhooks on their way, unless other processes deliver them. What templates make of them is known in any case."""
    templates, known = settings.webhooks.templates, people(lambda: reloading.in_force.routing)
    memory.webhooks.rendering = TemplateRendering(templates, known)  # whoever looks at deliveries hears no recording
    if not settings.webhooks.deliver:
        yield
        return
    async with delivering_webhooks(
        settings.webhooks,
        memory.database,
        subscriptions=memory.webhooks.subscriptions,
        bell=memory.outbox,
        notices=memory.notices,
        rendering=TemplateRendering(templates, known, linking(lambda: reloading.in_force, memory.recordings.links)),
        guard=lambda: reloading.in_force.routing.guard,
        tally=tally,
    ):
        yield


async def _run(stop: asyncio.Event, parts: Parts, reloading: Reloading) -> None:
    hangup = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, hangup.set)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})  # the command has held it back until now
    supervisor = parts.supervisor
    async with asyncio.TaskGroup() as top:
        carrying = top.create_task(supervisor.run(), name="supervisor")
        connecting = top.create_task(parts.connection.run(), name="ari")
        reloads = top.create_task(reloading.reload_at_each(hangup), name="reload")
        await stop.wait()
        reloading.stop()
        reloads.cancel()
        log.info("the router stops", live=len(supervisor.live), in_setup=supervisor.in_setup)
        await supervisor.stop(DRAIN_S)
        await carrying
        connecting.cancel()


def _told_to_stop() -> asyncio.Event:
    """Set by SIGTERM and SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


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
