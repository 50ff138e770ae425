"""A place in the dialplan: read without a way to say more than a place, and allowed to answers by context only."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agi_router.directory.directory import Directory
from agi_router.routing.destination import DestinationType, DialplanDestination
from agi_router.routing.dialplan_place import DialplanPlace
from agi_router.routing.errors import RoutingError
from agi_router.routing.meaning import destination
from agi_router.routing.policy import DialPolicy
from agi_router.routing.step import GoTo
from agi_router.routing.understood import Understood

POLICY = DialPolicy(frozenset(), "US", dialplan_contexts=frozenset({"ivr"}))
DIRECTORY = Directory([], [], POLICY)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("ivr", DialplanPlace("ivr", "s", 1)),
        ("ivr,101", DialplanPlace("ivr", "101", 1)),
        ("ivr,,3", DialplanPlace("ivr", "s", 3)),
        (" ivr , *98 , 2 ", DialplanPlace("ivr", "*98", 2)),
        ("from-internal,+14155550100,1", DialplanPlace("from-internal", "+14155550100", 1)),
    ],
)
def test_a_place_is_read_with_s_and_1_where_it_says_no_more(text: str, place: DialplanPlace) -> None:
    assert DialplanPlace.parse(text) == place
    assert DialplanPlace.parse(str(place)) == place


@pytest.mark.parametrize(
    "text",
    ["", ",s,1", "ivr,s,0", "ivr,s,-1", "ivr,s,start", "ivr,s,1,2", "ivr,_X.,1", "ivr)", "ivr,${EXTEN}", "a b"],
)
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(RoutingError) as raised:
        DialplanPlace.parse(text)
    assert raised.value.failure.code == "value_not_dialplan"


@given(st.text(max_size=30) | st.from_regex(r"[a-z]+,[a-z0-9(){}$,;\n]*", fullmatch=True))
def test_no_text_brings_more_than_a_place_into_a_dialplan_function(text: str) -> None:
    try:
        place = DialplanPlace.parse(text)
    except RoutingError:
        return
    assert re.fullmatch(r"[A-Za-z0-9_.-]+,[A-Za-z0-9*#+_.-]+,[0-9]+", str(place))


def test_an_answer_names_only_contexts_that_the_policy_allows() -> None:
    allowed = Understood(value="ivr,101", type=DestinationType.DIALPLAN)
    assert destination(allowed, DIRECTORY, POLICY) == DialplanDestination(DialplanPlace("ivr", "101"))
    with pytest.raises(RoutingError) as raised:
        destination(Understood(value="outbound,101", type=DestinationType.DIALPLAN), DIRECTORY, POLICY)
    assert raised.value.failure.code == "policy_dialplan"
    with pytest.raises(RoutingError):
        destination(allowed, DIRECTORY, DialPolicy(frozenset(), "US"))


def test_the_table_of_a_route_may_name_any_context() -> None:
    by_table = Understood(value="night,s,1", type=DestinationType.DIALPLAN, said="closed")
    where = destination(by_table, DIRECTORY, replace(POLICY, table_contexts=frozenset({"night"})))
    step = DIRECTORY.step(where, 20)
    assert step.action == GoTo(DialplanPlace("night"))
    assert (step.targets, step.refused, step.destination.value) == ((), None, "night,s,1")
    with pytest.raises(RoutingError):  # what was remembered of a table that does not name it any more
        destination(by_table, DIRECTORY, POLICY)
