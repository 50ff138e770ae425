"""Campaigns and the ways of click to dial, from their sections: what they name must be known."""

from agi_router.directory.campaigns import Campaign, Direction
from agi_router.document import suggestion
from agi_router.routing.click_to_dial import ClickToDial, First
from agi_router.routing.treatment import Treatment
from agi_router.settings.click_to_dial_section import CampaignSection, ClickToDialSection
from agi_router.settings.directory_building import DirectoryBuilding
from agi_router.settings.findings import At, Findings


def click_to_dial(section: ClickToDialSection, otherwise: Treatment) -> ClickToDial:
    """What the section means; `otherwise` has how mobiles confirm that they have picked up, and who is recorded."""
    given = section.announcements.model_dump()
    return ClickToDial(
        agent_ring_s=section.agent_ring_s,
        customer_ring_s=section.customer_ring_s,
        talk_s=section.talk_s,
        warn_s=section.warn_s,
        announcements={outcome: sounds for outcome, sounds in given.items() if sounds},
        confirmation=otherwise.confirmation,
        recording=section.recording.rule() if section.recording else otherwise.recording,
        refuse_when=section.refuse_when,
    )


def campaigns(found: Findings, names: DirectoryBuilding, sections: tuple[CampaignSection, ...]) -> tuple[Campaign, ...]:
    """All campaigns."""
    found.check_unique("campaigns' ids", [(("campaigns", i, "id"), section.id) for i, section in enumerate(sections)])
    return tuple(_campaign(found, names, section, ("campaigns", i)) for i, section in enumerate(sections))


def _campaign(found: Findings, names: DirectoryBuilding, section: CampaignSection, at: At) -> Campaign:
    trunks = section.trunk or ()
    known = [trunk.name for trunk in names.trunk_sections]
    for trunk in trunks:
        if trunk not in known:
            hint = suggestion(trunk, known) or "; add it to trunks"
            found.problem((*at, "trunk"), f'there is no trunk "{trunk}"' + hint)
    if section.first is First.CUSTOMER and section.team is None and section.direction is Direction.OUTBOUND:
        found.warn(at, "calls the customer first and has no team, so each request must name the user who gets him")
    return Campaign(
        id=section.id,
        name=section.name,
        direction=section.direction,
        first=section.first,
        trunks=trunks,
        caller_id=names.number(section.caller_id, (*at, "caller_id")) if section.caller_id else "",
        team=names.team_id(section.team, (*at, "team")) if section.team else "",
        queue=names.queue_of_asterisk(section.queue or ""),
        recording=section.recording.rule() if section.recording else None,
    )
