"""What the doctor says of the link to AMI and of the queues that campaigns name."""

from typing import Any

import pytest

from agi_router.directory.campaigns import Campaign
from ari_app.asterisk.settings import AmiSettings
from ari_app.calls.memberships import Membership, Memberships
from ari_app.calls.ports import RefusedError, TelephonyError, UnreachableError
from ari_app.control.client import NoRouterError
from ari_app.control.settings import ControlError
from ari_app.doctor.ami import judge_campaigns, judge_members, judge_trouble, link_findings

AMI = AmiSettings(host="127.0.0.1", port=5038, username="router", secret="s")
UP = {"ami_connected": True, "ami_trouble": None, "queue_members": 2}


@pytest.fixture
def known() -> Memberships:
    known = Memberships()
    known.replace(["sales"], [Membership(queue="sales", interface="PJSIP/ada")])
    return known


def test_a_link_that_can_be_had_is_told_with_what_it_knows(known: Memberships) -> None:
    finding = judge_members(AMI, known, may_pause=True)
    assert (finding.id, finding.status) == ("ami", "ok")
    assert finding.found.endswith("1 queues, 1 members")
    without = judge_members(AMI, known, may_pause=False)
    assert (without.status, "write = agent" in without.found) == ("ok", True)


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (RefusedError("Asterisk's AMI refuses Login: Authentication failed"), "section [router] of manager.conf"),
        (RefusedError("Asterisk's AMI refuses QueueStatus: Invalid/unknown command"), "app_queue.so"),
        (UnreachableError("Asterisk's AMI at 127.0.0.1:5038: refused"), "bindaddr"),
    ],
)
def test_calls_go_on_without_a_link_and_the_remedy_fits_its_trouble(error: TelephonyError, remedy: str) -> None:
    finding = judge_trouble(AMI, error)
    assert finding.status == "warning"
    assert remedy in finding.remedy


def test_a_campaign_s_queue_that_asterisk_does_not_have_is_told(known: Memberships) -> None:
    campaigns = [Campaign(id="1", queue="sales"), Campaign(id="2", queue="sale"), Campaign(id="3")]
    assert [finding.id for finding in judge_campaigns(campaigns, known)] == ["campaign:2"]


@pytest.mark.parametrize(
    ("settings", "answer", "statuses"),
    [
        (None, {"ami_connected": None}, []),
        (None, {}, []),
        (AMI, NoRouterError("none", ""), []),
        (AMI, UP, []),
        (AMI, {"ami_connected": None}, ["warning"]),
        (None, UP, ["warning"]),
        (AMI, {"ami_connected": False, "ami_trouble": "the connection was lost"}, ["warning"]),
        (AMI, {"ami_connected": True, "ami_trouble": "QueueStatus is refused"}, ["warning"]),
    ],
)
def test_the_router_s_own_link_is_what_the_configuration_says(
    settings: AmiSettings | None, answer: dict[str, Any] | ControlError, statuses: list[str]
) -> None:
    assert [finding.status for finding in link_findings(settings, answer)] == statuses
