"""What the doctor says of the limits of the dial policy."""

from ari_app.control.client import NoRouterError
from ari_app.doctor.policy import policy_findings


def test_a_limit_that_is_reached_is_warned_of() -> None:
    reached = "policy.limits.concurrent for all calls: 30 of 30 calls at a time"
    [finding] = policy_findings({"limits_reached": [reached]})
    assert finding.status == "warning"
    assert reached in finding.found
    assert "agi-router policy" in finding.remedy


def test_room_is_fine_also_of_a_router_that_does_not_tell() -> None:
    assert [finding.status for finding in policy_findings({"limits_reached": []})] == ["ok"]
    assert [finding.status for finding in policy_findings({})] == ["ok"]


def test_without_a_router_there_is_nothing_to_tell() -> None:
    assert policy_findings(NoRouterError("no router runs", "start it")) == []
