"""An endpoint's aors (addresses of record): where its phones register, or where a trunk stands."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from ari_app.asterisk.probe import Probe
from ari_app.calls.ports import NotFoundError, RefusedError


@dataclass(frozen=True, slots=True)
class Aor:
    """`contact_ids` are Asterisk's names of its contacts, whether they answer or not; None: there is no such aor.

    `max_contacts` is how many phones may register; `is_watched`: its contacts are asked from time to time.
    """

    name: str
    contact_ids: tuple[str, ...] | None
    max_contacts: int = 0
    is_watched: bool = False


@dataclass(frozen=True, slots=True)
class Contact:
    """`status` is Asterisk's word: Reachable, Unreachable, NonQualified, Unknown, Created.

    `is_watched`: Asterisk asks it from time to time, though perhaps it has not begun.
    """

    uri: str
    is_watched: bool
    status: str
    round_trip_ms: float | None


async def endpoint_aors(probe: Probe, endpoint: str) -> tuple[Aor, ...] | None:
    """The aors that a PJSIP endpoint names; None when there is no such endpoint.

    Raises RefusedError without func_pjsip_endpoint.so or func_pjsip_aor.so.
    """
    try:
        names = await probe.read(f"PJSIP_ENDPOINT({endpoint},aors)")
    except RefusedError:
        if await _lacks(probe, "func_pjsip_endpoint.so"):
            raise
        return None
    return tuple(await asyncio.gather(*(_aor(probe, name) for name in _listed(names))))


async def aor_contacts(probe: Probe, aors: Iterable[Aor]) -> tuple[Contact, ...]:
    """All contacts of these aors. Raises RefusedError without func_pjsip_contact.so."""
    asked = (_contact(probe, contact_id, aor.is_watched) for aor in aors for contact_id in aor.contact_ids or ())
    return tuple(contact for contact in await asyncio.gather(*asked) if contact is not None)


async def _aor(probe: Probe, name: str) -> Aor:
    fields = ("contact", "max_contacts", "qualify_frequency")
    try:
        ids, most, frequency_s = await asyncio.gather(*(probe.read(f"PJSIP_AOR({name},{field})") for field in fields))
    except RefusedError:
        if await _lacks(probe, "func_pjsip_aor.so"):
            raise
        return Aor(name, None)
    return Aor(name, tuple(_listed(ids)), int(most), frequency_s != "0")


async def _contact(probe: Probe, contact_id: str, is_watched: bool) -> Contact | None:
    fields = ("uri", "status", "rtt")
    try:
        uri, status, round_trip = await asyncio.gather(
            *(probe.read(f"PJSIP_CONTACT({contact_id},{field})") for field in fields)
        )
    except RefusedError:
        if await _lacks(probe, "func_pjsip_contact.so"):
            raise
        return None  # its registration has just ended
    microseconds = float(round_trip) if round_trip.isdecimal() else None
    return Contact(uri, is_watched, status, None if microseconds is None else microseconds / 1000)


async def _lacks(probe: Probe, module: str) -> bool:
    """Asterisk refuses a function that it does not have, and one for an object that it does not have, alike."""
    try:
        await probe.client.swagger.asterisk.getModule(moduleName=module)
    except (NotFoundError, RefusedError):
        return True
    return False


def _listed(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]
