"""Text messages that phones send (SIP MESSAGE): an application of its own hears them, and nothing else.

Whoever subscribes to endpoints is told of their channels, too, which are not the router's business; so it is another
application than that of calls, with an event stream of its own, and Asterisk filters out all but messages.

Asterisk 22.10.1: it keeps the application, with its subscription, when the stream breaks. To phones it goes on saying
202, and what they send then is lost. So a router that stops ends the subscription, and phones are told 404.
"""

import asyncio
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

import aiohttp
import structlog

from ari_app.asterisk.client import AriClient, event_in
from ari_app.calls.ports import TelephonyError
from ari_app.domain.messages import ReceivedText

SOURCE: Final = "PJSIP"
RECEIVED: Final = "TextMessageReceived"
RETRY_S: Final = 5.0
GOODBYE_S: Final = 1.0

_ADDRESS: Final = re.compile(r"<([^<>]*)>[^<>]*$")
"""The last one: another may stand in the name before it."""

log = structlog.get_logger(__name__)


class TextMessages:
    """Gives `take` each message that any PJSIP endpoint sends. `take` must not wait; without one none is heard."""

    def __init__(self, take: Callable[[ReceivedText], None] | None) -> None:
        self._take = take

    async def listen(self, client: AriClient) -> None:
        """Hear them over this connected client, until cancelled."""
        if self._take is None:
            await self.stop(client)  # a router that was killed may have left its subscription
            return
        complaint = ""
        while True:
            try:
                await self._once(client)
            except TelephonyError as error:
                if str(error) != complaint:
                    complaint = str(error)
                    log.warning(
                        "text messages of phones are not heard; it is tried again and again",
                        error=complaint,
                        remedy="are chan_pjsip.so and res_ari_applications.so loaded? agi-router doctor tells more",
                    )
            await asyncio.sleep(RETRY_S)

    async def stop(self, client: AriClient) -> None:
        """Hear none from now on: Asterisk tells phones that it takes no messages."""
        with suppress(TelephonyError, TimeoutError):
            async with asyncio.timeout(GOODBYE_S):
                await client.swagger.applications.unsubscribe(
                    applicationName=_application(client), eventSource=f"endpoint:{SOURCE}"
                )

    async def _once(self, client: AriClient) -> None:
        name = _application(client)
        async with client.registered(name) as websocket:
            await client.filter_events({"allowed": [RECEIVED]}, name)
            # Asterisk counts subscriptions: one that is left over from a broken stream must not become two.
            application = await (await client.swagger.applications.get(applicationName=name)).json()
            if SOURCE not in application["endpoint_ids"]:
                await client.swagger.applications.subscribe(applicationName=name, eventSource=f"endpoint:{SOURCE}")
            async for message in websocket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    self.hear(event_in(message.data))

    def hear(self, event: Mapping[str, Any] | None) -> None:
        """Take what this event tells, if it tells of a message. Never raises."""
        try:
            if self._take is not None and event is not None and event["type"] == RECEIVED:
                self._take(received_text(event))
        except Exception:  # one odd message must not end the hearing of all others
            log.exception("Asterisk sent a text message that can't be read")


def received_text(event: Mapping[str, Any]) -> ReceivedText:
    """A TextMessageReceived as we know it. Its headers stay behind: the proof of the phone's password is among them."""
    message, endpoint = event["message"], event.get("endpoint")
    text = str(message["body"])
    headers = message.get("variables") or {}
    length = str(headers.get("Content-Length", "")).strip()
    return ReceivedText(
        endpoint=f"{endpoint['technology']}/{endpoint['resource']}" if endpoint else "",
        sender=_address(str(message["from"])),
        recipient=str(message["to"]).partition(":")[2].partition("@")[0],
        text=text,
        lost_bytes=int(length[:9]) if not text and length.isdecimal() else 0,
    )


def _address(sender: str) -> str:
    """The SIP URI of a From header, without the name, which anybody may give himself."""
    found = _ADDRESS.search(sender)
    return found[1] if found else sender


def _application(client: AriClient) -> str:
    return f"{client.app}-messages"
