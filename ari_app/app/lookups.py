"""What Asterisk knows of phones, asked by the router and by commands beside it."""

from collections.abc import Iterable, Mapping, Sequence

from ari_app.asterisk.devices import DeviceState, call_states, device_states
from ari_app.settings import Settings


async def look_up_devices(settings: Settings, endpoints: Sequence[str]) -> Mapping[str, DeviceState] | None:
    """What Asterisk knows of these PJSIP endpoints (names without technology); None when it can't be reached."""
    return await device_states(settings.asterisk.ari, endpoints)


async def look_up_states(settings: Settings, devices: Iterable[str]) -> Mapping[str, str] | None:
    """Whether these devices (PJSIP/ada, Custom:DND101) are in use, in Asterisk's words; None: it can't be reached."""
    return await call_states(settings.asterisk.ari, devices)
