"""`web.faces`: APIs of other vendors that the router speaks as well, for programs that were written for those."""

from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field

from agi_router.document import Section
from agi_router.settings.policy_section import Limit

AMEYO_POLICY: Final = "token-based-authorization-policy"
"""As Ameyo's page prints it."""

HeaderValue = Annotated[str, Field(pattern=r"^[!-~](?:[ -~]{0,253}[!-~])?$")]


def _some(hosts: tuple[str, ...]) -> tuple[str, ...]:
    """Who empties a list means to shut out all, or to let in any: he shall say so."""
    if not hosts:
        raise ValueError("is empty; name one, or take the key away for any")
    return hosts


def _with_defaults(given: Any) -> Any:
    """A name with nothing behind it, which YAML reads as null: it is named all the same."""
    return {} if given is None else given


_Named: Final = BeforeValidator(_with_defaults)


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiplineSettings:
    """Section `web.faces.voipline`: how often each key may ask in 15 minutes; None has no limit."""

    queries_per_15_minutes: int | None = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class AmeyoSettings:
    """Section `web.faces.ameyo`: what the headers Policy-name and Requesting-host have to be.

    `requesting_hosts` are in lower case; none of them is any.
    """

    policy_name: str = AMEYO_POLICY
    requesting_hosts: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class FacesSettings:
    """Section `web.faces`. A face that is None, or False, is not there."""

    voipline: VoiplineSettings | None = None
    aircall: bool = False
    ameyo: AmeyoSettings | None = None


class VoiplineSection(Section):
    """`web.faces.voipline`."""

    queries_per_15_minutes: Limit = 100

    def settings(self) -> VoiplineSettings:
        """What it means."""
        return VoiplineSettings(queries_per_15_minutes=self.queries_per_15_minutes)


class AircallSection(Section):
    """`web.faces.aircall`, which has no keys."""


class AmeyoSection(Section):
    """`web.faces.ameyo`."""

    policy_name: HeaderValue = AMEYO_POLICY
    requesting_hosts: Annotated[tuple[HeaderValue, ...], AfterValidator(_some)] = ()

    def settings(self) -> AmeyoSettings:
        """What it means."""
        hosts = frozenset(host.lower() for host in self.requesting_hosts)
        return AmeyoSettings(policy_name=self.policy_name, requesting_hosts=hosts)


class FacesSection(Section):
    """`web.faces`."""

    voipline: Annotated[VoiplineSection | None, _Named] = None
    aircall: Annotated[AircallSection | None, _Named] = None
    ameyo: Annotated[AmeyoSection | None, _Named] = None

    def settings(self) -> FacesSettings:
        """What it means."""
        return FacesSettings(
            voipline=None if self.voipline is None else self.voipline.settings(),
            aircall=self.aircall is not None,
            ameyo=None if self.ameyo is None else self.ameyo.settings(),
        )
