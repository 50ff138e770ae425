"""The AGI door, as the router that holds it sees it."""

from typing import Final

from agi_router.fastagi.settings import AgiSettings
from ari_app.control.settings import ControlError
from ari_app.doctor.finding import Finding, Group, Topic
from ari_app.doctor.router import Status

AGI_DOOR: Final = Topic("agi-door", Group.ROUTER)

FULL: Final = 0.8


def agi_findings(settings: AgiSettings | None, answer: Status | ControlError) -> list[Finding]:
    """None when the configuration has no such door, and the router has none open."""
    if isinstance(answer, ControlError):
        return [AGI_DOOR.skipped("no router tells of its AGI door", "first mend router")] if settings else []
    door = answer.get("agi")
    if door is None:
        if settings is None:
            return []
        found = "the configuration opens the AGI door, and the running router does not"
        return [AGI_DOOR.error(found, "restart the router; until then AGI() fails, and callers take your fallback")]
    if settings is None:
        found = f"the router listens on {door['listening']}, and the configuration has no agi any more"
        return [AGI_DOOR.warning(found, "restart the router, or put agi back")]
    return [_judge(settings, door)]


def _judge(settings: AgiSettings, door: Status) -> Finding:
    found = (
        f"the AGI door listens on {door['listening']}: {door['connections']} connections, "
        f"{door['served']} requests answered"
    )
    if door["broken"]:
        return AGI_DOOR.error(
            f"{found}, {door['broken']} not answered because the router failed",
            "the reasons are in its log; please report them",
        )
    if door["connections"] >= FULL * settings.max_connections:
        return AGI_DOOR.warning(
            f"{found}: all but full, {settings.max_connections} can ask at a time",
            "is an API slow, or who connects? Or raise agi.max_connections",
        )
    if door["refused"]:
        return AGI_DOOR.warning(
            f"{found}, {door['refused']} connections cut off, the last one from {door['last_refusal']}",
            "when that address is Asterisk's, see agi.allowed_networks and agi.max_connections; "
            "else find out who scans your ports",
        )
    return AGI_DOOR.ok(found)
