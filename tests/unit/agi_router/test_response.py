"""Answers: what bytes name, what that means, and that no bytes make a mess."""

import json
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agi_router.routing.destination import (
    Destination,
    DestinationType,
    EndpointDestination,
    ExternalDestination,
    HangupCause,
    HangupDestination,
    TeamDestination,
    UserDestination,
)
from agi_router.routing.errors import Failure, RoutingError
from agi_router.routing.meaning import destination
from agi_router.routing.path import JsonPath
from agi_router.routing.policy import DialPolicy
from agi_router.routing.response import understand
from agi_router.routing.route import AnswerFormat, Response
from agi_router.routing.understood import Understood

JSON = Response(format=AnswerFormat.JSON, type=DestinationType.AUTO, paths=(JsonPath.parse("to"),))
TEXT = Response(format=AnswerFormat.TEXT, type=DestinationType.AUTO)
POLICY = DialPolicy(frozenset({"US", "UA"}), "US")


class OneUser:
    """A directory with Ada in it, whose second phone has a login that looks like a number."""

    def user_id(self, id_or_email: str) -> str | None:
        return "456" if id_or_email in {"456", "ada@example.com"} else None

    def user_of_crm(self, crm: str, crm_id: str) -> str | None:
        return "456" if (crm, crm_id) == ("hubspot", "77") else None

    def number(self, called: str) -> str | None:
        return None

    def has_team(self, team: str) -> bool:
        return team == "7"

    def has_queue(self, queue: str) -> bool:
        return False

    def has_endpoint(self, endpoint: str) -> bool:
        return endpoint in {"ada", "12025550199", "101"}


def meaning(value: str, type_: str = "auto") -> Destination:
    return destination(Understood(value=value, type=DestinationType(type_)), OneUser(), POLICY)


def refused(value: str, type_: str = "auto") -> Failure:
    with pytest.raises(RoutingError) as raised:
        meaning(value, type_)
    assert raised.value.failure.remedy
    return raised.value.failure


def unread(body: bytes, response: Response = JSON, charset: str | None = None) -> str:
    with pytest.raises(RoutingError) as raised:
        understand(response, body, charset)
    return raised.value.failure.code


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"to": "ada"}', "ada"),
        (b'{"to": 456}', "456"),
        (b'\xef\xbb\xbf{"to": "ada"}', "ada"),
        (b'{"to": "bob", "to": "ada"}', "ada"),
        ('{"to": "Зоя"}'.encode(), "Зоя"),
        (b'{"to": "3 80123456789"}', "3 80123456789"),
    ],
)
def test_json_is_read(body: bytes, value: str) -> None:
    assert understand(JSON, body).value == value


@pytest.mark.parametrize(("type_", "confirm"), [("external", True), ("auto", True), ("user", False)])
def test_numbers_outside_have_to_confirm_where_the_route_says_so(type_: str, confirm: bool) -> None:
    response = Response(format=AnswerFormat.TEXT, type=DestinationType(type_), confirm=True)
    understood = understand(response, b"+12025550123")
    assert understood.confirm == confirm
    if confirm:
        assert destination(understood, OneUser(), POLICY) == ExternalDestination("+12025550123", confirm=True)


def test_text_is_read_without_the_white_space_around_it() -> None:
    assert understand(TEXT, b" 380123456789\r\n").value == "380123456789"


@pytest.mark.parametrize(("charset", "body"), [("windows-1251", "Зоя".encode("cp1251")), ("iso-8859-1", b"Zo\xeb")])
def test_text_is_read_in_the_charset_that_it_names(charset: str, body: bytes) -> None:
    assert understand(TEXT, body, charset).value in {"Зоя", "Zoë"}


@pytest.mark.parametrize("charset", ["rot13", "hex", "utf-7", "no-such", "x\0y", "idna", ""])
def test_a_charset_that_is_none_is_taken_as_utf_8(charset: str) -> None:
    assert understand(TEXT, b"ada", charset).value == "ada"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b'{"to": NaN}',
        b'{"to": -Infinity}',
        b"[" * 200_000,
        b'{"to": ' + b"9" * 5000 + b"}",
        b"\xff\xfe",
        b'{"to": "\xc3"}',
        b"ada",
    ],
    ids=range(9),
)
def test_what_is_not_json_is_said_so(body: bytes) -> None:
    assert unread(body) == "api_not_json"


def test_bytes_that_are_no_text_are_said_so() -> None:
    assert unread(b"\xff\xfe\x00", TEXT) == "api_not_text"


def test_an_empty_text_is_an_empty_value() -> None:
    assert unread(b" \n", TEXT) == "value_empty"


def test_a_page_of_html_is_no_destination() -> None:
    assert unread(b"<p>" * 100, TEXT) == "value_too_long"


@given(
    st.binary(max_size=80) | st.text(max_size=30).map(lambda t: f'{{"to": "{t}"}}'.encode("utf-8", "replace")),
    st.sampled_from([JSON, TEXT]),
)
def test_no_bytes_make_reading_or_meaning_raise_anything_else(body: bytes, response: Response) -> None:
    for type_ in DestinationType:
        try:
            destination(understand(replace(response, type=type_), body), OneUser(), POLICY)
        except RoutingError as error:
            assert error.failure.code
            assert error.failure.message.isprintable()


def test_a_user_is_named_by_id_or_e_mail() -> None:
    assert meaning("456", "user") == meaning("ada@example.com", "user") == UserDestination("456")


def test_a_team_is_named_by_its_id() -> None:
    assert meaning("7", "team") == TeamDestination("7")
    assert refused("8", "team").code == "team_unknown"


def test_an_unknown_user_is_said_so() -> None:
    assert refused("999", "user").code == "user_unknown"


@pytest.mark.parametrize("value", ["ada", "PJSIP/ada"])
def test_an_endpoint_is_named_with_or_without_its_technology(value: str) -> None:
    assert meaning(value, "endpoint") == EndpointDestination("ada")


@pytest.mark.parametrize("type_", ["endpoint", "auto"])
@pytest.mark.parametrize(
    "value",
    [
        "ada&PJSIP/other",
        "ada\r\nX-Evil: 1",
        "SIP/ada",
        "PJSIP/PJSIP/ada",
        "ada,s,1",
        "ada/x",
        "${SHELL(id)}",
        "a" * 65,
        "ada\n",
        "\u0430da",
    ],
)
def test_a_dial_string_is_never_made_of_an_answer(value: str, type_: str) -> None:
    failure = refused(value, type_)
    assert failure.code == "value_not_endpoint"
    assert failure.message.isprintable()


def test_control_characters_are_shown_escaped() -> None:
    assert r"ada\r\nX" in refused("ada\r\nX", "endpoint").message


@pytest.mark.parametrize("value", ["3 80123456789", "380123456789", "+380123456789", "tel:+380123456789"])
@pytest.mark.parametrize("type_", ["external", "auto"])
def test_a_number_is_normalised(value: str, type_: str) -> None:
    assert meaning(value, type_) == ExternalDestination("+380123456789")


@pytest.mark.parametrize("value", ["ada", "1001", "+1"])
def test_what_is_no_number_is_no_external_destination(value: str) -> None:
    assert refused(value, "external").code == "value_not_number"


@pytest.mark.parametrize("value", ["112", "911", "+112"])
@pytest.mark.parametrize("type_", ["external", "auto"])
def test_an_emergency_number_is_refused_before_anything_else(value: str, type_: str) -> None:
    assert refused(value, type_).code == "policy_emergency"


@pytest.mark.parametrize("value", ["ada", "1001", "alice@example.com"])
def test_what_does_not_look_like_a_number_is_a_login(value: str) -> None:
    assert meaning(value) == EndpointDestination(value)


def test_a_login_of_the_directory_wins_over_a_number_of_the_same_shape() -> None:
    assert meaning("12025550199") == EndpointDestination("12025550199")
    assert meaning("101") == EndpointDestination("101")  # the fire brigade of an allowed region, if it were no phone


def test_a_hangup_names_its_cause() -> None:
    assert meaning("Busy", "hangup") == HangupDestination(HangupCause.BUSY)
    assert "busy" in refused("later", "hangup").remedy


def test_what_was_understood_is_kept_as_plain_json() -> None:
    understood = Understood(value="456", type=DestinationType.USER, said="vip", variables={"AGI_ROUTER_ID": "7"})
    assert Understood(**json.loads(json.dumps(asdict(understood)))) == replace(understood, notes=[], trunks=[])  # type: ignore[arg-type]
    assert (understood.answered, replace(understood, said=None).answered) == ("vip", "456")
