"""What answers say beyond one value of one type: tables, types of their own, CRMs' ids, and JSON-RPC."""

import json
from typing import Any

import pytest

from agi_router.directory.directory import Directory
from agi_router.directory.users import User
from agi_router.routing.destination import DestinationType, UserDestination
from agi_router.routing.errors import Failure, RoutingError
from agi_router.routing.meaning import destination
from agi_router.routing.path import JsonPath
from agi_router.routing.policy import DialPolicy
from agi_router.routing.response import understand
from agi_router.routing.route import OWN_WORDS, AnswerFormat, Response
from agi_router.routing.understood import Understood

TO = (JsonPath.parse("to"),)
VIP = Understood(value="456", type=DestinationType.USER)
NOBODY = Understood(value="reception", type=DestinationType.ENDPOINT)
TABLE = {"vip": VIP, "": NOBODY, "7": VIP, "true": VIP}
RPC = Response(format=AnswerFormat.JSON_RPC, type=DestinationType.AUTO, paths=TO)
POLICY = DialPolicy(frozenset({"US"}), "US")
PEOPLE = Directory(
    [User(id="12", email="ada@example.com", crm_ids={"hubspot": "77"}), User(id="77", crm_ids={"zendesk": "12"})],
    [],
    POLICY,
)


def table(type_: DestinationType | None = None, format_: AnswerFormat = AnswerFormat.JSON) -> Response:
    paths = () if format_ is AnswerFormat.TEXT else TO
    return Response(format=format_, type=type_, paths=paths, values=TABLE)


def says(response: Response, answer: Any) -> Understood:
    return understand(response, json.dumps(answer).encode())


def refused(response: Response, answer: Any) -> Failure:
    with pytest.raises(RoutingError) as raised:
        says(response, answer)
    assert raised.value.failure.remedy
    assert raised.value.failure.message.isprintable()
    return raised.value.failure


@pytest.mark.parametrize(
    ("said", "answered"),
    [("vip", "vip"), ("VIP", "VIP"), (" Vip\t", "Vip"), (7, "7"), (7.0, "7"), ("7", "7"), (True, "true")],
)
def test_a_table_says_what_an_answer_means_whatever_its_case_and_kind(said: object, answered: str) -> None:
    understood = says(table(), {"to": said})
    assert (understood.value, understood.type, understood.answered) == ("456", DestinationType.USER, answered)


@pytest.mark.parametrize("answer", [{}, {"to": None}, {"to": ""}, {"to": " "}, [], None])
def test_no_value_has_its_own_place_in_the_table(answer: object) -> None:
    understood = says(table(), answer)
    assert (understood.value, understood.type, understood.answered) == ("reception", DestinationType.ENDPOINT, "")


def test_an_empty_answer_is_no_value() -> None:
    assert understand(table(), b"").value == "reception"
    assert understand(table(format_=AnswerFormat.TEXT), b" \r\n").value == "reception"


@pytest.mark.parametrize("answer", [{"to": []}, {"to": {}}, {"to": 1.5}])
def test_a_value_that_is_no_text_is_not_taken_for_none(answer: object) -> None:
    assert refused(table(), answer).code == "value_not_scalar"


def test_a_value_that_the_table_does_not_know_falls_through_to_the_type() -> None:
    assert says(table(DestinationType.EXTERNAL), {"to": "+12025550123"}) == Understood(
        value="+12025550123", type=DestinationType.EXTERNAL
    )


def test_a_value_that_the_table_does_not_know_is_an_error_without_a_type() -> None:
    failure = refused(table(), {"to": "gold"})
    assert failure.code == "value_not_in_table"
    assert '"gold"' in failure.message
    assert '"vip"' in failure.message


def test_true_names_nobody_without_a_table() -> None:
    response = Response(format=AnswerFormat.JSON, type=DestinationType.USER, paths=TO)
    assert refused(response, {"to": True}).code == "value_not_scalar"


def by_its_word() -> Response:
    return Response(
        format=AnswerFormat.JSON,
        paths=TO,
        type_paths=(JsonPath.parse("kind"), JsonPath.parse("type")),
        types={**OWN_WORDS, "phone number": DestinationType.EXTERNAL, "owner": DestinationType.USER},
    )


@pytest.mark.parametrize(
    ("word", "type_"),
    [
        ("user", DestinationType.USER),
        ("External", DestinationType.EXTERNAL),
        ("Phone Number", DestinationType.EXTERNAL),
        ("OWNER", DestinationType.USER),
        ("auto", DestinationType.AUTO),
    ],
)
@pytest.mark.parametrize("at", ["kind", "type"])
def test_an_answer_tells_its_type_itself(word: str, type_: DestinationType, at: str) -> None:
    assert says(by_its_word(), {"to": "x", at: word}) == Understood(value="x", type=type_)


def test_a_type_that_is_not_known_or_not_there_is_said_so() -> None:
    unknown = refused(by_its_word(), {"to": "x", "type": "robot\r\n"})
    assert unknown.code == "type_unknown"
    assert "response.types" in unknown.remedy
    missing = refused(by_its_word(), {"to": "x"})
    assert missing.code == "type_missing"
    assert "response.type_path" in missing.remedy


def test_a_value_of_the_table_needs_no_type() -> None:
    response = Response(format=AnswerFormat.JSON, paths=TO, type_paths=TO, values=TABLE)
    assert says(response, {"to": "vip"}).type is DestinationType.USER


def test_users_are_known_by_the_ids_of_one_crm_and_by_e_mail() -> None:
    response = Response(format=AnswerFormat.JSON, type=DestinationType.USER, paths=TO, crm="hubspot")
    for named in (77, "77", "ADA@example.com"):
        assert destination(says(response, {"to": named}), PEOPLE, POLICY) == UserDestination("12")


def test_an_id_of_a_crm_is_never_taken_for_one_of_our_own() -> None:
    response = Response(format=AnswerFormat.JSON, type=DestinationType.USER, paths=TO, crm="hubspot")
    with pytest.raises(RoutingError) as raised:
        destination(says(response, {"to": "12"}), PEOPLE, POLICY)
    assert raised.value.failure.code == "user_unknown"
    assert 'crm_ids: {hubspot: "12"}' in raised.value.failure.remedy


def test_the_table_names_users_by_our_own_ids_whatever_the_crm() -> None:
    response = Response(
        format=AnswerFormat.JSON,
        type=DestinationType.USER,
        paths=TO,
        crm="hubspot",
        values={"77": Understood(value="77", type=DestinationType.USER)},
    )
    assert destination(says(response, {"to": "77"}), PEOPLE, POLICY) == UserDestination("77")


@pytest.mark.parametrize(
    "answer",
    [
        {"jsonrpc": "2.0", "id": "c1", "result": {"to": "ada"}},
        {"jsonrpc": "2.0", "id": None, "result": {"to": "ada"}},
        {"id": 999, "result": {"to": "ada"}, "error": None},
    ],
)
def test_of_json_rpc_the_result_is_read_whatever_its_id(answer: object) -> None:
    assert says(RPC, answer).value == "ada"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ({"code": -32601, "message": "Method not found"}, 'the error -32601: "Method not found"'),
        ({"code": 7}, "the error 7: without a message"),
        ({"code": "E\r\n1", "message": "a\r\nb\x1b[2J"}, r'the error E\r\n1: "a\r\nb\u001b[2J"'),
        ({"code": [], "message": "x" * 500}, "…"),
        ("no such caller", "no such caller"),
        ({}, "without a message"),
        (False, "the error"),
    ],
)
def test_an_error_of_json_rpc_is_told_cut_and_on_one_line(error: object, told: str) -> None:
    failure = refused(RPC, {"jsonrpc": "2.0", "id": 1, "result": {"to": "ada"}, "error": error})
    assert failure.code == "rpc_error"
    assert told in failure.message
    assert len(failure.message) < 500


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ([{"result": 1}], "it is a batch (a list of 1)"),
        ([], "it is a batch"),
        ("ada", "it is no object"),
        (None, "it is no object"),
        ({}, "neither result nor error, but no keys"),
        ({"to": "ada"}, 'neither result nor error, but the keys "to"'),
    ],
)
def test_what_is_no_answer_of_json_rpc_is_said_so(answer: object, told: str) -> None:
    failure = refused(RPC, answer)
    assert failure.code == "api_not_json_rpc"
    assert told in failure.message


def test_an_empty_result_has_its_place_in_the_table_and_an_empty_answer_has_none() -> None:
    response = table(format_=AnswerFormat.JSON_RPC)
    assert says(response, {"result": None}).value == "reception"
    with pytest.raises(RoutingError, match="is not JSON"):
        understand(response, b"")
