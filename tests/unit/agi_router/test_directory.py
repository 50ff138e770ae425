"""The directory: destinations become targets, and the dial policy stands in front of every number outside."""

import pytest

from agi_router.directory.directory import Directory
from agi_router.directory.teams import Team
from agi_router.directory.trunks import Trunk
from agi_router.directory.users import EndpointDevice, ExternalDevice, User
from agi_router.routing.caller_id import CallersOwn, OwnNumber
from agi_router.routing.destination import (
    EndpointDestination,
    ExternalDestination,
    HangupCause,
    HangupDestination,
    TeamDestination,
    UserDestination,
)
from agi_router.routing.numbers import NumberFormat
from agi_router.routing.order import IfBusy, Order
from agi_router.routing.policy import DialPolicy
from agi_router.routing.step import EndpointTarget, Refused, Ring, TrunkTarget, TrunkWay

ADA = User(
    id="456",
    email="Ada@Example.com",
    devices=(
        EndpointDevice("ada"),
        ExternalDevice("+5353001234"),
        ExternalDevice("+12025550123", ("b",)),
        EndpointDevice("desk"),
    ),
)
ABROAD = User(id="1", devices=(ExternalDevice("+5353001234"),))
NOBODY = User(id="2")
TWICE = User(id="3", devices=(EndpointDevice("ada"), EndpointDevice("ada")))
A = Trunk(name="a", endpoint="trunk-a", caller_id=OwnNumber("+14155550100"))
B = Trunk(name="b", endpoint="trunk-b", number_format=NumberFormat.NATIONAL, caller_id=CallersOwn(), setup_timeout_s=2)
BY_A = TrunkWay(
    trunk="a",
    endpoint="trunk-a",
    dial="+12025550123",
    caller_id=OwnNumber("+14155550100"),
    trusted=False,
    setup_timeout_s=4,
)
BY_B = TrunkWay(
    trunk="b", endpoint="trunk-b", dial="2025550123", caller_id=CallersOwn(), trusted=False, setup_timeout_s=2
)
POLICY = DialPolicy(frozenset({"US"}), "US")
SALES = Team(id="7", members=("3", "1", "456"), order=Order.ROUND_ROBIN, ring_each_s=8)
UNREACHABLE = Team(id="8", members=("2", "1"))
DIRECTORY = Directory(
    [ADA, ABROAD, NOBODY, TWICE],
    [A, B],
    POLICY,
    teams=[SALES, UNREACHABLE, Team(id="9")],
)
WITH_AN_AT = Directory([], [A, Trunk(name="c", endpoint="out@carrier.example")], POLICY)
DESTINATION = ExternalDestination("+12025550123")


def test_users_are_found_by_id_and_by_e_mail_in_any_case() -> None:
    assert [DIRECTORY.user_id(name) for name in ("456", "ada@example.COM", "457", "")] == ["456", "456", None, None]


def test_the_endpoints_of_users_are_known() -> None:
    assert DIRECTORY.has_endpoint("desk")
    assert not DIRECTORY.has_endpoint("trunk-a")


def test_a_refused_device_leaves_the_others_ringing() -> None:
    step = DIRECTORY.step(UserDestination("456"), 20)
    assert step.refused is None
    assert step.targets == (
        EndpointTarget("ada"),
        TrunkTarget(number="+12025550123", via=(BY_B,)),
        EndpointTarget("desk"),
    )


def test_a_device_that_has_to_confirm_is_a_target_that_has_to() -> None:
    devices = (EndpointDevice("ada", confirm=True), ExternalDevice("+12025550123", confirm=True), EndpointDevice("b"))
    targets = Directory([User(id="1", devices=devices)], [A], POLICY).step(UserDestination("1"), 20).targets
    assert [target.confirm for target in targets] == [True, True, False]
    external = ExternalDestination("+12025550123", confirm=True)
    assert [target.confirm for target in DIRECTORY.step(external, 20).targets] == [True]


def test_a_target_tells_whose_device_it_is() -> None:
    by_user = DIRECTORY.step(UserDestination("456"), 20).targets
    by_itself = DIRECTORY.step(EndpointDestination("ada"), 20).targets
    assert [target.user for target in (*by_user, *by_itself)] == ["456", "456", "456", ""]
    assert by_user[0] == by_itself[0]  # the same phone


def test_a_user_all_of_whose_devices_are_refused_is_refused_with_the_reason() -> None:
    step = DIRECTORY.step(UserDestination("1"), 20)
    assert step.targets == ()
    assert step.refused is not None
    assert step.refused.code == "policy_region"
    assert "CU" in step.refused.message


def test_a_user_without_devices_and_an_unknown_one_are_refused() -> None:
    refusals = [DIRECTORY.step(UserDestination(user), 20).refused for user in ("2", "99")]
    assert [refusal and refusal.code for refusal in refusals] == ["user_no_devices", "user_unknown"]


def test_a_device_given_twice_rings_once() -> None:
    assert DIRECTORY.step(UserDestination("3"), 20).targets == (EndpointTarget("ada"),)


@pytest.mark.parametrize(
    ("named", "ways"),
    [
        ((), (BY_A, BY_B)),
        (("b",), (BY_B,)),
        (("b", "a"), (BY_B, BY_A)),
        (("gone", "a"), (BY_A,)),
    ],
)
def test_a_number_outside_goes_by_the_trunks_that_are_named_in_their_order_or_by_all(
    named: tuple[str, ...], ways: tuple[TrunkWay, ...]
) -> None:
    step = DIRECTORY.step(ExternalDestination("+12025550123", named), 20)
    assert step.targets == (TrunkTarget(number="+12025550123", via=ways),)


def test_a_number_of_a_forbidden_region_is_refused() -> None:
    refused = DIRECTORY.step(ExternalDestination("+442079460958"), 20).refused
    assert refused is not None
    assert refused.code == "policy_region"


def test_without_a_trunk_or_with_an_unknown_one_a_number_is_refused() -> None:
    without = Directory([], [], DialPolicy(frozenset({"US"}), "US"))
    steps = [without.step(DESTINATION, 20), DIRECTORY.step(ExternalDestination("+12025550123", ("c",)), 20)]
    assert [step.refused and step.refused.code for step in steps] == ["trunk_unknown", "trunk_unknown"]


def test_the_policy_speaks_before_the_missing_trunk() -> None:
    refused = Directory([], [], DialPolicy(frozenset(), "US")).step(ExternalDestination("+12025550123"), 20).refused
    assert refused is not None
    assert refused.code == "policy_region"


def test_a_trunk_is_no_phone_and_no_way_around_the_policy() -> None:
    for endpoint in ("trunk-a", "5353001234@trunk-a", "x@y@trunk-b"):
        refused = DIRECTORY.step(EndpointDestination(endpoint), 20).refused
        assert refused is not None
        assert refused.code == "endpoint_is_trunk"


@pytest.mark.parametrize(
    "endpoint",
    [
        "TRUNK-A",
        "5353001234@Trunk-A",
        "out@carrier.example",
        "5353001234@out@carrier.example",
        "1@2@OUT@carrier.example",
    ],
)
def test_no_way_of_writing_a_trunk_makes_it_a_phone(endpoint: str) -> None:
    """Asterisk splits at the first @, unless the whole is an endpoint; a realtime table may not tell A from a."""
    refused = WITH_AN_AT.step(EndpointDestination(endpoint), 20).refused
    assert refused is not None
    assert refused.code == "endpoint_is_trunk"


@pytest.mark.parametrize("endpoint", ["carrier.example", "ada@carrier.example", "trunk-a@home", "my-trunk-a"])
def test_a_name_that_only_looks_like_a_trunk_is_a_phone(endpoint: str) -> None:
    assert WITH_AN_AT.step(EndpointDestination(endpoint), 20).targets == (EndpointTarget(endpoint),)


def test_an_endpoint_is_itself_and_a_hangup_rings_nobody() -> None:
    assert DIRECTORY.step(EndpointDestination("x"), 20).targets == (EndpointTarget("x"),)
    hangup = DIRECTORY.step(HangupDestination(HangupCause.BUSY), 20)
    assert (hangup.targets, hangup.refused) == ((), None)


def test_a_team_rings_its_members_in_its_order_and_tells_who_cannot() -> None:
    action = DIRECTORY.step(TeamDestination("7"), 20).action
    assert isinstance(action, Ring)
    assert [member.user for member in action.members] == ["3", "456"]
    assert (action.order, action.if_busy, action.ring_each_s, action.team) == (Order.ROUND_ROBIN, IfBusy.RING, 8, "7")
    assert [(unable.user, unable.failure.code) for unable in action.unable] == [("1", "policy_region")]


def test_a_route_or_a_step_may_say_another_order_and_what_becomes_of_busy_members() -> None:
    action = DIRECTORY.step(TeamDestination("7"), 20, Order.RANDOM, IfBusy.SKIP).action
    assert isinstance(action, Ring)
    assert (action.order, action.if_busy) == (Order.RANDOM, IfBusy.SKIP)
    alone = DIRECTORY.step(UserDestination("456"), 20, if_busy=IfBusy.WAIT).action
    assert isinstance(alone, Ring)
    assert alone.if_busy is IfBusy.WAIT


def test_a_phone_that_two_members_share_is_one_target() -> None:
    assert [t for t in DIRECTORY.step(TeamDestination("7"), 20).targets if t == EndpointTarget("ada")] == [
        EndpointTarget("ada")
    ]


def test_a_team_of_whom_nobody_can_be_rung_is_refused_with_the_reason() -> None:
    actions = [DIRECTORY.step(TeamDestination(team), 20).action for team in ("8", "9", "10")]
    failures = [action.failure for action in actions if isinstance(action, Refused)]
    assert [failure.code for failure in failures] == ["team_nobody", "team_nobody", "team_unknown"]
    assert "user 2 has no device" in failures[0].message
    assert all(failure.remedy for failure in failures)
