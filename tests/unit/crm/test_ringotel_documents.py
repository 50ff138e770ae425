"""What the vendor has published of its documents loads as it is."""

from pathlib import Path
from typing import Any

import pytest

from ari_app.crm.document import Flow, OAuth2Login, PropertyType, oauth2_login, render
from ari_app.domain.crm import HookName, OnceBy
from tests.unit.crm.documents import MINIMAL, USERS, answer, asked, records, written

SALESFORCE = """{
	"id": "example",
	"name": "Example",
	"logo": "https://example.com/logo.png",
	"class": "crm",
	"properties": ["Client ID", "Client Secret"],
	"OAuth2": {
		"client_id": "$Client ID$",
		"client_secret": "$Client Secret$",
		"flow_type": {"default": "0"},
		"authorization_endpoint": "https://login.example.com/services/oauth2/authorize",
		"authorization_parameters": {"default": "scope=api%20refresh_token"},
		"token_endpoint": "https://login.example.com/services/oauth2/token",
		"token_parameters": {"content_type": "application/x-www-form-urlencoded;charset=utf-8"},
		"request_auth": "Bearer"
	},
	"API": {
		"Users": {
			"request_method":       "GET",
			"request_path":         "/query?q=SELECT Id,FirstName,LastName,Email,Phone FROM User",
			"response_map":
			{
				"records": [{"Id":"$user_id$", "FirstName":"$firstname$", "LastName":"$lastname$", "Phone":"$phone$"}]
			}
		},
		"Contacts": {
			"request_method": "GET",
			"request_path": "/query?q=SELECT Id,Account.Name,Title FROM Contact",
			"response_map": {
				"records": [{"Id": "$contact_id$", "Account": {"Name": "$company_name$"}, "Title": "$job_title$"}]
			}
		}
	}
}"""


def test_a_document_with_oauth_and_tabs_loads(tmp_path: Path) -> None:
    document = written(tmp_path, SALESFORCE)
    assert (document.id, document.name, document.notes) == ("example", "Example", ())
    assert set(document.hooks) == {HookName.USERS, HookName.CONTACTS}
    assert document.abilities.once_by is OnceBy.NOTHING
    login = oauth2_login(document.auth, {"Client ID": "me", "Client Secret": "hush"})
    assert login == OAuth2Login(
        flow=Flow.AUTHORIZATION_CODE,
        client_id="me",
        client_secret="hush",
        authorization_endpoint="https://login.example.com/services/oauth2/authorize",
        token_endpoint="https://login.example.com/services/oauth2/token",
        scope="api refresh_token",
    )
    assert "hush" not in repr(login)


def test_where_the_crm_is_is_asked_for_when_the_document_does_not_say(tmp_path: Path) -> None:
    document = written(tmp_path, SALESFORCE)
    assert [each.name for each in document.properties] == ["Client ID", "Client Secret", "Base URL"]
    assert [each.type for each in document.properties] == [
        PropertyType.TEXT,
        PropertyType.PASSWORD,
        PropertyType.URL,
    ]
    question = asked(document, HookName.USERS, properties={"Base URL": "https://my.example.com/v60/"})
    rendered = render(question, access_token="t0ken")
    assert rendered.url == "https://my.example.com/v60/query?q=SELECT%20Id,FirstName,LastName,Email,Phone%20FROM%20User"
    assert rendered.headers["Authorization"] == "Bearer t0ken"
    assert rendered.record.headers["Authorization"] == "***"


def test_records_stand_where_the_vendor_has_them(tmp_path: Path) -> None:
    hook = {"response_map": {"records": [{"Id": "$contact_id$", "Account": {"Name": "$company_name$"}}]}}
    body = {"totalSize": 2, "records": [{"Id": "3", "Account": {"Name": "Acme"}}, {"Id": 4, "Account": None}]}
    expected = [{"contact_id": "3", "company_name": "Acme"}, {"contact_id": "4"}]
    assert records(answer(tmp_path, HookName.CONTACTS, hook, body)) == expected
    assert records(answer(tmp_path, HookName.CONTACTS, hook, body["records"])) == expected  # the list itself


def test_basic_credentials_make_properties_where_none_are_declared(tmp_path: Path) -> None:
    auth = {"type": "Basic", "username": "$Username$", "password": "$Password$"}
    document = written(tmp_path, {**MINIMAL, "auth": auth})
    assert [(each.name, each.is_secret) for each in document.properties] == [("Username", False), ("Password", True)]
    properties = {"Username": "ada", "Password": "pä:ss"}
    assert render(asked(document, HookName.USERS, properties=properties)).headers["Authorization"] == (
        "Basic YWRhOnDDpDpzcw=="
    )


@pytest.mark.parametrize(
    "properties",
    [
        ["Login", "Password"],
        [{"name": "Login"}, {"name": "Password", "type": "Password"}],
        [{"title": "Login", "id": "Login"}, {"name": "Password", "placeholder": "..."}],
        [{"Login": {"type": "text"}}, {"Password": "password"}],
        {"Login": {}, "Password": {"type": "secret"}},
        {"Login": None, "Password": "password"},
        {"Login": "text", "Password": ""},
    ],
)
def test_properties_come_in_every_shape(tmp_path: Path, properties: Any) -> None:
    document = written(tmp_path, {**MINIMAL, "base_url": "https://a.example.com", "properties": properties})
    assert [(each.name, each.label, each.type, each.default) for each in document.properties] == [
        ("Login", "Login", PropertyType.TEXT, ""),
        ("Password", "Password", PropertyType.PASSWORD, ""),
    ]


def test_bearer_credentials(tmp_path: Path) -> None:
    document = written(
        tmp_path, {**MINIMAL, "properties": ["API key"], "auth": {"type": "Bearer", "token": "$API key$"}}
    )
    assert render(asked(document, HookName.USERS, properties={"API key": "k"})).headers["Authorization"] == "Bearer k"


def test_an_unknown_key_of_the_vendors_is_left_aside_and_told(tmp_path: Path) -> None:
    document = written(tmp_path, {**MINIMAL, "sortOrderInPortal": 7})
    assert document.notes == ("sortOrderInPortal: has no meaning here, and is left aside",)


def test_yaml_is_as_good_as_json(tmp_path: Path) -> None:
    text = "id: x\nname: X\nbase_url: https://a.example.com\n"
    text += "Users:\n  request_path: /u\n  response_map: [{id: $user_id$}]\n"
    assert written(tmp_path, text, "crm.yaml").hooks[HookName.USERS].records is not None


def test_the_hooks_may_be_named_the_vendors_way(tmp_path: Path) -> None:
    hook = {**USERS, "request_headers": {"X-A": "b"}, "request_query": {"q": 1}}
    rendered = render(asked(written(tmp_path, {**MINIMAL, "Users": hook}), HookName.USERS))
    assert (rendered.headers["X-A"], rendered.url) == ("b", "https://crm.example.com/api/users?q=1")
