"""The shape of `click_to_dial` and `campaigns`."""

from typing import Self

from pydantic import Field, model_validator

from agi_router.directory.campaigns import Direction
from agi_router.document import Section
from agi_router.routing.click_to_dial import (
    DEFAULT_AGENT_RING_S,
    DEFAULT_CUSTOMER_RING_S,
    DEFAULT_REFUSE_WHEN,
    First,
    Unready,
)
from agi_router.settings.treatment_section import RecordingSection
from agi_router.settings.values import Name, RingSeconds, Sounds, TrunkNames, UserId


class AnnouncementsSection(Section):
    """`click_to_dial.announcements`: the sounds that tell why nobody is reached."""

    busy: Sounds | None = None
    declined: Sounds | None = None
    no_answer: Sounds | None = None
    unavailable: Sounds | None = None
    not_found: Sounds | None = None
    refused: Sounds | None = None
    failed: Sounds | None = None


class ClickToDialSection(Section):
    """`click_to_dial`."""

    agent_ring_s: RingSeconds = DEFAULT_AGENT_RING_S
    customer_ring_s: RingSeconds = DEFAULT_CUSTOMER_RING_S
    talk_s: float = Field(default=0, ge=0, le=86_400)
    warn_s: float = Field(default=0, ge=0, le=3600)
    refuse_when: frozenset[Unready] = DEFAULT_REFUSE_WHEN
    announcements: AnnouncementsSection = AnnouncementsSection()
    recording: RecordingSection | None = None

    @model_validator(mode="after")
    def _warns_in_time(self) -> Self:
        if self.warn_s and self.warn_s >= self.talk_s:
            raise ValueError("warn_s is the time before the end of talk_s; let it be shorter")
        return self


class CampaignSection(Section):
    """One of `campaigns`."""

    id: UserId
    name: str = ""
    direction: Direction = Direction.OUTBOUND
    first: First = First.AGENT
    trunk: TrunkNames | None = None
    caller_id: str | None = None
    team: UserId | None = None
    queue: Name | None = None
    recording: RecordingSection | None = None
