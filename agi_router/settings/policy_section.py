"""The shape of `policy`, and what it means: where to, and how much, may be dialled."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from agi_router.document import Section
from agi_router.routing.volume_limits import DEFAULT_LIMITS, Measure, VolumeLimits, VolumePolicy
from agi_router.settings.findings import Findings
from agi_router.settings.values import Context, Region


def _off(given: Any) -> Any:
    if given is True:
        raise ValueError("is a number, or off for none")
    if isinstance(given, str) and given.lower() in {"none", "no", "unlimited"}:
        raise ValueError("is a number; write off for no limit")
    return None if given is False or given == "off" else given  # a bare off is False in YAML


Limit = Annotated[int | None, Field(ge=1, le=10_000_000), BeforeValidator(_off)]


class LimitsOfScope(Section):
    """`route_limits` and `key_limits`: none unless given; null and `off` are none."""

    concurrent: Limit = None
    calls_per_minute: Limit = None
    to_one_number_per_hour: Limit = None
    minutes_per_day: Limit = None
    calls_per_day: Limit = None

    def limits(self) -> VolumeLimits:
        """What they mean."""
        return VolumeLimits(**self.model_dump())


class LimitsOfAll(LimitsOfScope):
    """`limits`: those that are not given are the default ones."""

    concurrent: Limit = DEFAULT_LIMITS.concurrent
    calls_per_minute: Limit = DEFAULT_LIMITS.calls_per_minute
    to_one_number_per_hour: Limit = DEFAULT_LIMITS.to_one_number_per_hour
    minutes_per_day: Limit = DEFAULT_LIMITS.minutes_per_day
    calls_per_day: Limit = DEFAULT_LIMITS.calls_per_day


class PolicySection(Section):
    """`policy`."""

    regions: tuple[Region, ...] = ()
    dialplan_contexts: tuple[Context, ...] = ()
    limits: LimitsOfAll = LimitsOfAll()
    route_limits: LimitsOfScope = LimitsOfScope()
    key_limits: LimitsOfScope = LimitsOfScope()
    warn_at: float = Field(default=VolumePolicy().warn_at, ge=0.1, le=1)


def volume_policy(section: PolicySection, found: Findings) -> VolumePolicy:
    """What the limits mean; those that never leave a call to be refused are warned of."""
    limits = section.limits.limits()
    for key, own in (("route_limits", section.route_limits.limits()), ("key_limits", section.key_limits.limits())):
        for measure in Measure:
            part, whole = own.of(measure), limits.of(measure)
            if part is not None and whole is not None and part >= whole:
                found.warn(
                    ("policy", key, measure.value),
                    f"has no effect: policy.limits.{measure.value} is {whole}, which all calls together reach first; "
                    f"make this one smaller, or that one larger",
                )
    if section.regions and all(limits.of(measure) is None for measure in Measure):
        found.warn(
            ("policy", "limits"),
            "are all off: nothing bounds what a thief can spend at night; set those that your calls stay far below",
        )
    return VolumePolicy(limits, section.route_limits.limits(), section.key_limits.limits(), section.warn_at)
