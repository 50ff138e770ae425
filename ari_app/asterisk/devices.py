"""What Asterisk knows of a device, without calling it: its state, and the contacts that would ring."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from ari_app.asterisk.client import AriClient
from ari_app.asterisk.settings import AriSettings
from ari_app.asterisk.telephony import AriTelephony
from ari_app.calls.ids import new_probe_id
from ari_app.calls.ports import NotFoundError, RefusedError, TelephonyError

PROBE_GUARD: Final = {"TIMEOUT(absolute)": "10"}
"""Asterisk itself ends a probe whose dry run was killed."""


@dataclass(frozen=True, slots=True)
class DeviceState:
    """`state` is Asterisk's word (online, offline, unknown); "missing" when there is no such endpoint.

    `contacts` are the dial strings that a call would ring.
    """

    state: str
    contacts: tuple[str, ...]


async def device_states(settings: AriSettings, endpoints: Sequence[str]) -> Mapping[str, DeviceState] | None:
    """The state of each PJSIP endpoint, by its name; None when Asterisk can't be reached."""
    probe = new_probe_id()
    # An app of its own: the router's may not be there, and must hear nothing of this when it is.
    client = AriClient(replace(settings, app=probe))
    try:
        await client.open()
        async with client.registered():
            return await _ask(client, probe, endpoints)
    except TelephonyError:
        return None
    finally:
        await client.close()


async def _ask(client: AriClient, probe: str, endpoints: Sequence[str]) -> Mapping[str, DeviceState]:
    """Contacts are told by a dialplan function, and that needs a channel: a Local one that is never dialled."""
    telephony = AriTelephony(client.app)
    telephony.use(client)
    await telephony.create_leg(probe, "Local/s@agi-router-probe/n", "", PROBE_GUARD)
    try:
        states = await asyncio.gather(*(_state(client, telephony, probe, endpoint) for endpoint in endpoints))
    finally:
        await telephony.hang_up(probe, "normal")
    return dict(zip(endpoints, states, strict=True))


async def _state(client: AriClient, telephony: AriTelephony, probe: str, endpoint: str) -> DeviceState:
    try:
        answer = await client.swagger.endpoints.get(tech="PJSIP", resource=endpoint)
        state = str((await answer.json())["state"])
        return DeviceState(state, await telephony.contacts(probe, endpoint))
    except (NotFoundError, RefusedError):
        return DeviceState("missing", ())
