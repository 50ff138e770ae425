"""What a phone dials when it transfers a call: the directory first, then the dial policy, then nothing."""

import pytest

from agi_router.decide import Router, RoutingSettings
from agi_router.directory.numbers import InternalNumber, ToRoute
from agi_router.directory.trunks import Trunk
from agi_router.directory.users import EndpointDevice, User
from agi_router.lookup.guard import NetworkGuard
from agi_router.routing.destination import UserDestination
from agi_router.routing.policy import DialPolicy
from agi_router.routing.step import AskRoute, EndpointTarget, TrunkTarget


@pytest.fixture
def router() -> Router:
    users = (
        User(id="456", extension="101", devices=(EndpointDevice("ada"), EndpointDevice("ada-desk"))),
        User(id="77", extension="+12025550177", devices=(EndpointDevice("200"),)),
    )
    trunk = Trunk(name="main", endpoint="trunk")
    policy = DialPolicy(regions=frozenset({"US"}), region="US")
    numbers = (InternalNumber("600", UserDestination("77")), InternalNumber("+12025550100", ToRoute("sales")))
    return Router(
        RoutingSettings(routes=(), users=users, numbers=numbers, trunks=(trunk,), policy=policy, guard=NetworkGuard())
    )


@pytest.mark.parametrize(
    ("dialled", "endpoints"),
    [
        ("101", ["ada", "ada-desk"]),
        ("ada-desk", ["ada-desk"]),
        ("200", ["200"]),
        ("+12025550177", ["200"]),
        ("600", ["200"]),
    ],
    ids=["extension", "endpoint", "endpoint of digits", "extension that looks like a number", "internal number"],
)
def test_what_the_directory_knows_is_rung(router: Router, dialled: str, endpoints: list[str]) -> None:
    assert router.transfer_target(dialled).targets == tuple(EndpointTarget(endpoint) for endpoint in endpoints)


def test_a_number_of_a_route_is_asked_of_that_route(router: Router) -> None:
    assert router.transfer_target("2025550100").action == AskRoute("sales")


def test_another_number_leaves_by_the_trunk(router: Router) -> None:
    (target,) = router.transfer_target("(202) 555-0123").targets
    assert isinstance(target, TrunkTarget)
    assert (target.number, target.via[0].trunk) == ("+12025550123", "main")


@pytest.mark.parametrize(
    ("dialled", "code"),
    [
        ("+442079460000", "policy_region"),
        ("+19005550123", "policy_number_type"),
        ("911", "policy_emergency"),
        ("trunk", "dialled_unknown"),
        ("+12025550123@trunk", "dialled_unknown"),
        ("105", "dialled_unknown"),
        ("", "dialled_unknown"),
    ],
)
def test_what_nobody_may_dial_is_refused_with_the_reason(router: Router, dialled: str, code: str) -> None:
    step = router.transfer_target(dialled)
    assert step.targets == ()
    assert step.refused is not None
    assert step.refused.code == code
    assert step.refused.remedy


def test_only_devices_of_users_are_phones(router: Router) -> None:
    assert [router.is_phone(name) for name in ("ada", "trunk", "")] == [True, False, False]
