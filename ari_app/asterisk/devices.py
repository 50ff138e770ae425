"""What Asterisk knows of a device, without calling it: its state, and the contacts that would ring."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ari_app.asterisk.client import AriClient
from ari_app.asterisk.probe import Probe, probing
from ari_app.asterisk.settings import AriSettings
from ari_app.asterisk.telephony import AriTelephony
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
    try:
        async with probing(settings) as probe:
            return await ask_device_states(probe, endpoints)
    except TelephonyError:
        return None


async def ask_device_states(probe: Probe, endpoints: Iterable[str]) -> Mapping[str, DeviceState]:
    """The same, by a probe that is there. Raises a TelephonyError."""
    names = list(dict.fromkeys(endpoints))
    states = await asyncio.gather(*(_state(probe, name) for name in names))
    return dict(zip(names, states, strict=True))


async def call_states(settings: AriSettings, devices: Iterable[str]) -> Mapping[str, str] | None:
    """Whether devices (PJSIP/ada, Custom:DND101) are in use, in Asterisk's words; None when it can't be asked."""
    names = list(dict.fromkeys(devices))
    client = AriClient(settings)
    telephony = AriTelephony(client.app)
    telephony.use(client)
    try:
        await client.open()
        return dict(zip(names, await asyncio.gather(*map(telephony.device_state, names)), strict=True))
    except TelephonyError:
        return None
    finally:
        await client.close()


async def _state(probe: Probe, endpoint: str) -> DeviceState:
    try:
        contacts = await probe.contacts(endpoint)
    except RefusedError:
        return DeviceState(MISSING, ())
    try:
        answer = await probe.client.swagger.endpoints.get(tech="PJSIP", resource=endpoint)
    except NotFoundError:  # one from a realtime database is listed only after its first use
        return DeviceState("unknown", contacts)
    return DeviceState(str((await answer.json())["state"]), contacts)
