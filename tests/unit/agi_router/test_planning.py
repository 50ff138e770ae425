"""A request to place a call becomes whom it rings, or the reason why it can't be understood."""

import pytest

from agi_router.decide.planning import Planner
from agi_router.directory.campaigns import Campaign, Direction
from agi_router.directory.directory import Directory
from agi_router.directory.numbers import InternalNumber, ToRoute
from agi_router.directory.teams import Team
from agi_router.directory.trunks import Trunk
from agi_router.directory.users import EndpointDevice, ExternalDevice, User
from agi_router.routing.caller_id import CalledNumber, CallersOwn, OwnNumber
from agi_router.routing.click_to_dial import (
    DEFAULT_REFUSE_WHEN,
    CallRequest,
    ClickToDial,
    First,
    PlannedCall,
    Unready,
)
from agi_router.routing.destination import UserDestination
from agi_router.routing.errors import RoutingError
from agi_router.routing.numbers import NumberFormat
from agi_router.routing.policy import DialPolicy
from agi_router.routing.step import EndpointTarget, Ring, TrunkTarget

OURS, CAMPAIGNS_OWN, CUSTOMER = "+14155550100", "+14155550101", "+12025550123"
ADA = User(
    id="456",
    name="Ada",
    email="Ada@example.com",
    extension="101",
    devices=(EndpointDevice("ada", auto_answer=True), EndpointDevice("desk")),
)
BOB = User(id="77", name="Bob", devices=(EndpointDevice("bob"),))
POLICY = DialPolicy(frozenset({"US"}), "US")
TRUNKS = [
    Trunk(name="a", endpoint="trunk-a", caller_id=CalledNumber({OURS: OURS}, "US")),
    Trunk(name="b", endpoint="trunk-b", number_format=NumberFormat.NATIONAL, caller_id=OwnNumber("4155550101")),
    Trunk(name="pbx", endpoint="pbx", caller_id=CallersOwn(), trusted=True),
]
DIRECTORY = Directory(
    [ADA, BOB], TRUNKS, POLICY, [InternalNumber(OURS, ToRoute("sales"))], [Team(id="7", members=("456", "77"))]
)
SETTINGS = ClickToDial(agent_ring_s=20, customer_ring_s=40, talk_s=600, warn_s=30)
PLANNER = Planner(
    DIRECTORY,
    POLICY,
    SETTINGS,
    [
        Campaign(id="12", trunks=("b",), caller_id=CAMPAIGNS_OWN),
        Campaign(id="13", direction=Direction.INBOUND),
        Campaign(id="14", first=First.CUSTOMER, team="7", queue="sales-queue"),
    ],
)


def plan(user: str = "456", number: str = CUSTOMER, **more: object) -> PlannedCall:
    return PLANNER.plan(CallRequest(user=user, number=number, **more))  # type: ignore[arg-type]


def ways(planned: PlannedCall) -> list[tuple[str, str, object]]:
    ((target,),) = (member.targets for member in _ring(planned).members)
    assert isinstance(target, TrunkTarget)
    return [(way.trunk, way.dial, way.caller_id) for way in target.via]


def _ring(planned: PlannedCall) -> Ring:
    assert isinstance(planned.customer.action, Ring)
    return planned.customer.action


def refusal(**request: object) -> str:
    with pytest.raises(RoutingError) as refused:
        plan(**request)  # type: ignore[arg-type]
    assert refused.value.failure.remedy
    return refused.value.failure.code


@pytest.mark.parametrize("named", ["456", "ada@EXAMPLE.com", "101"])
def test_an_agent_is_named_by_id_address_or_extension(named: str) -> None:
    planned = plan(named)
    assert (planned.user, planned.user_name, planned.extension, planned.first) == ("456", "Ada", "101", First.AGENT)
    assert planned.agent.targets == (EndpointTarget("ada"), EndpointTarget("desk"))
    ada, desk = planned.agent.targets
    assert isinstance(ada, EndpointTarget)
    assert isinstance(desk, EndpointTarget)
    assert (ada.auto_answer, desk.auto_answer) == (True, False)
    assert (planned.agent.timeout_s, planned.customer.timeout_s) == (20, 40)
    assert (planned.treatment.talk_s, planned.treatment.warn_s) == (600, 30)


def test_the_customer_sees_a_number_of_ours_that_was_not_called() -> None:
    assert ways(plan(number="(202) 555-0123")) == [
        ("a", CUSTOMER, OwnNumber(OURS)),
        ("b", "2025550123", OwnNumber("4155550101")),
        ("pbx", CUSTOMER, CallersOwn()),
    ]


def test_a_campaign_has_its_trunk_and_its_number() -> None:
    assert ways(plan(campaign="12")) == [("b", "2025550123", OwnNumber("4155550101"))]


def test_a_request_may_show_a_number_that_is_ours() -> None:
    assert ways(plan(campaign="12", caller_id="415 555 0100")) == [("b", "2025550123", OwnNumber("4155550100"))]
    assert plan(caller_id=CAMPAIGNS_OWN).caller_id == CAMPAIGNS_OWN  # that of a trunk


def test_a_request_overrides_what_is_configured() -> None:
    planned = plan(agent_ring_s=7, customer_ring_s=8, talk_s=20, first=First.CUSTOMER)
    assert (planned.agent.timeout_s, planned.customer.timeout_s, planned.first) == (7, 8, First.CUSTOMER)
    assert (planned.treatment.talk_s, planned.treatment.warn_s) == (20, 0)


@pytest.mark.parametrize(("wanted", "given"), [(None, 600), (20, 20), (86_400, 600), (0, 600)])
def test_a_request_may_shorten_the_talk_and_not_make_it_longer(wanted: float | None, given: float) -> None:
    assert plan(talk_s=wanted).treatment.talk_s == given


def test_a_campaign_with_the_customer_first_needs_no_user() -> None:
    planned = plan("", campaign="14")
    assert (planned.first, planned.user, planned.agent.destination.value) == (First.CUSTOMER, "", "7")


def test_a_colleague_is_called_by_his_extension() -> None:
    assert plan("77", "101").customer.targets == (EndpointTarget("ada"), EndpointTarget("desk"))


def test_a_number_that_must_not_be_dialled_is_a_refused_step() -> None:
    abroad, emergency = plan(number="+5353001234"), plan(number="911")
    assert abroad.customer.refused is not None
    assert abroad.customer.refused.code == "policy_region"
    assert emergency.customer.refused is not None
    assert emergency.customer.refused.code == "policy_emergency"


def test_parameters_become_variables_under_a_prefix() -> None:
    planned = plan(parameters={"lead": "7\r\nX: y"})
    assert planned.parameters == {"AGI_ROUTER_PARAM_lead": "7 X: y"}


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"user": "999"}, "user_unknown"),
        ({"user": ""}, "user_missing"),
        ({"number": "hello world"}, "dialled_unknown"),
        ({"number": "101"}, "number_of_agent"),
        ({"number": "desk"}, "number_of_agent"),
        ({"number": OURS, "first": First.CUSTOMER}, "customer_first_nobody"),
        ({"campaign": "99"}, "campaign_unknown"),
        ({"campaign": "13"}, "campaign_inbound"),
        ({"caller_id": "+14155559999"}, "caller_id_not_ours"),
        ({"parameters": {"SHELL(id)": "1"}}, "parameter_name"),
        ({"parameters": {f"p{n}": "" for n in range(65)}}, "parameters_too_many"),
    ],
)
def test_what_there_is_not_is_told(request_: dict[str, object], code: str) -> None:
    assert refusal(**request_) == code


def test_a_colleague_is_shown_by_the_extension_that_was_asked_for_and_his_name() -> None:
    planned = plan("77", "101")
    assert (planned.number, planned.name) == ("101", "Ada")
    assert plan("77", "101", name="The boss").name == "The boss"


def test_the_mobile_of_an_agent_is_shown_a_number_of_ours_as_customers_are() -> None:
    mobile = User(id="88", name="Cy", devices=(ExternalDevice("+14155550166", ("a",)),))
    planner = Planner(Directory([mobile], TRUNKS, POLICY), POLICY, SETTINGS, [])
    (target,) = planner.plan(CallRequest(user="88", number=CUSTOMER)).agent.targets
    assert isinstance(target, TrunkTarget)
    assert [way.caller_id for way in target.via] == [OwnNumber(OURS)]


@pytest.mark.parametrize("number", ["+14155550166", "(415) 555-0166", "600"])
def test_nobody_is_called_at_his_own_mobile_whatever_number_leads_there(number: str) -> None:
    mobile = User(id="88", name="Cy", devices=(ExternalDevice("+14155550166", ("a",)),))
    directory = Directory([mobile], TRUNKS, POLICY, [InternalNumber("600", UserDestination("88"))])
    planner = Planner(directory, POLICY, SETTINGS, [])
    with pytest.raises(RoutingError) as refused:
        planner.plan(CallRequest(user="88", number=number))
    assert refused.value.failure.code == "number_of_agent"


def test_a_colleague_may_share_a_phone_with_the_agent() -> None:
    shared = (EndpointDevice("desk"),)
    users = [User(id="88", name="Cy", devices=shared), User(id="89", name="Di", extension="109", devices=shared)]
    planner = Planner(Directory(users, TRUNKS, POLICY), POLICY, SETTINGS, [])
    assert planner.plan(CallRequest(user="88", number="109")).customer.targets == (EndpointTarget("desk"),)


def test_a_number_that_is_refused_stands_on_record_as_one_line() -> None:
    refused = plan(number="9\r\n11")
    assert (refused.number, refused.customer.destination.value) == ("9 11", "9 11")


def test_whoever_is_rung_first_comes_first() -> None:
    agent_first, customer_first = plan(), plan(first=First.CUSTOMER)
    assert agent_first.steps == (agent_first.agent, agent_first.customer)
    assert customer_first.steps == (customer_first.customer, customer_first.agent)


def test_either_side_that_must_not_be_rung_refuses_the_call() -> None:
    assert plan().refusal is None
    abroad = plan(number="+5353001234").refusal
    assert abroad is not None
    assert (abroad.step.destination.value, abroad.why.code) == ("+5353001234", "policy_region")
    nobody = Planner(Directory([User(id="9")], TRUNKS, POLICY), POLICY, SETTINGS, [])
    unable = nobody.plan(CallRequest(user="9", number=CUSTOMER)).refusal
    assert unable is not None
    assert (unable.step.destination.value, unable.why.code) == ("9", "user_no_devices")


def test_the_agent_has_to_be_ready_as_the_campaign_and_the_configuration_say() -> None:
    assert (plan().queue, plan().refuse_when) == ("", DEFAULT_REFUSE_WHEN)
    assert plan(campaign="14").queue == "sales-queue"
    lenient = Planner(DIRECTORY, POLICY, ClickToDial(refuse_when=frozenset({Unready.DND})), [])
    assert lenient.plan(CallRequest(user="456", number=CUSTOMER)).refuse_when == {Unready.DND}
