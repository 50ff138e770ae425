"""What Asterisk knows of a device, without calling it: its state, and the contacts that would ring."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ari_app.asterisk.client import AriClient
from ari_app.asterisk.probe import Probe, probing
from ari_app.asterisk.settings import AriSettings
from ari_app.calls.ports import NotFoundError, RefusedError, TelephonyError

MISSING = "missing"


@dataclass(frozen=True, slots=True)
class DeviceState:
    """`state` is Asterisk's word (online, offline, unknown), or MISSING when there is no such endpoint.

    `contacts` are the dial strings that a call would ring.
    """

    state: str
    contacts: tuple[str, ...]


async def device_states(settings: AriSettings, endpoints: Iterable[str]) -> Mapping[str, DeviceState] | None:
    """The state of each PJSIP endpoint, by its name; None when Asterisk can't be asked."""
    client = AriClient(settings)
    try:
        await client.open()
        async with probing(client, settings) as probe:
            return await ask_device_states(client, probe, endpoints)
    except TelephonyError:
        return None
    finally:
        await client.close()


async def ask_device_states(client: AriClient, probe: Probe, endpoints: Iterable[str]) -> Mapping[str, DeviceState]:
    """The same, over an open client. Raises a TelephonyError."""
    names = list(dict.fromkeys(endpoints))
    states = await asyncio.gather(*(_state(client, probe, name) for name in names))
    return dict(zip(names, states, strict=True))


async def _state(client: AriClient, probe: Probe, endpoint: str) -> DeviceState:
    try:
        contacts = await probe.contacts(endpoint)
    except RefusedError:
        return DeviceState(MISSING, ())
    try:
        answer = await client.swagger.endpoints.get(tech="PJSIP", resource=endpoint)
    except NotFoundError:  # an endpoint from a realtime database is listed only after its first use
        return DeviceState("unknown", contacts)
    return DeviceState(str((await answer.json())["state"]), contacts)
