"""The connection to Asterisk, held up for as long as the router runs: connect, filter, reconcile, read, and again."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from ari_app.asterisk.client import AriClient, Event
from ari_app.asterisk.events import UNWANTED, channel_event
from ari_app.asterisk.settings import AriSettings
from ari_app.asterisk.telephony import AriTelephony
from ari_app.asterisk.text_messages import TextMessages
from ari_app.calls.ports import ChannelEvent, NotFoundError, RefusedError, TelephonyError
from ari_app.domain.link import Link

log = structlog.get_logger(__name__)

FIRST_RETRY_S: Final = 0.25
LAST_RETRY_S: Final = 5.0
RECONCILE_RETRY_S: Final = 1.0
RELEASES_AFTER_S: Final = (0.0, 0.2)
"""Asterisk may hand a caller over while the event stream closes, and does not tell when that is done."""
RELEASE_DEADLINE_S: Final = 3.0


class ReplacedError(Exception):
    """Another router has taken over our application; to reconnect would take it away again, and so for ever."""


class AriConnection:
    """Reads events for `deliver`, and runs `reconcile` after each connect. `connected` tells whether it is up.

    When it is cancelled it closes the event stream, so that Asterisk sends no more callers, and then runs `release`.
    """

    def __init__(
        self,
        settings: AriSettings,
        telephony: AriTelephony,
        deliver: Callable[[ChannelEvent], None],
        reconcile: Callable[[], Awaitable[None]],
        release: Callable[[], Awaitable[None]],
        *,
        device_changed: Callable[[str, str], None],
        link: Link | None = None,
        messages: TextMessages,
    ) -> None:
        self._settings = settings
        self._telephony = telephony
        self._deliver = deliver
        self._reconcile = reconcile
        self._release = release
        self._device_changed = device_changed
        self._messages = messages
        self.connected = asyncio.Event()
        self.link = link or Link()

    async def run(self) -> None:
        """Stay connected until cancelled. Raises ReplacedError when another router takes the application over."""
        retry_s = FIRST_RETRY_S
        while True:
            try:
                was_up = await self._once()
            except TelephonyError as error:
                was_up = False
                log.warning(_complaint(error), error=str(error), retry_s=round(retry_s, 2), remedy=_remedy(error))
            else:
                log.warning("the connection to Asterisk was lost; connecting again")
            if was_up:
                retry_s = FIRST_RETRY_S
            # Jitter, so that several routers don't come back in step.
            await asyncio.sleep(retry_s * random.uniform(0.8, 1.2))  # noqa: S311
            retry_s = min(retry_s * 2, LAST_RETRY_S)

    async def _once(self) -> bool:
        """One connection, from connect to loss; returns whether it was ever up."""
        client = AriClient(self._settings)
        tasks: list[asyncio.Task[None]] = []
        stopped = False
        try:
            await client.open()

            def registered() -> None:
                self._telephony.use(client)
                self.connected.set()
                self.link.came_up()
                tasks.append(asyncio.create_task(self._after_connect(client)))
                tasks.append(asyncio.create_task(self._messages.listen(client)))

            await client.listen(registered, self._take)
        except asyncio.CancelledError:
            stopped = True
            raise
        finally:
            was_up = self.connected.is_set()
            self.connected.clear()
            self.link.lose()
            if not stopped:
                # A call that has broken off on it is found by the next connection, and given to nobody by this one.
                self._telephony.use(None)
            elif was_up:
                await self._messages.stop(client)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if stopped and was_up:
                await self._release_callers()
            self._telephony.use(None)
            await client.close()
        return was_up

    async def _release_callers(self) -> None:
        try:
            async with asyncio.timeout(RELEASE_DEADLINE_S):
                for after_s in RELEASES_AFTER_S:
                    await asyncio.sleep(after_s)
                    await self._release()
        except NotFoundError:
            pass  # with its last channel Asterisk has forgotten the application
        except (TelephonyError, TimeoutError) as error:
            log.warning("callers may be left waiting; they are looked for at the next start", error=str(error))

    async def _after_connect(self, client: AriClient) -> None:
        while True:
            try:
                await client.filter_events({"disallowed": UNWANTED})
                await self._reconcile()
            except TelephonyError as error:
                log.warning("could not reconcile with Asterisk; trying again", error=str(error))
            except Exception:
                log.exception("could not reconcile with Asterisk, by a fault of the router; trying again")
            else:
                self.link.settle()
                log.info("connected to Asterisk", url=self._settings.url, app=self._settings.app)
                return
            if not self.connected.is_set():
                return  # cancelled; asyncio.gather() raises in its place what one of its requests came to
            await asyncio.sleep(RECONCILE_RETRY_S)

    def _take(self, event: Event) -> None:
        if event.get("type") == "ApplicationReplaced":
            raise ReplacedError(f"another router has taken over the application {self._settings.app!r}")
        try:
            if event.get("type") == "DeviceStateChanged":
                self._device_changed(event["device_state"]["name"], event["device_state"]["state"])
                return
            translated = channel_event(event)
        except (KeyError, TypeError):
            log.exception("Asterisk sent an event that can't be read", event=event.get("type"))
            return
        if translated is not None:
            self._deliver(translated)


def _complaint(error: TelephonyError) -> str:
    if isinstance(error, RefusedError | NotFoundError):
        return "Asterisk is there, but refuses the router; trying again"
    return "Asterisk can't be reached; trying again"


def _remedy(error: TelephonyError) -> str:
    if isinstance(error, RefusedError | NotFoundError):
        return "compare asterisk.ari with ari.conf and http.conf; agi-router doctor tells what is wrong"
    return "is Asterisk up, and its HTTP server at asterisk.ari.url? agi-router doctor tells more"
