"""Whether the limits of the dial policy leave room, as the running router counts."""

from collections.abc import Mapping
from typing import Any

from ari_app.control.settings import ControlError
from ari_app.doctor.finding import Finding, Group, Topic

POLICY = Topic("policy", Group.ROUTER)


def policy_findings(answer: Mapping[str, Any] | ControlError) -> list[Finding]:
    """Limits that are reached; without a router nobody is dialled, and there is nothing to tell."""
    return [] if isinstance(answer, ControlError) else [_judge(answer)]


def _judge(answer: Mapping[str, Any]) -> Finding:
    reached = answer.get("limits_reached", ())  # a router of before this version has none
    if not reached:
        return POLICY.ok("no limit of the dial policy is reached")
    return POLICY.warning(
        f"a limit of the dial policy is reached, and no number outside is dialled past it: {'; '.join(reached)}",
        "see agi-router policy and the newest calls: if you know these calls, raise the limit; "
        "if you don't, somebody else is paid for them",
    )
