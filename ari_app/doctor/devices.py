"""What would ring: the endpoints of the directory and the fallbacks, and the trunks."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final

from agi_router.decide import RoutingSettings
from agi_router.directory.trunks import Trunk
from agi_router.directory.users import EndpointDevice
from agi_router.routing.destination import EndpointDestination
from ari_app.asterisk.aors import Aor, Contact, aor_contacts, endpoint_aors
from ari_app.asterisk.devices import MISSING, DeviceState, ask_device_states
from ari_app.asterisk.probe import Probe
from ari_app.calls.ports import RefusedError
from ari_app.doctor.check import Check
from ari_app.doctor.finding import Finding, Group, Topic

ENDPOINT = Topic("endpoint", Group.DEVICES)
TRUNK = Topic("trunk", Group.TRUNKS)

RELOAD: Final = 'then asterisk -rx "module reload res_pjsip.so"'
SAMPLE: Final = "agi-router dialplan pjsip.conf shows how"
QUALIFY_REMEDY: Final = "set qualify_frequency = 60 in its aor, and Asterisk asks it every minute whether it is there"


def endpoints(settings: RoutingSettings) -> dict[str, list[str]]:
    """Every endpoint that the configuration names, and who names it."""
    named: dict[str, list[str]] = {}
    for user in settings.users:
        for device in user.devices:
            if isinstance(device, EndpointDevice):
                named.setdefault(device.endpoint, []).append(f"user {user.id}")
    chains = [("defaults", settings.fallback), *((f"route {r.name}", r.fallback or ()) for r in settings.routes)]
    for owner, chain in chains:
        for step in chain:
            if isinstance(step.destination, EndpointDestination):
                named.setdefault(step.destination.endpoint, []).append(f"fallback of {owner}")
    return named


def endpoints_check(probe: Probe, settings: RoutingSettings) -> Check:
    """Asks for all of them at once."""

    async def devices() -> Sequence[Finding]:
        named = endpoints(settings)
        states = await ask_device_states(probe, named)
        silent = [endpoint for endpoint, device in states.items() if not device.contacts]
        aors = dict(zip(silent, await asyncio.gather(*(_aors(probe, endpoint) for endpoint in silent)), strict=True))
        return [
            judge_endpoint(endpoint, states[endpoint], owners, aors.get(endpoint)) for endpoint, owners in named.items()
        ]

    return Check(ENDPOINT, devices)


async def _aors(probe: Probe, endpoint: str) -> Sequence[Aor] | None:
    try:
        return await endpoint_aors(probe, endpoint)
    except RefusedError:
        return None  # what is not loaded for it is a finding of its own


def judge_endpoint(
    endpoint: str, device: DeviceState, owners: Iterable[str], aors: Sequence[Aor] | None = None
) -> Finding:
    """A phone that is off is nobody's mistake, but somebody may wait for its ringing.

    `aors` are asked where there is nothing to ring; None when they are not, or Asterisk cannot tell.
    """
    topic, whose = ENDPOINT.of(endpoint), f"PJSIP/{endpoint} ({', '.join(owners)})"
    if not device.contacts and aors is not None:
        return _judge_silent(topic, whose, endpoint, device, aors)
    if device.state == MISSING:
        return topic.error(
            f"{whose}: Asterisk knows no such endpoint",
            f"add [{endpoint}] with type = endpoint and an aor to pjsip.conf ({SAMPLE}), {RELOAD}; or correct the name "
            "in the router's configuration",
        )
    if not device.contacts:
        return _unregistered(topic, whose, endpoint)
    found = f"{whose}: {device.state}, {_contacts(len(device.contacts))}"
    if device.state == "offline":
        return _unanswering(topic, found)
    return topic.ok(found)


def _judge_silent(topic: Topic, whose: str, endpoint: str, device: DeviceState, aors: Sequence[Aor]) -> Finding:
    absent = [aor.name for aor in aors if aor.contact_ids is None]
    registered = sum(len(aor.contact_ids or ()) for aor in aors)
    if not aors:
        return topic.error(
            f"{whose}: the endpoint has no aor, so no phone can register",
            f"set aors = {endpoint} in its section of pjsip.conf, add [{endpoint}] with type = aor and max_contacts = 5"
            f" ({SAMPLE}), {RELOAD}",
        )
    if absent and not registered:
        return topic.error(
            f"{whose}: Asterisk has no aor {', '.join(absent)}, which it names", _aor_remedy(absent, "max_contacts = 5")
        )
    if device.state == MISSING:
        return topic.error(f"{whose}: Asterisk cannot tell what would ring", "load chan_pjsip.so: see modules")
    if registered:
        return _unanswering(topic, f"{whose}: {_contacts(registered)}")
    if not any(aor.max_contacts for aor in aors):
        return topic.error(
            f"{whose}: no phone is registered, nor may one: its aor says max_contacts = 0",
            f"set max_contacts = 5 in [{aors[0].name}] with type = aor of pjsip.conf, {RELOAD}",
        )
    return _unregistered(topic, whose, endpoint)


def _aor_remedy(absent: Sequence[str], setting: str) -> str:
    return (
        f"add [{absent[0]}] with type = aor and {setting} to pjsip.conf ({SAMPLE}), {RELOAD}; "
        "if it is there, Asterisk's log tells why it is refused"
    )


def _unregistered(topic: Topic, whose: str, endpoint: str) -> Finding:
    return topic.warning(
        f"{whose}: no phone is registered, nothing rings",
        f"register one as {endpoint}; asterisk -rx 'pjsip show endpoint {endpoint}'",
    )


def _unanswering(topic: Topic, found: str) -> Finding:
    return topic.warning(f"{found}, and none answers", "is the phone on, and the network to it up?")


def _contacts(number: int) -> str:
    return f"{number} contact{'' if number == 1 else 's'}"


def trunk_checks(probe: Probe, trunks: Iterable[Trunk]) -> list[Check]:
    """One for each trunk."""
    return [_trunk_check(probe, trunk) for trunk in trunks]


def _trunk_check(probe: Probe, trunk: Trunk) -> Check:
    topic = TRUNK.of(trunk.name)

    async def find() -> Sequence[Finding]:
        try:
            aors = await endpoint_aors(probe, trunk.endpoint)
            return [judge_trunk(trunk, aors, await aor_contacts(probe, aors or ()))]
        except RefusedError:
            modules = "func_pjsip_endpoint.so, func_pjsip_aor.so and func_pjsip_contact.so"
            return [topic.skipped("Asterisk cannot tell: a module for it is not loaded", f"load {modules}")]

    return Check(topic, find)


def judge_trunk(trunk: Trunk, aors: Sequence[Aor] | None, contacts: Sequence[Contact]) -> Finding:
    """A trunk is fine when one of its contacts answers; `aors` is None when there is no such endpoint."""
    topic, name = TRUNK.of(trunk.name), f"{trunk.name} (PJSIP/{trunk.endpoint})"
    if aors is None:
        return topic.error(
            f"Asterisk knows no endpoint for trunk {name}",
            f"add [{trunk.endpoint}] with type = endpoint and an aor to pjsip.conf ({SAMPLE}), {RELOAD}; or correct "
            "trunks[].endpoint",
        )
    if not aors:
        return topic.error(
            f"the endpoint of trunk {name} has no aor: calls to the outside have nowhere to go",
            f"set aors = {trunk.endpoint} in its section of pjsip.conf, add [{trunk.endpoint}] with type = aor and "
            f"contact = sip:... ({SAMPLE}), {RELOAD}",
        )
    absent = [aor.name for aor in aors if aor.contact_ids is None]
    if absent and not contacts:
        return topic.error(
            f"trunk {name} names the aor {', '.join(absent)}, which Asterisk does not have: calls to the outside have "
            "nowhere to go",
            _aor_remedy(absent, "contact = sip:..."),
        )
    if not contacts:
        return topic.error(
            f"trunk {name} has no contact: calls to the outside have nowhere to go",
            f"give its aor a contact = sip:..., or wait until it registers: asterisk -rx 'pjsip show endpoint "
            f"{trunk.endpoint}'",
        )
    reachable = [contact for contact in contacts if contact.status == "Reachable"]
    if reachable:
        told = [contact.round_trip_ms for contact in reachable if contact.round_trip_ms is not None]
        speed = f" in {min(told):.0f} ms" if told else ""
        some = "" if len(reachable) == len(contacts) else f"; {len(contacts) - len(reachable)} others do not"
        return topic.ok(f"trunk {name} answers at {reachable[0].uri}{speed}{some}")
    uris = ", ".join(contact.uri for contact in contacts)
    states = {contact.status for contact in contacts}
    if states == {"Unreachable"}:
        return topic.error(
            f"trunk {name} does not answer at {uris}",
            "is the provider up, the address right, and does the firewall let SIP out and back in?",
        )
    if not all(contact.is_watched for contact in contacts):
        return topic.warning(f"trunk {name} at {uris} is not watched: nobody knows whether it answers", QUALIFY_REMEDY)
    return topic.warning(
        f"trunk {name} at {uris} has not answered yet", "Asterisk begins to ask within a minute: look again"
    )
