"""How answers are read: records, the next page, or a failure that says whether the CRM has done it."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict

from ari_app.crm.document import Answered, Document, Page, Records, Unread, read_answer
from ari_app.domain.crm import HookName
from tests.unit.crm.documents import MINIMAL, answer, asked, records, written

CONTACT = {"id": "$contact_id$", "name": "$name$"}
RPC = {"error": {"path": "error", "message": "error.data.message"}}


def find(folder: Path, picture: Any, body: Any, status: int = 200, **keys: Any) -> Records | Unread:
    more = {name: keys.pop(name) for name in ("headers", "top", "values", "properties", "page", "url") if name in keys}
    return answer(folder, HookName.FIND_CONTACT, {"response_map": picture, **keys}, body, status, **more)


def create(folder: Path, picture: Any, body: Any, status: int = 200, **keys: Any) -> Records | Unread:
    return answer(folder, HookName.CREATE_ACTIVITY, {"response_map": picture, **keys}, body, status)


@pytest.mark.parametrize(
    ("picture", "body"),
    [
        ({"results": [CONTACT]}, {"results": [{"id": 1, "name": "A"}, {"id": 2}]}),
        ({"data": {"items": [CONTACT]}}, {"data": {"items": [{"id": 1, "name": "A"}, {"id": 2}]}}),
        ([CONTACT], [{"id": 1, "name": "A"}, {"id": 2}]),
        ([{"a": {"id": "$contact_id$"}, "b.c[0]": "$name$"}], [{"a": {"id": 1}, "b": {"c": ["A"]}}, {"a": {"id": 2}}]),
        ([{"x.y": "$contact_id$", "First Name": "$name$"}], [{"x.y": 1, "First Name": "A"}, {"x": {"y": 2}}]),
        ([{"/a~1b/0": "$contact_id$", "n": ["$name$"]}], [{"a/b": [1], "n": ["A", "B"]}, {"a/b": [2], "n": []}]),
        ({"list": [["$contact_id$", "$name$"]]}, None),
    ],
)
def test_the_map_is_a_picture_of_the_answer(tmp_path: Path, picture: Any, body: Any) -> None:
    if body is None:
        assert records(find(tmp_path, picture, {"list": [[1, "A"]]})) == [{"contact_id": "1", "name": "A"}]
        return
    assert records(find(tmp_path, picture, body)) == [{"contact_id": "1", "name": "A"}, {"contact_id": "2"}]


def test_a_path_to_the_records(tmp_path: Path) -> None:
    body = {"d": {"results": [{"id": 7}]}}
    assert records(find(tmp_path, CONTACT, body, records_path="d.results")) == [{"contact_id": "7"}]
    assert records(find(tmp_path, {"records": [CONTACT]}, body, records_path="d.results")) == [{"contact_id": "7"}]


def test_one_record_alone(tmp_path: Path) -> None:
    assert records(find(tmp_path, CONTACT, {"id": 7, "name": " A\n B\t"})) == [{"contact_id": "7", "name": "A  B"}]
    assert records(create(tmp_path, {"result": "$activity_id$"}, {"result": 9})) == [{"activity_id": "9"}]
    assert records(create(tmp_path, {"result": ["$activity_id$"]}, {"result": [9]})) == [{"activity_id": "9"}]
    assert records(create(tmp_path, "$activity_id$", "a-9")) == [{"activity_id": "a-9"}]
    assert records(create(tmp_path, ["$activity_id$"], [5, 6])) == [{"activity_id": "5"}]


@pytest.mark.parametrize(("picture", "body"), [([CONTACT], []), ([CONTACT], None), (CONTACT, {}), (CONTACT, None)])
def test_nobody_is_found(tmp_path: Path, picture: Any, body: Any) -> None:
    assert records(find(tmp_path, picture, body)) == []


@pytest.mark.parametrize("body", [{}, {"results": None}, [], 7, "x"])
def test_an_answer_without_the_place_of_the_records_is_unreadable(tmp_path: Path, body: Any) -> None:
    read = find(tmp_path, {"results": [CONTACT]}, body)
    if body == {"results": None}:
        assert read == Records()
        return
    assert isinstance(read, Unread)
    assert (read.failure.code, read.is_undone) == ("crm_answer", False)


def test_nobody_is_found_by_the_status_that_says_so(tmp_path: Path) -> None:
    assert find(tmp_path, [CONTACT], {"error": "none"}, 404) == Records()
    assert isinstance(find(tmp_path, [CONTACT], {}, 404, no_records_statuses=[400]), Unread)
    assert find(tmp_path, [CONTACT], b"", 400, no_records_statuses=[400]) == Records()
    assert isinstance(create(tmp_path, CONTACT | {"id": "$activity_id$", "name": "$url$"}, {}, 404), Unread)


def test_several_places_of_one_variable(tmp_path: Path) -> None:
    picture = [{"id": "$contact_id$", "mobile": "$phone$", "office": "$phone$", "tel": {"no": "$phone$"}}]
    body = [{"id": 1, "mobile": None, "office": " ", "tel": {"no": 5}}, {"id": 2, "mobile": "m", "office": "o"}]
    assert records(find(tmp_path, picture, body)) == [
        {"contact_id": "1", "phone": "5"},
        {"contact_id": "2", "phone": "m"},
    ]


def test_what_is_set_besides(tmp_path: Path) -> None:
    read = find(
        tmp_path,
        [{"id": "$contact_id$", "f": "$firstname$", "k": "$kind$"}],
        [{"id": 1, "f": "Ada", "k": "organization"}, {"id": 2}],
        set={"kind": "person", "url": "https://x/$Hub?$/$contact_id$", "name": "$firstname$ ($number$)"},
        top={"properties": [{"name": "Hub", "default": "h"}]},
        values={"number": "+1"},
    )
    assert records(read) == [
        {"contact_id": "1", "firstname": "Ada", "kind": "organization", "url": "https://x/h/1", "name": "Ada (+1)"},
        {"contact_id": "2", "kind": "person", "url": "https://x/h/2", "name": "(+1)"},
    ]


def test_values_become_texts(tmp_path: Path) -> None:
    values: list[Any] = [
        1.0,
        1.5,
        12345678901234567890,
        True,
        False,
        None,
        {},
        [],
        ["x"],
        "\x00a\ud800\x07",
        "y" * 3000,
    ]
    read = find(tmp_path, [CONTACT], [{"id": index, "name": value} for index, value in enumerate(values)])
    assert isinstance(read, Records)
    names = [record["name"] for record in read.records]
    assert names == ["1", "1.5", "12345678901234567890", "true", "", "", "", "", "", "a?", "y" * 1024]


def test_records_without_an_id_are_left_aside_and_counted(tmp_path: Path) -> None:
    read = find(tmp_path, [CONTACT], [{"id": 1}, {"name": "B"}, 7, None])
    assert isinstance(read, Records)
    assert (len(read.records), read.skipped) == (1, 3)
    none = find(tmp_path, [CONTACT], [{"nmae": "B"}])
    assert isinstance(none, Unread)
    assert "no record of the answer has what becomes $contact_id$" in none.failure.message


@pytest.mark.parametrize("body", [b"", b"null", b"{}", b"<html>ok</html>", b'{"ID": 1}'])
def test_what_was_created_must_have_an_id(tmp_path: Path, body: bytes) -> None:
    read = create(tmp_path, {"id": "$activity_id$"}, body, 201)
    assert isinstance(read, Unread)
    assert (read.failure.code, read.is_undone, read.is_final) == ("crm_answer", False, False)  # it may well be there


@pytest.mark.parametrize("body", [b"", b" \r\n"])
def test_an_empty_answer_to_a_question_tells_nothing_unless_its_status_says_so(tmp_path: Path, body: bytes) -> None:
    """A server that ends the connection behind its headers sends the same."""
    read = find(tmp_path, [CONTACT], body)
    assert isinstance(read, Unread)
    assert "the answer is empty" in read.failure.message
    assert find(tmp_path, [CONTACT], body, 204) == Records()


def test_a_hook_that_reads_nothing_needs_no_json(tmp_path: Path) -> None:
    read = answer(tmp_path, HookName.UPDATE_ACTIVITY, {"request_method": "POST"}, b"<ok/>", 204)
    assert read == Records()


@pytest.mark.parametrize(
    ("status", "code", "is_undone", "is_final"),
    [
        (302, "crm_redirect", True, True),
        (400, "crm_refused", True, True),
        (401, "crm_unauthorised", True, False),
        (403, "crm_forbidden", True, False),
        (404, "crm_not_found", True, True),
        (408, "crm_refused", False, False),
        (429, "crm_busy", True, False),
        (500, "crm_failed", False, False),
        (503, "crm_failed", False, False),
    ],
)
def test_what_a_status_means(tmp_path: Path, status: int, code: str, is_undone: bool, is_final: bool) -> None:
    read = create(tmp_path, {"id": "$activity_id$"}, {"errors": [{"message": "no\nsuch \x07thing"}]}, status)
    assert isinstance(read, Unread)
    assert (read.failure.code, read.is_undone, read.is_final) == (code, is_undone, is_final)
    assert f"CreateActivity: the CRM answered {status}: no such thing" in read.failure.message


@pytest.mark.parametrize(
    ("rule", "body", "is_error"),
    [
        ("error", {"error": {"code": 1}}, True),
        ("error", {"error": None, "id": 1}, False),
        ("error", {"id": 1}, False),
        ({"path": "status", "unless": ["OK"]}, {"status": "ok", "id": 1}, False),
        ({"path": "status", "unless": "ok"}, {"status": "failed", "id": 1}, True),
        ({"path": "status", "unless": "ok"}, {"id": 1}, True),
        ({"path": "code", "when": [7]}, {"code": 7, "id": 1}, True),
        ({"path": "success", "when": "false"}, {"success": False, "id": 1}, True),
        ({"path": "success", "when": "false"}, {"success": True, "id": 1}, False),
        ({"path": "failed", "unless": "false"}, {"failed": False, "id": 1}, False),
        ({"path": "code", "when": ["7"]}, {"code": 0, "id": 1}, False),
        ({"path": "a[0].b", "unless": "ok"}, {"a": "xyz", "id": 1}, True),
    ],
)
def test_a_good_status_with_an_error_inside(tmp_path: Path, rule: Any, body: Any, is_error: bool) -> None:
    read = create(tmp_path, {"id": "$activity_id$"}, body, error=rule)
    assert isinstance(read, Unread) == is_error
    if isinstance(read, Unread):
        assert (read.failure.code, read.is_undone) == ("crm_refused", True)


def test_an_empty_answer_tells_of_no_error(tmp_path: Path) -> None:
    keys = {"request_method": "POST", "error": {"path": "status", "unless": "ok"}}
    assert answer(tmp_path, HookName.UPDATE_ACTIVITY, keys, b"", 204) == Records()


def test_the_rule_of_the_document_is_that_of_all_its_hooks(tmp_path: Path) -> None:
    read = find(tmp_path, [CONTACT], {"error": {"data": {"message": "no rights"}}}, top=RPC)
    assert isinstance(read, Unread)
    assert "the CRM answered with an error: no rights" in read.failure.message


def test_another_status_can_be_as_good(tmp_path: Path) -> None:
    read = create(tmp_path, {"id": "$activity_id$"}, {"id": 3}, 409, good_statuses=[409])
    assert records(read) == [{"activity_id": "3"}]


def users(folder: Path, paging: dict[str, Any], **keys: Any) -> Document:
    return written(
        folder,
        {
            **MINIMAL,
            "Users": {"request_path": "/u", "paging": paging, "response_map": {"l": [{"id": "$user_id$"}]}, **keys},
        },
    )


def following(document: Document, body: Any, page: Page, **more: Any) -> Page | str | None:
    answered = Answered(
        status=200,
        headers=more.get("headers", {}),
        body=json.dumps(body).encode(),
        url=more.get("url", "https://crm.example.com/api/u?p=1"),
    )
    read = read_answer(asked(document, HookName.USERS, page=page), answered)
    return read.next_page if isinstance(read, Records) else read.failure.message


TWO = [{"id": 1}, {"id": 2}]


def test_paging_by_cursor(tmp_path: Path) -> None:
    document = users(tmp_path, {"by": "cursor", "path": "next.after"}, query={"a": "$cursor?$"})
    assert following(document, {"l": TWO, "next": {"after": 7}}, Page()) == Page(number=1, cursor="7")
    assert following(document, {"l": TWO, "next": {}}, Page(number=1, cursor="7")) is None
    assert following(document, {"l": TWO, "next": None}, Page(number=1, cursor="7")) is None
    same = following(document, {"l": TWO, "next": {"after": 7}}, Page(number=1, cursor="7"))
    assert "the next page has the same cursor as this one" in str(same)
    long = following(document, {"l": TWO, "next": {"after": "7" * 8193}}, Page())
    assert "the cursor of the next page is longer than 8192 characters" in str(long)


def test_paging_by_offset_and_by_page_ends_with_a_page_that_is_not_full(tmp_path: Path) -> None:
    document = users(tmp_path, {"by": "offset", "limit": 2}, query={"o": "$offset$"})
    assert following(document, {"l": TWO}, Page(number=1, offset=2)) == Page(number=2, offset=4)
    assert following(document, {"l": TWO[:1]}, Page()) is None
    assert following(document, {"l": []}, Page(number=2, offset=4)) is None
    document = users(tmp_path, {"by": "page", "limit": 2}, query={"p": "$page$"})
    assert following(document, {"l": TWO}, Page()) == Page(number=1)
    assert following(document, {"l": TWO[:1]}, Page()) is None


@pytest.mark.parametrize(
    ("link", "url"),
    [
        ("https://crm.example.com/api/u?p=2", "https://crm.example.com/api/u?p=2"),
        ("/api/u?p=2#x", "https://crm.example.com/api/u?p=2"),
        ("?p=2", "https://crm.example.com/api/u?p=2"),
        ("https://CRM.example.com:443/api/u?p=2", "https://CRM.example.com:443/api/u?p=2"),
    ],
)
def test_paging_by_link(tmp_path: Path, link: str, url: str) -> None:
    document = users(tmp_path, {"by": "link", "path": "next"})
    assert following(document, {"l": TWO, "next": link}, Page()) == Page(number=1, url=url)


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example.com/u",
        "//evil.example.com/u",
        "http://crm.example.com/api/u?p=2",
        "https://crm.example.com:8443/u",
        "https://crm.example.com@evil.example.com/",
        "https://user@crm.example.com/api/u",
        "https://[::1/u",
        "file:///etc/passwd",
    ],
)
def test_a_link_to_another_server_is_not_followed(tmp_path: Path, link: str) -> None:
    document = users(tmp_path, {"by": "link", "path": "next"})
    told = following(document, {"l": TWO, "next": link}, Page())
    assert "leads to another server" in str(told) or "is no URL" in str(told)


def test_a_link_in_a_circle_is_told(tmp_path: Path) -> None:
    document = users(tmp_path, {"by": "link", "path": "next"})
    assert "leads to the same page" in str(following(document, {"l": TWO, "next": "?p=1"}, Page()))


def test_paging_by_the_header_link(tmp_path: Path) -> None:
    document = users(tmp_path, {"by": "link_header"})
    link = '<https://crm.example.com/api/u?p=0>; rel="prev", <https://crm.example.com/api/u?p=2>; rel="next"; title="x"'
    page = Page(number=1, url="https://crm.example.com/api/u?p=2")
    assert following(document, {"l": TWO}, Page(), headers={"link": link}) == page
    assert following(document, {"l": TWO}, Page(), headers={"Link": "</api/u?p=2>;rel=next"}) == page
    assert following(document, {"l": TWO}, Page(), headers={"Link": '<x>; rel="last"'}) is None
    assert following(document, {"l": TWO}, Page()) is None
    several = CIMultiDict([("Link", '</api/u?p=0>; rel="prev"'), ("Link", '</api/u?p=2>; rel="next"')])
    assert following(document, {"l": TWO}, Page(), headers=several) == page


def test_a_list_that_is_longer_than_allowed_is_not_taken_for_whole(tmp_path: Path) -> None:
    document = users(tmp_path, {"by": "page", "limit": 2, "most": 3}, query={"p": "$page$"})
    assert following(document, {"l": TWO}, Page(number=1)) == Page(number=2)
    assert "after 3 pages there are more" in str(following(document, {"l": TWO}, Page(number=2)))


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "name", "l", "next", "error"]), inner)
    ),
    max_leaves=12,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(body=ANYTHING | st.binary(max_size=60), status=st.integers(200, 599))
def test_every_answer_is_records_or_a_failure(whole: Document, body: Any, status: int) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    for hook in whole.hooks:
        read = read_answer(
            asked(whole, hook), Answered(status=status, headers={}, body=content, url="https://crm.example.com/api/u")
        )
        if isinstance(read, Unread):
            assert read.failure.message and read.failure.remedy
            continue
        needs = whole.hooks[hook].needs
        for record in read.records:
            assert all(value == value.strip() and value.isprintable() for value in record.values())
            assert not needs or record[needs]


@settings(max_examples=60, deadline=None)
@given(names=st.lists(st.text(min_size=1, max_size=30), max_size=5))
def test_names_come_back_as_they_were(whole: Document, names: list[str]) -> None:
    body = {"l": [{"id": index, "name": name} for index, name in enumerate(names)]}
    answered = Answered(status=200, headers={}, body=json.dumps(body).encode(), url="https://crm.example.com/api/u")
    read = read_answer(asked(whole, HookName.CONTACTS), answered)
    assert isinstance(read, Records)
    for record, name in zip(read.records, names, strict=True):
        kept = "".join(each if each.isprintable() else " " for each in name.encode("utf-8", "replace").decode()).strip()
        assert record["name"] == kept


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Document:
    folder = tmp_path_factory.mktemp("whole")
    paged = {"paging": {"by": "link", "path": "next"}, "response_map": {"l": [{"id": "$user_id$", "name": "$name$"}]}}
    contacts = {"request_path": "/c", "response_map": {"l": [CONTACT]}, "set": {"url": "https://x/$contact_id$"}}
    return written(
        folder,
        {
            **MINIMAL,
            "error": "error",
            "Users": {"request_path": "/u", **paged},
            "Contacts": contacts,
            "FindContact": {"request_path": "/f", "response_map": {"id": "$contact_id$", "l[0].id": "$name$"}},
            "CreateActivity": {
                "request_method": "POST",
                "request_path": "/a",
                "response_map": {"l": ["$activity_id$"]},
            },
            "UpdateActivity": {"request_method": "POST", "request_path": "/a"},
        },
    )
