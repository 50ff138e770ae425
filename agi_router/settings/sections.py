"""The shape of the routing sections in YAML: which keys there are, and what each may hold."""

from typing import Self

from pydantic import Field, model_validator

from agi_router.document import Section
from agi_router.lookup.upstream import UpstreamLimits
from agi_router.routing.destination import DestinationType
from agi_router.routing.needs import Ahead
from agi_router.routing.order import IfBusy, Order
from agi_router.routing.route import DEFAULT_RING_S, AnswerFormat
from agi_router.settings.click_to_dial_section import CampaignSection, ClickToDialSection
from agi_router.settings.directory_section import DirectorySection, TrunkSection
from agi_router.settings.hours_section import CalendarSection
from agi_router.settings.policy_section import PolicySection
from agi_router.settings.request_section import AnyRequestSection, CrmRequestSection
from agi_router.settings.response_section import FallbackSection, ResponseSection
from agi_router.settings.show_section import ShowSection
from agi_router.settings.treatment_section import TreatmentSection
from agi_router.settings.values import AllowedNetwork, Name, Origin, Region, RingSeconds

DEFAULT_LIMITS = UpstreamLimits()


class NetworkSection(Section):
    """`network`."""

    allowed_networks: tuple[AllowedNetwork, ...] = ()


class UpstreamSection(Section):
    """The limits of one upstream."""

    origin: Origin
    max_concurrent: int = Field(default=DEFAULT_LIMITS.max_concurrent, ge=1, le=1000)
    failures: int = Field(default=DEFAULT_LIMITS.failures, ge=1, le=1000)
    open_s: float = Field(default=DEFAULT_LIMITS.open_s, ge=0.1, le=3600)


class DefaultsSection(TreatmentSection):
    """`defaults`."""

    show: ShowSection | None = None
    region: Region
    timeout_s: RingSeconds = DEFAULT_RING_S
    fallback: tuple[FallbackSection, ...] = ()


class RingingSection(Section):
    """`ringing`."""

    timeout_s: RingSeconds | None = None
    ahead: Ahead = Ahead.OFF
    order: Order | None = None
    if_busy: IfBusy = IfBusy.RING


class RememberSection(Section):
    """`remember`: for how long; 0 is off."""

    cache_s: float = Field(default=0, ge=0, le=3600)
    last_good_s: float = Field(default=0, ge=0, le=31_536_000)


class RouteSection(TreatmentSection):
    """One route."""

    show: ShowSection | None = None
    request: AnyRequestSection
    response: ResponseSection | None = None
    ringing: RingingSection = RingingSection()
    remember: RememberSection = RememberSection()
    fallback: tuple[FallbackSection, ...] | None = None
    hours: Name | None = None
    closed: tuple[FallbackSection, ...] | None = None

    @model_validator(mode="after")
    def _reads_what_it_asks(self) -> Self:
        asks_a_crm = isinstance(self.request, CrmRequestSection)
        if asks_a_crm and self.response is not None:
            raise ValueError("asks a CRM, whose answer is the owner of the caller's contact; take response away")
        if not asks_a_crm and self.response is None:
            raise ValueError("has no response, which tells how the answer is read; add it")
        return self

    @property
    def read_as(self) -> ResponseSection:
        """`response`; of a CRM it is a user's id, the CRM's own."""
        if isinstance(self.request, CrmRequestSection):
            return ResponseSection(format=AnswerFormat.TEXT, type=DestinationType.USER, crm=self.request.crm)
        assert self.response is not None, "checked above"
        return self.response


class RoutingSections(Section):
    """The top-level keys of routing. A program with more of them inherits from this."""

    directory: DirectorySection = DirectorySection()
    trunks: tuple[TrunkSection, ...] = ()
    policy: PolicySection = PolicySection()
    network: NetworkSection = NetworkSection()
    upstreams: tuple[UpstreamSection, ...] = ()
    defaults: DefaultsSection
    hours: dict[Name, CalendarSection] = Field(default_factory=dict)
    campaigns: tuple[CampaignSection, ...] = ()
    click_to_dial: ClickToDialSection = ClickToDialSection()
    routes: dict[Name, RouteSection] = Field(default_factory=dict)
