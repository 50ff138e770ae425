"""Internal numbers: our DIDs and the extensions of users, in whatever form they are called."""

import pytest

from agi_router.directory.directory import Directory
from agi_router.directory.numbers import InternalNumber, ToRoute
from agi_router.directory.trunks import Trunk
from agi_router.directory.users import EndpointDevice, User
from agi_router.routing.destination import (
    DestinationType,
    ExternalDestination,
    HangupCause,
    HangupDestination,
    NumberDestination,
    UserDestination,
)
from agi_router.routing.errors import RoutingError
from agi_router.routing.meaning import destination
from agi_router.routing.policy import DialPolicy
from agi_router.routing.step import AskRoute, EndpointTarget, HangUp
from agi_router.routing.understood import Understood

DID = "+14155550100"
POLICY = DialPolicy(frozenset({"US"}), "US")
DIRECTORY = Directory(
    [User(id="456", extension="101", devices=(EndpointDevice("ada"),))],
    [Trunk(name="main", endpoint="trunk")],
    POLICY,
    [
        InternalNumber(DID, ToRoute("sales")),
        InternalNumber("200", UserDestination("456")),
        InternalNumber("911", HangupDestination(HangupCause.REJECTED)),
    ],
)


def meant(value: str, type_: DestinationType = DestinationType.NUMBER) -> object:
    return destination(Understood(value=value, type=type_), DIRECTORY, POLICY)


@pytest.mark.parametrize("called", [DID, "14155550100", "(415) 555-0100", "tel:+1-415-555-0100"])
def test_a_number_of_ours_is_known_in_every_form(called: str) -> None:
    assert meant(called) == meant(called, DestinationType.AUTO) == NumberDestination(DID)
    assert DIRECTORY.step(NumberDestination(DID), 20).action == AskRoute("sales")


@pytest.mark.parametrize("extension", ["101", "200"])
def test_an_extension_rings_whom_it_leads_to(extension: str) -> None:
    step = DIRECTORY.step(NumberDestination(extension), 20)
    assert (step.targets, step.destination.value) == ((EndpointTarget("ada"),), extension)
    assert meant(extension, DestinationType.AUTO) == NumberDestination(extension)


def test_a_called_number_knows_its_route() -> None:
    assert [DIRECTORY.route_of(called) for called in (DID, "14155550100", "200", "", "s")] == [
        "sales",
        "sales",
        "",
        "",
        "",
    ]


def test_what_an_operator_makes_an_internal_number_is_one() -> None:
    assert DIRECTORY.step(NumberDestination("911"), 20).action == HangUp(HangupCause.REJECTED)


def test_a_number_outside_is_none_of_ours() -> None:
    assert meant("+12025550123", DestinationType.AUTO) == ExternalDestination("+12025550123")
    with pytest.raises(RoutingError) as raised:
        meant("+12025550123")
    assert raised.value.failure.code == "number_unknown"


def test_a_number_that_is_gone_is_refused() -> None:
    refused = DIRECTORY.step(NumberDestination("999"), 20).refused
    assert refused is not None
    assert refused.code == "number_unknown"
