"""Requests as they leave, and as they are told."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from hypothesis import given
from hypothesis import strategies as st

from agi_router.lookup.prepared import PreparedRequest, prepare
from agi_router.routing.auth import ApiKeyAuth, BasicAuth, BearerAuth, KeyPlace
from agi_router.routing.call_info import CallInfo
from agi_router.routing.needs import Needs
from agi_router.routing.route import Request, Send
from agi_router.routing.template import Template, call_values
from agi_router.routing.url_template import UrlTemplate

NUMBER = Template.parse("{{callerNumber}}")
SECRET = "s3same-0pen"


def request(url: str = "https://api.example.com/x", **changes: Any) -> Request:
    given_: dict[str, Any] = {"method": "GET", "url": UrlTemplate.parse(url)} | changes
    return Request(**given_)


def prepared(asked: Request, caller: str = "+12025550123", **info: Any) -> PreparedRequest:
    return prepare(asked, call_values(CallInfo(call_id="c", route_name="r", caller_number=caller, **info), "US"))


def test_fields_travel_in_the_query() -> None:
    fields = {"n": NUMBER, "limit": 1, "all": True, "none": None}
    assert prepared(request(fields=fields)).url == "https://api.example.com/x?n=%2B12025550123&limit=1&all=true&none="


def test_fields_travel_as_a_form() -> None:
    sent = prepared(request(method="POST", send=Send.FORM, fields={"n": NUMBER, "a": Template.parse("&")}))
    assert sent.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert sent.body == b"n=%2B12025550123&a=%26"
    assert sent.record.body == "n=%2B12025550123&a=%26"


def test_fields_travel_as_json_with_their_types() -> None:
    sent = prepared(request(method="POST", send=Send.JSON, fields={"n": NUMBER, "limit": 1, "all": True}))
    assert sent.headers["Content-Type"] == "application/json"
    assert json.loads(sent.body or b"") == {"n": "+12025550123", "limit": 1, "all": True}


def test_a_body_is_a_nested_template() -> None:
    body = {"filters": [{"value": NUMBER, "deep": [[NUMBER], None]}], "limit": 1}
    sent = prepared(request(method="POST", send=Send.JSON, body=body), caller='"},{"x":"')
    assert json.loads(sent.body or b"") == {
        "filters": [{"value": '"},{"x":"', "deep": [['"},{"x":"'], None]}],
        "limit": 1,
    }


def test_a_configured_header_replaces_a_default_one_whatever_its_case() -> None:
    sent = prepared(
        request(headers={"accept": Template.parse("text/xml"), "X-Name": Template.parse("{{callerName}}")}),
        caller_name="Zoë\r\nX: y",
    )
    assert sent.headers["accept"] == "text/xml"
    assert "Accept" not in sent.headers
    assert sent.headers["X-Name"] == "Zo%C3%ABX: y"


def test_basic_credentials_leave_and_are_masked_in_the_record() -> None:
    sent = prepared(request(auth=BasicAuth("ada", SECRET)))
    assert sent.headers["Authorization"] == "Basic YWRhOnMzc2FtZS0wcGVu"
    assert sent.record.headers["Authorization"] == "***"


def test_a_bearer_token_leaves_and_is_masked_in_the_record() -> None:
    sent = prepared(request(auth=BearerAuth(SECRET)))
    assert sent.headers["Authorization"] == f"Bearer {SECRET}"
    assert SECRET not in repr(sent.record)


def test_an_api_key_travels_in_its_header() -> None:
    sent = prepared(request(auth=ApiKeyAuth(KeyPlace.HEADER, "X-Odd", SECRET)))
    assert sent.headers["X-Odd"] == SECRET
    assert sent.record.headers["X-Odd"] == "***"


def test_an_api_key_travels_in_its_query_field() -> None:
    sent = prepared(request("https://h/x?a=1", auth=ApiKeyAuth(KeyPlace.QUERY, "k", "s3&same")))
    assert sent.url == "https://h/x?a=1&k=s3%26same"
    assert sent.record.url == "https://h/x?a=1&k=***"


def test_secrets_that_stand_elsewhere_are_masked_by_their_name() -> None:
    headers = {"X-Api-Key": Template.parse(SECRET)}
    sent = [
        prepared(request(f"https://h/x?hapikey={SECRET}&a=1", headers=headers)),
        prepared(request(method="POST", send=Send.FORM, fields={"access_token": Template.parse(SECRET)})),
        prepared(request(method="POST", send=Send.JSON, body={"auth": [{"password": Template.parse(SECRET)}]})),
    ]
    for each in sent:
        assert SECRET not in repr(each.record)
    assert sent[0].record.url == "https://h/x?hapikey=***&a=1"


def test_no_secret_stands_in_a_repr() -> None:
    for auth in (BasicAuth("a", SECRET), BearerAuth(SECRET), ApiKeyAuth(KeyPlace.QUERY, "k", SECRET)):
        assert SECRET not in repr(request(auth=auth))


def test_a_request_needs_what_its_templates_name_in_any_place() -> None:
    def named(name: str) -> Template:
        return Template.parse("{{" + name + "}}")

    asked = request(
        "https://h/{{var.A}}?x={{header.B}}",
        headers={"X": named("var.C")},
        fields={"f": named("header.D"), "callId": named("callId")},
        body={"b": [named("var.E")]},
    )
    assert asked.needs() == Needs(frozenset({"B", "D"}), frozenset({"A", "C", "E"}))


def parsed(sent: PreparedRequest) -> Mapping[str, str]:
    return dict(parse_qsl((sent.body or b"").decode(), keep_blank_values=True))


@given(st.text(max_size=40))
def test_a_value_cannot_leave_its_form_field_or_its_json_text(value: str) -> None:
    name = Template.parse("<{{callerName}}>")
    clean = "<" + value.encode("utf-8", "replace").decode() + ">"
    form = prepared(request(method="POST", send=Send.FORM, fields={"a": name, "b": 1}), caller_name=value)
    assert parsed(form) == {"a": clean, "b": "1"}
    document = prepared(request(method="POST", send=Send.JSON, body={"a": [name]}), caller_name=value)
    assert json.loads(document.body or b"") == {"a": [clean]}
    call = request(method="POST", send=Send.JSON_RPC, rpc_method="m", body=[name])
    assert json.loads(prepared(call, caller_name=value).body or b"")["params"] == [clean]


@given(st.text(max_size=40))
def test_a_value_cannot_leave_its_header(value: str) -> None:
    fields = {"X-Name": Template.parse("<{{callerName}}>"), "X-Limit": 1}
    sent = prepared(request(send=Send.HEADERS, fields=fields), caller_name=value)
    assert sent.headers.keys() == {"Accept", "User-Agent", "X-Name", "X-Limit"}
    assert sent.headers["X-Name"].isascii()
    assert sent.headers["X-Name"].isprintable()
