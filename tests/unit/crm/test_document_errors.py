"""Every mistake in a document is told with file, line, hook and key, and what to write."""

from pathlib import Path
from typing import Any

import pytest

from agi_router.document import ConfigError
from ari_app.crm.document import find, shipped, shipped_names
from ari_app.domain.crm import HookName
from tests.unit.crm.documents import MINIMAL, USERS, only, problems, written

MAP = {"Id": "$contact_id$"}


def find_contact(**keys: Any) -> dict[str, Any]:
    return {"FindContact": {"request_path": "/c", "response_map": {"records": [MAP]}, **keys}}


def test_a_wrong_variable_is_told_with_its_line_and_the_nearest_right_one(tmp_path: Path) -> None:
    text = '{\n "id": "x", "name": "X", "base_url": "https://a.example.com",\n "Users": {\n  "request_path": "/u",\n'
    text += '  "response_map": {"records": [\n   {"Id": "$user_idd$"}\n  ]}\n }\n}'
    with pytest.raises(ConfigError) as raised:
        written(tmp_path, text)
    told = [str(problem) for problem in raised.value.problems]
    assert told[0].startswith(f"{tmp_path}/crm.json:6: Users.response_map.records[0].Id: $user_idd$ is not known; did")
    assert 'did you mean "user_id"?' in told[0]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"Userz": USERS}, 'Userz: unknown key; did you mean "Users"?'),
        ({"class": "pbx"}, 'class: "pbx" does not exist; known here: crm'),
        ({"auth": {"type": "Digest"}}, 'auth.type: "digest" does not exist'),
        ({"auth": {"type": "Bearer"}}, "auth.token: is missing; auth of type bearer needs token"),
        ({"auth": {"type": "None", "token": "x"}}, "auth.token: has no meaning with type none; take it away"),
        ({"auth": {"type": "OAuth2"}}, "auth.type: is OAuth2: write its endpoints under the key OAuth2"),
        ({"properties": [7]}, "properties[0]: is a name, or a mapping with the key name"),
        ({"properties": ["a$b"]}, "properties[0]: needs a name of at most 64 characters without $"),
        ({"properties": ["A", "A"]}, 'properties[1]: "A" is already a property; keep one of them'),
        ({"properties": ["call_id"]}, 'properties: "call_id" is the name of a variable; call the property another way'),
        (
            {"properties": {"A": {"type": "passwort"}}},
            'properties.A.type: "passwort" does not exist; did you mean "pass',
        ),
        ({"properties": {"A": {"type": "select"}}}, "properties.A: is a select without options; add options: [...]"),
        (
            {"values": {"x": {"of": "dispositon", "map": {}}}},
            'values.x.of: "dispositon" is no variable; did you mean "disp',
        ),
        ({"headers": {"X-A": "$nobody$"}}, "headers.X-A: $nobody$ is not known"),
        ({"auth": {"type": "Header", "name": "X Key", "value": "k"}}, "auth.name: is not the name of a header"),
        ({"auth": {"type": "Header", "name": "Accept", "value": "k"}}, "auth.name: is a header of the router's own"),
        (
            {"auth": {"type": "Bearer", "token": "k"}, "headers": {"authorization": "k"}},
            "headers.authorization: is the header in which auth puts the credentials; keep one of them",
        ),
        (
            {"OAuth2": {"client_id": "a", "token_endpoint": "b", "flow_type": "7"}},
            'OAuth2.flow_type: "7" does not exist; write one of 0, code',
        ),
        (
            {"OAuth2": {"client_id": "a", "token_endpoint": "b", "flow_type": "code"}},
            "OAuth2.authorization_endpoint: is missing; somebody logs in there",
        ),
        (
            {"OAuth2": {"client_id": "a", "token_endpoint": "b", "token_parameters": "grant_type=password"}},
            "OAuth2.token_parameters: grant_type is sent by the router itself; take it away",
        ),
        (
            {"OAuth2": {"client_id": "a", "token_endpoint": "b", "token_parameters": {"content_type": "a/json"}}},
            "OAuth2.token_parameters: content_type is always application/x-www-form-urlencoded",
        ),
        ({"headers": {"Host": "a"}}, "headers.Host: belongs to the connection and is set by the router itself"),
        (
            find_contact(request_path="/c/$phon$"),
            'FindContact.request_path: $phon$ is not known; did you mean "phone"?',
        ),
        (find_contact(request_path="/c/../d"), "FindContact.request_path: climbs its path by a . or ..; write it out"),
        (find_contact(request_path="/c#d"), "FindContact.request_path: has a #fragment"),
        (find_contact(request_path="/c?$filter=1"), "FindContact.request_path: a $ stands alone; write $name$"),
        (
            find_contact(request_path="/c?q=$phone:roman$"),
            "FindContact.request_path: $phone:roman$: there is no :roman",
        ),
        (find_contact(body={}), "FindContact.body: is not sent by a GET; write request_method: POST"),
        (
            find_contact(query={"a": {}}),
            "FindContact.query.a: is a single value here; nested ones stand in a JSON body",
        ),
        (find_contact(query={"a": ["x", "$b$"]}), "FindContact.query.a[1]: $b$ is not known"),
        (find_contact(request_methd="GET"), 'FindContact.request_methd: unknown key; did you mean "request_method"?'),
        (find_contact(request_method="FETCH"), 'FindContact.request_method: "FETCH" does not exist'),
        (
            find_contact(number_forms=["e162"]),
            'FindContact.number_forms[0]: "e162" does not exist; did you mean "e164"?',
        ),
        (
            find_contact(visible_after_s=3),
            "FindContact.visible_after_s: has no meaning in FindContact; it belongs to Find",
        ),
        (find_contact(idempotent=True), "FindContact.idempotent: has no meaning in FindContact"),
        (
            find_contact(response_map={"a": "$contact_id$", "b": 7}),
            "FindContact.response_map.b: is no variable; write one",
        ),
        (find_contact(response_map={"a": "$contact_id$ x"}), "FindContact.response_map.a: is one variable alone"),
        (
            find_contact(response_map={"n": "$name$", "r": [MAP]}),
            "FindContact.response_map.n: stands outside of the rec",
        ),
        (find_contact(set={"nme": "x"}), 'FindContact.set.nme: $nme$ is not known; did you mean "name"?'),
        (
            find_contact(error={"path": "a[", "when": []}),
            "FindContact.error.path: 'a[' makes no sense from position 2 on",
        ),
        (
            find_contact(paging={"by": "cursor"}, query={"a": "$cursor$"}),
            "FindContact.paging.path: is missing; it leads to the cursor",
        ),
        (
            find_contact(paging={"by": "link"}),
            "FindContact.paging.path: is missing; it leads to the link in the answer",
        ),
        (
            find_contact(paging={"by": "offset"}),
            "FindContact.paging: is by offset, but nothing in the request names $off",
        ),
        (
            {
                "CreateActivity": {
                    "request_path": "/a",
                    "request_method": "POST",
                    "idempotent": True,
                    "response_map": "$activity_id$",
                }
            },
            "CreateActivity.idempotent: is said, but the request does not name $idempotency_key$",
        ),
        (
            {"CreateActivity": {"request_path": "/a", "request_method": "POST"}},
            "CreateActivity.response_map: needs $activity_id$: let the place in the answer where it stands name it",
        ),
        (
            {"UpdateActivity": {"request_path": "/a", "request_method": "POST", "body": "$file$"}},
            "UpdateActivity.body: there is a file in UpdateCallRecording alone",
        ),
        (
            {"UpdateActivity": {"request_path": "/a", "request_method": "POST", "body": {"a": "$file_base64$"}}},
            "UpdateActivity.body.a: $file_base64$ is not known",
        ),
        (
            {"UpdateActivity": {"request_path": "/a", "request_method": "PUT", "body": {"a": 1}, "form": {"b": 2}}},
            "UpdateActivity.form: stands beside body; a request has one body",
        ),
        (
            {"UpdateActivity": {"request_path": "/a", "paging": {"by": "link_header"}}},
            "UpdateActivity.paging: has no meaning in UpdateActivity, which is one answer",
        ),
    ],
)
def test_each_mistake_is_told_with_its_hook_and_key(tmp_path: Path, keys: dict[str, Any], expected: str) -> None:
    told = only(tmp_path, **keys)
    assert told.startswith(expected) or expected in told


def test_a_document_without_users_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the hook Users is missing"):
        written(tmp_path, {key: value for key, value in MINIMAL.items() if key != "Users"})


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    assert len(problems(tmp_path, auth={"type": "Bearer"}, headers={"X-A": "$b$"}, **find_contact(body={}))) == 3


def test_a_document_learns_nothing_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME_SECRET", "hush")
    told = only(tmp_path, headers={"X-A": "${HOME_SECRET}"})
    assert "hush" not in told and "a $ stands alone" in told


def test_a_file_that_is_not_there_is_told_with_the_names_that_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r'no file "genric".*did you mean "generic"'):
        find("genric", tmp_path)


@pytest.mark.parametrize("name", shipped_names())
def test_the_documents_that_come_with_the_router_load(name: str) -> None:
    document = shipped(name)
    assert document.id == name
    assert document.notes == ()
    assert HookName.USERS in document.hooks
