"""What AMI tells of calls to somebody who asks once: a channel is made that calls nobody, and what is heard of it."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from panoramisk.message import Message

from ari_app.asterisk.ami_calls import CLASSES
from ari_app.asterisk.ami_connection import ami_connection
from ari_app.asterisk.inspection import inspecting
from ari_app.asterisk.probe import probing
from ari_app.asterisk.settings import AmiSettings, AriSettings
from ari_app.calls.pbx_calls import Source

PROBE: Final = "agr-probe-"
PATIENCE_S: Final = 4.0
"""Asterisk passes events on up to a second late, and later still where it has much to do."""


@dataclass(frozen=True, slots=True)
class Heard:
    """Whether CEL's events come, with their moments (`stamped`); and whether the module for Cdr events runs."""

    cel: bool
    stamped: bool
    cdr: bool


async def hear_calls(ami: AmiSettings, ari: AriSettings) -> Heard:
    """Ask both interfaces. Raises a TelephonyError."""
    heard: asyncio.Future[Message] = asyncio.get_running_loop().create_future()

    def take(message: Message) -> None:
        if str(message.event) == "CEL" and str(message.get("uniqueid")).startswith(PROBE) and not heard.done():
            heard.set_result(message)

    async with ami_connection(ami, take, CLASSES[Source.AUTO]), probing(ari):
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                await asyncio.shield(heard)
    async with inspecting(ari) as asterisk:
        modules = await asterisk.modules()
    told = heard.result() if heard.done() else None
    return Heard(
        cel=told is not None,
        stamped=told is not None and "timestamp" in told,
        cdr=modules.get("cdr_manager.so", False),
    )
