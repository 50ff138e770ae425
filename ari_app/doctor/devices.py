"""What would ring: the endpoints of the directory and the fallbacks, and the trunks."""

from collections.abc import Iterable, Sequence
from typing import Final

from agi_router.decide import RoutingSettings
from agi_router.directory.trunks import Trunk
from agi_router.directory.users import EndpointDevice
from agi_router.routing.destination import EndpointDestination
from ari_app.asterisk.devices import MISSING, DeviceState, ask_device_states
from ari_app.asterisk.inspection import Contact, trunk_contacts
from ari_app.asterisk.probe import Probe
from ari_app.calls.ports import RefusedError
from ari_app.doctor.check import Check
from ari_app.doctor.finding import Finding, Group, Topic

ENDPOINT = Topic("endpoint", Group.DEVICES)
TRUNK = Topic("trunk", Group.TRUNKS)

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
        return [judge_endpoint(endpoint, states[endpoint], owners) for endpoint, owners in named.items()]

    return Check(ENDPOINT, devices)


def judge_endpoint(endpoint: str, device: DeviceState, owners: Iterable[str]) -> Finding:
    """A phone that is off is nobody's mistake, but somebody may wait for its ringing."""
    topic, whose = ENDPOINT.of(endpoint), f"PJSIP/{endpoint} ({', '.join(owners)})"
    if device.state == MISSING:
        return topic.error(
            f"{whose}: Asterisk knows no such endpoint",
            f"add [{endpoint}] with type = endpoint to pjsip.conf, or correct the name in the router's configuration",
        )
    if not device.contacts:
        return topic.warning(
            f"{whose}: no phone is registered, nothing rings",
            f"register one as {endpoint}; asterisk -rx 'pjsip show endpoint {endpoint}'",
        )
    count = len(device.contacts)
    found = f"{whose}: {device.state}, {count} contact{'' if count == 1 else 's'}"
    if device.state == "offline":
        return topic.warning(f"{found}, and none answers", "is the phone on, and the network to it up?")
    return topic.ok(found)


def trunk_checks(probe: Probe, trunks: Iterable[Trunk]) -> list[Check]:
    """One for each trunk."""
    return [_trunk_check(probe, trunk) for trunk in trunks]


def _trunk_check(probe: Probe, trunk: Trunk) -> Check:
    topic = TRUNK.of(trunk.name)

    async def find() -> Sequence[Finding]:
        try:
            return [judge_trunk(trunk, await trunk_contacts(probe, trunk.endpoint))]
        except RefusedError:
            modules = "func_pjsip_endpoint.so, func_pjsip_aor.so and func_pjsip_contact.so"
            return [topic.skipped("Asterisk cannot tell: a module for it is not loaded", f"load {modules}")]

    return Check(topic, find)


def judge_trunk(trunk: Trunk, contacts: Sequence[Contact] | None) -> Finding:
    """A trunk is fine when one of its contacts answers; `contacts` is None when there is no such endpoint."""
    topic, name = TRUNK.of(trunk.name), f"{trunk.name} (PJSIP/{trunk.endpoint})"
    if contacts is None:
        return topic.error(
            f"Asterisk knows no endpoint for trunk {name}",
            f"add [{trunk.endpoint}] with type = endpoint to pjsip.conf, or correct trunks[].endpoint",
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
