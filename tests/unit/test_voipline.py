"""VoIPline's ids of calls, and its names of users and groups."""

import pytest

from agi_router.decide import RoutingSettings
from agi_router.directory.queues import Queue
from agi_router.directory.teams import Team
from agi_router.directory.users import User
from agi_router.lookup.guard import NetworkGuard
from agi_router.routing.policy import DialPolicy
from ari_app.calls.ids import new_call_id
from ari_app.domain.call_digits import in_digits, of_digits
from ari_app.domain.part_rows import Named
from ari_app.domain.parts import PartKind
from ari_app.live.directory_names import Names


@pytest.mark.parametrize(
    ("call_id", "digits"),
    [
        ("20261121T012233-9f3a2c1b77aa", "20261121012233175072196917162"),
        ("20261121T012233-000000000000", "20261121012233000000000000000"),
        ("20261121T012233-ffffffffffff", "20261121012233281474976710655"),
        ("pbx-1604559619.18", "160455961918"),
        ("pbx-1604559619.0", "16045596190"),
        ("pbx-east-1604559619.18", "pbx-east-1604559619.18"),
    ],
)
def test_an_id_is_digits_and_leads_back(call_id: str, digits: str) -> None:
    assert in_digits(call_id) == digits
    assert of_digits(digits) == call_id


def test_every_new_call_has_digits() -> None:
    call_id = new_call_id()
    assert in_digits(call_id).isdecimal()
    assert of_digits(in_digits(call_id)) == call_id


@pytest.mark.parametrize("given", ["20261121012233999999999999999", "1604559619", "16045596190018", "x", ""])
def test_what_is_no_id_in_digits_stays_as_it_is(given: str) -> None:
    assert of_digits(given) == given


NAMES = Names(
    RoutingSettings(
        routes=(),
        trunks=(),
        policy=DialPolicy(frozenset(), "US"),
        guard=NetworkGuard(),
        users=(
            User(id="456", name="Ada", extension="101"),
            User(id="77", name="Doe, Jane", extension="456"),
            User(id="78", name="Ada"),
        ),
        teams=(Team(id="7", name="Sales"), Team(id="8")),
        queues=(Queue(id="support", name="support-queue"),),
    )
)


@pytest.mark.parametrize(
    ("given", "ids"),
    [
        (["Ada"], ("456", "78")),
        (["ada , 101"], ("456", "78")),
        (["Doe, Jane"], ("77",)),
        (["Doe", "Jane"], ("Doe", "Jane")),
        (["Ada,Doe"], ("456", "78", "Doe")),
        (["456"], ("456", "77")),
        (["", " , "], ()),
    ],
)
def test_words_name_all_who_are_called_so(given: list[str], ids: tuple[str, ...]) -> None:
    assert NAMES.ids(PartKind.USER, given) == ids


def test_who_has_no_name_or_number_has_his_id() -> None:
    assert NAMES.user("78") == Named("Ada", "78")
    assert NAMES.user("PJSIP/gone") == Named("PJSIP/gone", "PJSIP/gone")
    assert NAMES.group(PartKind.TEAM, "8") == "8"
    assert NAMES.group(PartKind.QUEUE, "other") == "other"


def test_a_number_is_an_extension_before_it_is_an_id() -> None:
    assert NAMES.of_extension("456") == "77"
    assert NAMES.of_extension("999") is None
