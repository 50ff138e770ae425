"""The switch, as far as it sends messages: Ada has two phones, and Bob none that is registered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ari_app.live.device_lookup import KnownDevice

ADA = ("PJSIP/ada/sip:ada@192.0.2.7:5060", "PJSIP/ada/sip:ada@192.0.2.8:5060;transport=tcp")
ADA_DESK = ("PJSIP/ada-desk/sip:ada-desk@192.0.2.9",)


@dataclass(frozen=True, slots=True)
class Registered:
    """A device with these contacts."""

    contacts: tuple[str, ...]
    state: str = "online"


@dataclass(slots=True)
class FakeTexting:
    """`sent` is what was handed over: endpoint, contact, sender and text. `errors` are raised by contact."""

    is_connected: bool = True
    is_reached: bool = True
    contacts: dict[str, tuple[str, ...]] = field(default_factory=lambda: {"ada": ADA, "ada-desk": ADA_DESK})
    sent: list[tuple[str, str, str, str]] = field(default_factory=list)
    errors: dict[str, Exception] = field(default_factory=dict)

    async def send_text(self, endpoint: str, contact: str, sender: str, text: str) -> None:
        """See Texting."""
        if contact in self.errors:
            raise self.errors[contact]
        self.sent.append((endpoint, contact, sender, text))

    async def look_up(self, endpoints: Sequence[str]) -> Mapping[str, KnownDevice] | None:
        """See DeviceLookup."""
        if not self.is_reached:
            return None
        return {endpoint: Registered(self.contacts.get(endpoint, ())) for endpoint in endpoints}
