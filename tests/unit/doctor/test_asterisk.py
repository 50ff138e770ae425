"""What the doctor says of Asterisk and of the machine it runs on."""

import pytest

from ari_app.asterisk.inspection import Greeting, Trouble, UnreachedError
from ari_app.calls.ports import RefusedError
from ari_app.doctor.asterisk import (
    judge_clock,
    judge_greeting,
    judge_recordings,
    judge_rights,
    judge_trouble,
    judge_version,
)
from ari_app.doctor.host import HostName, judge_host_name
from ari_app.doctor.transfers import judge_transfers
from tests.unit.doctor.topic import ARI


@pytest.mark.parametrize(
    ("version", "status"),
    [
        ("22.10.1", "ok"),
        ("22.10.1+dfsg+~cs6.17.60671434-1", "ok"),
        ("22.11.0", "ok"),
        ("20.20.1", "ok"),
        ("22.10.0", "warning"),
        ("22.9.4", "warning"),
        ("22.10.1-rc1", "warning"),
        ("20.20.0", "warning"),
        ("18.26.4", "warning"),
        ("21.12.2", "warning"),
        ("23.0.0", "warning"),
        ("certified/20.7-cert9", "warning"),
        ("GIT-master-1a2b3c", "warning"),
    ],
)
def test_a_version_below_its_branchs_floor_or_of_another_branch_is_a_warning(version: str, status: str) -> None:
    assert judge_version(version).status == status


def test_the_version_to_update_to_is_that_of_the_same_branch() -> None:
    assert "20.20.1" in judge_version("20.15.0").remedy
    assert "22.10.1" in judge_version("22.1.0").remedy


@pytest.mark.parametrize(
    ("version", "status", "found"),
    [
        ("22.2.0", "warning", "itself"),
        ("20.12.0", "warning", "itself"),
        ("22.3.0", "warning", "Refer-Sub"),
        ("22.10.1+dfsg", "warning", "Refer-Sub"),
        ("20.20.1", "warning", "Refer-Sub"),
        ("22.11.0", "ok", "the router"),
        ("20.21.0", "ok", "the router"),
        ("18.26.4", "skipped", "not known"),
        ("GIT-master-1a2b3c", "skipped", "not known"),
    ],
)
def test_an_asterisk_that_cannot_leave_transfers_to_the_router_or_crashes_by_them_is_a_warning(
    version: str, status: str, found: str
) -> None:
    finding = judge_transfers(version, by_router=True)
    assert finding.status == status
    assert found in finding.found
    assert judge_transfers(version, by_router=False).status == "ok"


@pytest.mark.parametrize("trouble", Trouble)
def test_each_way_not_to_reach_ari_has_words_and_a_remedy_of_its_own(trouble: Trouble) -> None:
    finding = judge_trouble(ARI, UnreachedError(trouble, "seen"))
    others = [judge_trouble(ARI, UnreachedError(other, "seen")) for other in Trouble if other is not trouble]
    assert finding.status == "error"
    assert finding.found not in [other.found for other in others]
    assert finding.remedy not in [other.remedy for other in others]


def test_a_slow_ari_is_a_warning() -> None:
    assert judge_greeting(ARI, Greeting(12, None)).status == "ok"
    assert judge_greeting(ARI, Greeting(700, None)).status == "warning"


def test_a_user_that_may_only_read_is_told_from_other_refusals() -> None:
    assert judge_rights(ARI, None).status == "ok"
    read_only = judge_rights(ARI, RefusedError("POST /ari/channels/create: 403 Write access denied"))
    other = judge_rights(ARI, TimeoutError())
    assert (read_only.status, other.status) == ("error", "error")
    assert "read_only = no" in read_only.remedy
    assert "read_only" not in other.remedy
    assert "no answer in time" in other.found


@pytest.mark.parametrize(("ahead_s", "status"), [(0.3, "ok"), (-1.9, "ok"), (3.0, "warning"), (-7200.0, "warning")])
def test_clocks_may_differ_by_two_seconds(ahead_s: float, status: str) -> None:
    assert judge_clock(ahead_s).status == status


def test_the_direction_of_the_clock_is_told() -> None:
    assert "30 s before" in judge_clock(30).found
    assert "30 s behind" in judge_clock(-30).found


def test_a_missing_folder_of_recordings_is_an_error() -> None:
    assert judge_recordings(fail=False).status == "ok"
    assert "/var/spool/asterisk/recording" in judge_recordings(fail=True).remedy


@pytest.mark.parametrize(
    ("host", "status"),
    [
        (HostName("pbx", is_in_hosts_file=True, resolved_ms=0.1), "ok"),
        (HostName("pbx", is_in_hosts_file=False, resolved_ms=2), "warning"),
        (HostName("pbx", is_in_hosts_file=False, resolved_ms=None), "warning"),
    ],
)
def test_a_host_name_outside_the_hosts_file_is_a_warning_even_when_it_resolves(host: HostName, status: str) -> None:
    assert judge_host_name(host).status == status
