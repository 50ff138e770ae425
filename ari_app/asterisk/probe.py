"""A channel that asks Asterisk and is never dialled: some things are told only by dialplan functions, on a channel.

It lives in an application of its own: the router's takes in a channel only while a router is connected.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any, Final

from ari_app.asterisk.client import AriClient
from ari_app.asterisk.settings import AriSettings
from ari_app.asterisk.telephony import AriTelephony
from ari_app.calls.ids import new_probe_id
from ari_app.calls.ports import NotFoundError, TelephonyError

GUARD: Final = {"TIMEOUT(absolute)": "20"}
"""Asterisk itself ends a probe whose owner was killed."""
GOODBYE_S: Final = 1.0
POLL_S: Final = 0.01


class Probe:
    """Reads dialplan functions and variables, over an open `client`."""

    def __init__(self, client: AriClient, telephony: AriTelephony, channel_id: str) -> None:
        self.client = client
        self._telephony = telephony
        self._channel_id = channel_id

    async def read(self, function: str) -> str:
        """The value of `NAME` or `FUNCTION(arguments)`.

        Raises RefusedError when Asterisk cannot evaluate it: there is no such function, or not for this argument.
        """
        channels: Any = self.client.swagger.channels
        answer = await channels.getChannelVar(channelId=self._channel_id, variable=function)
        return str((await answer.json())["value"])

    async def contacts(self, endpoint: str) -> tuple[str, ...]:
        """The dial strings of a PJSIP endpoint's contacts. Raises RefusedError when there is no such endpoint."""
        return await self._telephony.contacts(self._channel_id, endpoint)


@asynccontextmanager
async def probing(settings: AriSettings) -> AsyncIterator[Probe]:
    """A probe for the time of the block. Raises a TelephonyError when it can't be made."""
    probe_id = new_probe_id()
    client = AriClient(replace(settings, app=probe_id))
    telephony = AriTelephony(client.app)
    telephony.use(client)
    try:
        await client.open()
        async with client.registered():
            await telephony.create_leg(probe_id, "Local/s@agi-router-probe/n", "", GUARD)
            try:
                yield Probe(client, telephony, probe_id)
            finally:
                with suppress(TelephonyError, TimeoutError):
                    async with asyncio.timeout(GOODBYE_S):
                        await telephony.hang_up(probe_id, "normal")
                        await _gone(client, probe_id)
    finally:
        await client.close()


async def _gone(client: AriClient, channel_id: str) -> None:
    """Asterisk removes an application when its stream closes, but not while a channel of it is being taken apart."""
    with suppress(NotFoundError):
        while True:
            await client.swagger.channels.get(channelId=channel_id)
            await asyncio.sleep(POLL_S)  # StasisEnd comes too early, and nothing comes after it
