"""What a hook sends: values are encoded for their place, and can never become more than a value."""

import json
from base64 import b64decode
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agi_router.routing.errors import RoutingError
from ari_app.crm.document import FileBody, Page, Rendered, render
from ari_app.domain.crm import HookName, Upload
from tests.unit.crm.documents import MINIMAL, asked, request, written

POST = {"request_method": "POST", "request_path": "/a"}
ATTACKS = [
    "../../admin",
    "a/../b",
    "?x=1",
    "#",
    "a&b=c",
    'x"},{"',
    "\r\nX-Evil: 1",
    "é ü",
    "%2e%2e",
    "{{x}}",
    "$$",
    "\0",
]


def stop(folder: Path, keys: dict[str, Any], values: dict[str, str], **more: Any) -> Rendered:
    return request(folder, HookName.STOP_CALL_ACTIVITY, keys, values, **more)


def body_of(rendered: Rendered) -> Any:
    assert isinstance(rendered.body, bytes)
    return json.loads(rendered.body)


@pytest.mark.parametrize("value", ATTACKS)
def test_a_value_cannot_climb_out_of_its_place(tmp_path: Path, value: str) -> None:
    keys = {
        "request_method": "POST",
        "request_path": "/a/$activity_id$/b?q=$contact_name$",
        "query": {"n": "$contact_name$"},
        "headers": {"X-Name": "$contact_name$"},
        "body": {"name": "$contact_name$", "said": "by $contact_name$ at night"},
    }
    rendered = stop(tmp_path, keys, {"activity_id": f"{value}1", "contact_name": value})
    url = urlsplit(rendered.url)
    assert (url.scheme, url.netloc, url.fragment) == ("https", "crm.example.com", "")
    assert url.path.startswith("/api/a/") and url.path.endswith("/b") and url.path.count("/") == 4
    sent = value.replace("\0", "")
    assert parse_qsl(url.query, keep_blank_values=True) == [("q", sent), ("n", sent)]
    assert rendered.headers.keys() == {"Accept", "User-Agent", "Content-Type", "X-Name"} - (
        {"X-Name"} if not sent else set()
    )
    assert all(text.isascii() and text.isprintable() for text in rendered.headers.values())
    assert body_of(rendered) == {"name": sent, "said": f"by {sent} at night"}


@pytest.mark.parametrize("value", ["", ".", "..", "..."])
def test_a_path_with_a_gap_is_not_asked_for(tmp_path: Path, value: str) -> None:
    with pytest.raises(RoutingError, match=r"\$activity_id\$ stands in the path and has no value") as raised:
        stop(tmp_path, {**POST, "request_path": "/a/$activity_id$"}, {"activity_id": value})
    assert raised.value.failure.code == "crm_value_missing"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(value=st.text())
def test_whatever_a_value_is_the_request_keeps_its_shape(tmp_path: Path, value: str) -> None:
    keys = {
        **POST,
        "query": {"a": "$contact_name$", "b": "2"},
        "body": {"x": ["$contact_name$", "y"], "z": "$call_id$"},
    }
    rendered = stop(tmp_path, keys, {"contact_name": value, "call_id": value})
    sent = value.replace("\0", "").encode("utf-8", "replace").decode()
    assert parse_qsl(urlsplit(rendered.url).query, keep_blank_values=True) == [("a", sent), ("b", "2")]
    assert body_of(rendered) == {"x": [sent, "y"], "z": sent}


def test_a_value_cannot_end_a_quotation_of_a_query_language(tmp_path: Path) -> None:
    keys = {
        "request_path": "/query?q=SELECT Id FROM Contact WHERE Name='$contact_name$' AND Phone='$phone$'",
        "response_map": {"records": [{"Id": "$contact_id$"}]},
    }
    values = {"contact_name": "O'Brien' OR ''='", "phone": "+1"}
    rendered = request(tmp_path, HookName.FIND_CONTACT, keys, values)
    assert parse_qsl(urlsplit(rendered.url).query) == [
        ("q", "SELECT Id FROM Contact WHERE Name='OBrien OR =' AND Phone='+1'")
    ]


@pytest.mark.parametrize(
    ("written_text", "sent"),
    [
        ('{ a(n: "$contact_name$") }', '{ a(n: "OBrienx") }'),
        ("n = '$contact_name:backslash$'", "n = 'O\\'Brien\\\"x'"),
        ("n eq '$contact_name:doubled$'", "n eq 'O''Brien\"x'"),
        ("the caller's name is $contact_name$", "the caller's name is O'Brien\"x"),
        ("'a' $contact_name$", "'a' O'Brien\"x"),
        ("$$5 for $contact_name:upper$", "$5 for O'BRIEN\"X"),
    ],
)
def test_quotations_are_told_from_apostrophes(tmp_path: Path, written_text: str, sent: str) -> None:
    rendered = stop(tmp_path, {**POST, "body": {"t": written_text}}, {"contact_name": "O'Brien\"x"})
    assert body_of(rendered) == {"t": sent}


def test_values_have_types_where_the_document_says_so(tmp_path: Path) -> None:
    body = {
        "n": "$call_duration:number$",
        "ms": "$call_duration:ms$",
        "b": "$state:boolean$",
        "none": "$ring_duration:number$",
        "in text": "took $call_duration:number$ s",
        "fixed": [1, 2.5, True, None, {"deep": ["$call_id$"]}],
    }
    sent = body_of(stop(tmp_path, {**POST, "body": body}, {"call_duration": "61", "state": "true", "call_id": "c"}))
    assert sent == {
        "n": 61,
        "ms": 61000,
        "b": True,
        "none": None,
        "in text": "took 61 s",
        "fixed": [1, 2.5, True, None, {"deep": ["c"]}],
    }


def test_numbers_of_a_json_document_are_numbers(tmp_path: Path) -> None:
    keys = '{"request_method": "POST", "request_path": "/a", "body": [1.50, 1e3, -0, 12345678901234567890123, "1.50"]}'
    whole = json.dumps({**MINIMAL, "StopCallActivity": "x"}).replace('"x"}', f"{keys}}}")
    sent = body_of(render(asked(written(tmp_path, whole), HookName.STOP_CALL_ACTIVITY)))
    assert sent == [1.5, 1000.0, 0, 12345678901234567890123, "1.50"]


@pytest.mark.parametrize("value", ["x", "nan", "inf", "1e999", "--1"])
def test_what_is_no_number_is_null(tmp_path: Path, value: str) -> None:
    assert body_of(stop(tmp_path, {**POST, "body": {"n": "$call_duration:number$"}}, {"call_duration": value})) == {
        "n": None
    }


def test_what_has_no_value_is_left_out(tmp_path: Path) -> None:
    keys = {
        **POST,
        "headers": {"X-A": "$contact_id?$", "X-B": "$call_id$"},
        "query": {"a": "$contact_id?$", "b": ["$call_id?$", "$contact_id?$", "1"]},
        "body": {
            "a": "$contact_id?$",
            "t": "of $contact_id?$",
            "l": ["$contact_id?$", "$call_id?$"],
            "o": {"$if$": "$contact_id$", "to": "$contact_id$"},
            "q": {"$if$": "$call_id?$ $contact_id?$", "to": 1},
            "p": [{"$if$": "$call_id$", "to": "$call_id$"}, {"$if$": "$company_id$", "to": 1}],
            "ms": "$call_duration:ms?$",
        },
    }
    rendered = stop(tmp_path, keys, {"call_id": "c"})
    assert body_of(rendered) == {"l": ["c"], "p": [{"to": "c"}]}
    assert parse_qsl(urlsplit(rendered.url).query) == [("b", "c"), ("b", "1")]
    assert "X-A" not in rendered.headers and rendered.headers["X-B"] == "c"


def test_a_form(tmp_path: Path) -> None:
    rendered = stop(
        tmp_path,
        {**POST, "form": {"a": "$contact_name$", "b": 1, "c": "x"}},
        {"contact_name": "é&="},
    )
    assert rendered.body == b"a=%C3%A9%26%3D&b=1&c=x"
    assert rendered.headers["Content-Type"] == "application/x-www-form-urlencoded"


def test_tables_translate_values(tmp_path: Path) -> None:
    tables = {"status": {"of": "disposition", "map": {"Answered": "DONE"}, "default": "LOST"}}
    for disposition, status in (("answered", "DONE"), ("abandoned", "LOST"), ("", "LOST")):
        rendered = stop(
            tmp_path, {**POST, "body": {"s": "$status$"}}, {"disposition": disposition}, top={"values": tables}
        )
        assert body_of(rendered) == {"s": status}


def test_headers_of_the_document_give_way_to_those_of_the_hook(tmp_path: Path) -> None:
    top = {"headers": {"X-Api": "1", "accept": "application/vnd.x+json"}}
    rendered = stop(tmp_path, {**POST, "headers": {"x-api": "2"}}, {}, top=top)
    assert rendered.headers["x-api"] == "2"
    assert "X-Api" not in rendered.headers and "Accept" not in rendered.headers
    assert rendered.headers["accept"] == "application/vnd.x+json"


def test_an_absolute_path_and_one_below_a_property(tmp_path: Path) -> None:
    assert (
        stop(tmp_path, {**POST, "request_path": "https://b.example.com/x?y=1"}, {}).url == "https://b.example.com/x?y=1"
    )
    top = {"properties": [{"name": "Files URL", "type": "url"}, "Region"]}
    properties = {"Files URL": "https://f.example.com/v1/", "Region": "eu"}
    rendered = stop(tmp_path, {**POST, "request_path": "$Files URL$/$Region$/x"}, {}, top=top, properties=properties)
    assert rendered.url == "https://f.example.com/v1/eu/x"


@pytest.mark.parametrize(
    "given", ["ftp://x", "crm.example.com", "https://u:p@x.example.com", "https://x.example.com/?a=b", ""]
)
def test_an_address_that_is_none_is_told(tmp_path: Path, given: str) -> None:
    top = {"properties": [{"name": "URL", "type": "url"}], "base_url": "$URL$"}
    with pytest.raises(RoutingError, match="the CRM's address") as raised:
        stop(tmp_path, POST, {}, top=top, properties={"URL": given})
    assert raised.value.failure.code == "crm_base_url"


def test_secrets_are_sent_and_never_told(tmp_path: Path) -> None:
    top = {
        "properties": [{"name": "Key", "type": "password"}],
        "auth": {"type": "Query", "name": "k", "value": "$Key$"},
        "base_url": "https://crm.example.com/$Key$",
    }
    keys = {
        **POST,
        "headers": {"X-Sig": "v1 $Key$"},
        "query": {"deep": "$Key$"},
        "body": {"session": ["$Key$", "$call_id$"], "password": "$call_id$"},
    }
    rendered = stop(tmp_path, keys, {"call_id": "c"}, top=top, properties={"Key": "hu$h/"})
    assert rendered.url == "https://crm.example.com/hu$h/a?deep=hu%24h%2F&k=hu%24h%2F"
    assert rendered.headers["X-Sig"] == "v1 hu$h/"
    assert body_of(rendered)["session"] == ["hu$h/", "c"]
    assert "hu" not in str(rendered.record)
    assert rendered.record.url == "https://crm.example.com/***/a?deep=***&k=***"
    assert json.loads(rendered.record.body) == {"session": ["***", "c"], "password": "***"}


def test_credentials_that_no_header_can_carry_are_refused(tmp_path: Path) -> None:
    top = {"properties": ["Token"], "auth": {"type": "Bearer", "token": "$Token$"}}
    with pytest.raises(RoutingError, match="characters that no header can carry"):
        stop(tmp_path, POST, {}, top=top, properties={"Token": "a\nb"})


@pytest.fixture
def recording(tmp_path: Path) -> Upload:
    file = tmp_path / "call.wav"
    file.write_bytes(bytes(range(256)) * 2000)  # more than one block
    return Upload(path=file, file_name='c"all\r\n.wav', media_type="audio/wav")


def sent_file(rendered: Rendered, recording: Upload) -> bytes:
    assert isinstance(rendered.body, FileBody)
    content = b"".join(rendered.body.blocks())
    assert len(content) == rendered.body.length(recording.path.stat().st_size)
    return content


def test_a_file_is_a_part_of_a_form(tmp_path: Path, recording: Upload) -> None:
    keys = {**POST, "multipart": {"call": "$call_id$", "file": "$file$"}}
    rendered = request(tmp_path, HookName.UPDATE_CALL_RECORDING, keys, {"call_id": "c"}, upload=recording)
    boundary = rendered.headers["Content-Type"].partition("boundary=")[2].encode()
    _, first, second, end = sent_file(rendered, recording).split(b"--" + boundary)
    assert first == b'\r\nContent-Disposition: form-data; name="call"\r\n\r\nc\r\n'
    head, _, content = second.partition(b"\r\n\r\n")
    assert head == (
        b'\r\nContent-Disposition: form-data; name="file"; filename="c%22all%0D%0A.wav"\r\nContent-Type: audio/wav'
    )
    assert content == recording.path.read_bytes() + b"\r\n"
    assert end == b"--\r\n"


def test_a_file_is_the_whole_body(tmp_path: Path, recording: Upload) -> None:
    keys = {**POST, "body": "$file$"}
    rendered = request(tmp_path, HookName.UPDATE_CALL_RECORDING, keys, upload=recording)
    assert sent_file(rendered, recording) == recording.path.read_bytes()
    assert rendered.headers["Content-Type"] == "audio/wav"


def test_a_file_stands_in_json(tmp_path: Path, recording: Upload) -> None:
    keys = {**POST, "body": {"data": "data:$media_type$;base64,$file_base64$", "call": "$call_id$"}}
    values = {"call_id": "\0file\0", "media_type": "audio/wav"}
    rendered = request(tmp_path, HookName.UPDATE_CALL_RECORDING, keys, values, upload=recording)
    sent = json.loads(sent_file(rendered, recording))
    assert sent["call"] == "file"
    assert b64decode(sent["data"].removeprefix("data:audio/wav;base64,")) == recording.path.read_bytes()
    assert "(the file" in rendered.record.body


def test_without_the_file_nothing_is_sent(tmp_path: Path) -> None:
    with pytest.raises(RoutingError, match="there is no file to send"):
        request(tmp_path, HookName.UPDATE_CALL_RECORDING, {**POST, "body": "$file$"})


def test_pages_are_asked_for_by_what_stands_in_the_request(tmp_path: Path) -> None:
    keys = {
        "request_method": "POST",
        "request_path": "/u",
        "query": {"after": "$cursor?$"},
        "body": {"offset": "$offset:number$", "page": "$page:number$", "limit": "$limit:number$"},
        "paging": {"by": "offset", "limit": 50},
        "response_map": [{"id": "$user_id$"}],
    }
    document = written(tmp_path, {**MINIMAL, "Users": keys})
    first = render(asked(document, HookName.USERS))
    assert (first.url, body_of(first)) == ("https://crm.example.com/api/u", {"offset": 0, "page": 1, "limit": 50})
    third = render(asked(document, HookName.USERS, page=Page(number=2, cursor="c/d", offset=100)))
    assert (third.url, body_of(third)) == (
        "https://crm.example.com/api/u?after=c%2Fd",
        {"offset": 100, "page": 3, "limit": 50},
    )
    linked = render(asked(document, HookName.USERS, page=Page(number=1, url="https://crm.example.com/api/u?p=2")))
    assert linked.url == "https://crm.example.com/api/u?p=2"


@pytest.mark.parametrize(
    ("value", "number", "ms"), [("1e306", 1e306, None), ("9" * 65, None, None), ("inf", None, None)]
)
def test_a_number_that_json_cannot_hold_is_null(tmp_path: Path, value: str, number: Any, ms: Any) -> None:
    keys = {**POST, "body": {"n": "$contact_name:number$", "ms": "$contact_name:ms$"}}
    assert body_of(stop(tmp_path, keys, {"contact_name": value})) == {"n": number, "ms": ms}


def test_a_link_brings_its_own_credentials_only_by_their_whole_name(tmp_path: Path) -> None:
    auth = {"type": "query", "name": "key", "value": "k"}
    for query, sent in (("sort_key=1", "sort_key=1&key=k"), ("x=key=1", "x=key=1&key=k"), ("key=own", "key=own")):
        page = Page(number=1, url=f"https://crm.example.com/api/u?{query}")
        document = written(tmp_path, {**MINIMAL, "auth": auth})
        assert render(asked(document, HookName.USERS, page=page)).url.partition("?")[2] == sent
