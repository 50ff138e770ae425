"""The phone book over real HTTP: searched, read, created and changed in the CRM, and brought up to date."""

import asyncio
import uuid
from typing import Any

import pytest

from agi_router.routing.errors import Failure
from ari_app.access.scopes import Scope
from ari_app.domain.contacts import Contact, ContactKind
from ari_app.domain.crm import HookError, HookName
from ari_app.storage.phone_book import WrittenPhoneBook
from tests.component.web.rig import TOKEN, WebRig
from tests.fakes.listed_crm import down, person

BEN = Contact(
    connector="hubspot",
    id="512",
    name="Ben Müller",
    company="Miller Ltd",
    email="ben@example.com",
    phones=("(415) 555-0177", "101"),
    owner="77",
)
MILLER = Contact(connector="hubspot", id="512", kind=ContactKind.ORGANIZATION, name="Miller Ltd")
REFUSED = HookError(
    Failure("crm_refused", "CreateContact: the CRM answered 422: no such owner", "correct it"),
    is_undone=True,
    is_final=True,
    status=422,
)


async def known(web: WebRig, *contacts: Contact) -> None:
    book = WrittenPhoneBook(web.database, lambda: "US")
    for contact in contacts:
        await book.put_one(contact)


async def found(web: WebRig, query: str) -> list[str]:
    status, page = await web.ask("GET", f"/contacts?{query}")
    assert status == 200
    return [each["id"] for each in page["items"]]


async def test_contacts_are_found_by_words_and_by_a_number_in_any_form(web: WebRig) -> None:
    await known(web, BEN, Contact(connector="hubspot", id="7", name="Ada"))
    assert await found(web, "") == ["7", "512"]
    for query in (
        "search=MULLER+ben",
        "number=%2B14155550177",
        "number=415-555-0177",
        "number=5550177",
        "search=550177",
    ):
        assert await found(web, query) == ["512"], query
    assert await found(web, "search=muller&number=101") == ["512"]
    assert await found(web, "search=muller+ada") == []
    assert await found(web, "connector=other") == []
    assert await found(web, "number=ben") == []
    assert await web.ask("GET", "/contacts/hubspot/512") == (
        200,
        {
            "connector": "hubspot",
            "id": "512",
            "kind": "person",
            "name": "Ben Müller",
            "company": "Miller Ltd",
            "company_id": "",
            "job_title": "",
            "email": "ben@example.com",
            "phones": ["(415) 555-0177", "101"],
            "numbers": ["+14155550177"],
            "owner": "77",
            "url": "",
            "changed_at": None,
        },
    )


async def test_pages_are_turned_by_cursor(web: WebRig) -> None:
    await known(web, *(Contact(connector="hubspot", id=str(number), name=f"P{number}") for number in range(5)))
    ids, cursor = [], ""
    while True:
        _, page = await web.ask("GET", f"/contacts?limit=2{cursor}")
        assert page["total"] == 5
        ids += [each["id"] for each in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert ids == ["0", "1", "2", "3", "4"]


async def test_a_person_comes_before_an_organization_with_the_same_id(web: WebRig) -> None:
    await known(web, MILLER, BEN)
    assert (await web.ask("GET", "/contacts/hubspot/512"))[1]["name"] == "Ben Müller"
    assert (await web.ask("GET", "/contacts/hubspot/512?kind=organization"))[1]["name"] == "Miller Ltd"
    assert await found(web, "kind=organization") == ["512"]


async def test_an_id_may_hold_a_slash(web: WebRig) -> None:
    await known(web, Contact(connector="hubspot", id="people/7", name="Ada"))
    assert (await web.ask("GET", "/contacts/hubspot/people%2F7"))[1]["name"] == "Ada"


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/contacts/hubspot/9", 404, "contact_unknown"),
        ("/contacts/other/512", 404, "contact_unknown"),
        ("/contacts?limit=201", 422, "bad_request"),
        ("/contacts?name=Ben", 422, "bad_request"),
        ("/contacts?search=%00", 422, "bad_request"),
        ("/crm/other/sync", 404, "crm_unknown"),
    ],
)
async def test_what_cannot_be_answered_is_told(web: WebRig, path: str, status: int, code: str) -> None:
    told = await web.ask("GET", path)
    assert (told[0], told[1]["code"]) == (status, code)


async def create(web: WebRig, key: str = "", **fields: str) -> tuple[int, Any]:
    headers = {"authorization": f"Bearer {TOKEN}"} | ({"idempotency-key": key} if key else {})
    body = {"connector": "hubspot", "name": "Ben Miller", "phone": "415-555-0177", **fields}
    return await web.ask("POST", "/contacts", json=body, headers=headers)


async def test_a_contact_is_created_in_the_crm_and_found_at_once(web: WebRig) -> None:
    web.crm.answers = {HookName.CREATE_CONTACT: [{"contact_id": "c9", "url": "https://crm.example.com/c9"}]}
    status, made = await create(web, company="Miller Ltd", owner="77")
    ((_, values),) = web.crm.asked
    assert {name: values[name] for name in ("firstname", "lastname", "name", "phone", "company_name", "owner_id")} == {
        "firstname": "Ben",
        "lastname": "Miller",
        "name": "Ben Miller",
        "phone": "415-555-0177",
        "company_name": "Miller Ltd",
        "owner_id": "77",
    }
    assert status == 201
    assert (made["id"], made["numbers"], made["company"]) == ("c9", ["+14155550177"], "Miller Ltd")
    assert made["url"] == "https://crm.example.com/c9"
    assert await web.ask("GET", "/contacts/hubspot/c9") == (200, made)
    assert await found(web, "number=%2B14155550177") == ["c9"]


async def test_a_key_of_idempotency_creates_once(web: WebRig) -> None:
    web.crm.answers = {HookName.CREATE_CONTACT: [{"contact_id": "c9"}]}
    key = str(uuid.uuid4())
    first, again = await create(web, key), await create(web, key)
    other = await create(web, key, name="Somebody Else")
    assert first == again
    assert (first[0], len(web.crm.asked)) == (201, 1)
    assert (other[0], other[1]["code"]) == (422, "idempotency_key_reused")


async def test_what_the_crm_refuses_may_be_asked_again_with_the_same_key(web: WebRig) -> None:
    web.crm.answers = {HookName.CREATE_CONTACT: REFUSED}
    key = str(uuid.uuid4())
    status, problem = await create(web, key, owner="nobody")
    assert (status, problem["code"]) == (422, "crm_refused")
    assert "no such owner" in problem["detail"]
    web.crm.answers = {HookName.CREATE_CONTACT: [{"contact_id": "c9"}]}
    assert (await create(web, key, owner="nobody"))[0] == 201


async def test_what_may_have_been_done_is_not_done_again(web: WebRig) -> None:
    lost = Failure("crm_timeout", "CreateContact: no answer came in time", "try again later")
    web.crm.answers = {HookName.CREATE_CONTACT: HookError(lost, is_undone=False)}
    key = str(uuid.uuid4())
    status, problem = await create(web, key)
    assert (status, problem["code"]) == (504, "crm_timeout")
    assert "may have been done" in problem["detail"]
    web.crm.answers = {HookName.CREATE_CONTACT: [{"contact_id": "c9"}]}
    status, problem = await create(web, key)
    assert (status, problem["code"], len(web.crm.asked)) == (409, "idempotency_outcome_unknown", 1)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (down(), 503),
        (HookError(Failure("crm_failed", "a", "b"), is_undone=False, status=500), 502),
        (HookError(Failure("crm_forbidden", "a", "b"), is_undone=True, status=403), 502),
        (HookError(Failure("crm_busy", "a", "b"), is_undone=True, status=429, again_in_s=7), 503),
    ],
)
async def test_a_crm_that_fails_is_told_by_the_status(web: WebRig, error: HookError, status: int) -> None:
    web.crm.answers = {HookName.CREATE_CONTACT: error}
    told = await create(web)
    assert (told[0], told[1]["code"]) == (status, error.failure.code)


async def test_a_crm_that_gives_no_id_has_created_it_all_the_same(web: WebRig) -> None:
    web.crm.answers = {HookName.CREATE_CONTACT: []}
    status, problem = await create(web)
    assert (status, problem["code"]) == (502, "crm_gave_no_id")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"connector": "hubspott", "name": "Ada"}, 404, "crm_unknown"),
        ({"connector": "hubspot", "phone": "101"}, 409, "crm_no_hook"),
        ({"connector": "hubspot", "name": "Ada", "phone": "abc"}, 422, "bad_request"),
        ({"connector": "hubspot", "name": "Ada", "id": "7"}, 422, "bad_request"),
        ({"connector": "hubspot", "name": "x" * 256}, 422, "bad_request"),
        ({"connector": "hubspot", "name": "Ada"}, 409, "crm_no_hook"),
    ],
)
async def test_what_cannot_be_created_is_refused_before_the_crm_is_asked(
    web: WebRig, body: dict[str, str], status: int, code: str
) -> None:
    told = await web.ask("POST", "/contacts", json=body)
    assert (told[0], told[1]["code"], web.crm.asked) == (status, code, [])


async def test_only_what_is_given_is_changed(web: WebRig) -> None:
    await known(web, BEN)
    web.crm.answers = {HookName.UPDATE_CONTACT: []}
    status, changed = await web.ask(
        "PATCH", "/contacts/hubspot/512", json={"phone": "+14155550199", "job_title": "Boss"}
    )
    ((_, values),) = web.crm.asked
    assert {name for name in values if name != "now"} == {"contact_id", "phone", "job_title"}
    assert (status, changed["name"], changed["job_title"]) == (200, "Ben Müller", "Boss")
    assert (changed["phones"], changed["numbers"]) == (["+14155550199", "101"], ["+14155550199"])
    assert await found(web, "number=%2B14155550177") == []
    assert (await web.ask("PATCH", "/contacts/hubspot/512", json={"name": "Benjamin Müller"}))[1]["name"] == (
        "Benjamin Müller"
    )


async def test_a_change_of_nothing_asks_the_crm_nothing(web: WebRig) -> None:
    await known(web, BEN)
    web.crm.answers = {HookName.UPDATE_CONTACT: []}
    before = await web.ask("GET", "/contacts/hubspot/512")
    for body in ({}, {"name": " ", "email": ""}):
        assert await web.ask("PATCH", "/contacts/hubspot/512", json=body) == before
    assert web.crm.asked == []


async def test_a_contact_without_a_name_is_not_created(web: WebRig) -> None:
    web.crm.answers = {HookName.CREATE_CONTACT: [{"contact_id": "c9"}]}
    status, problem = await create(web, name="")
    assert (status, problem["code"], web.crm.asked) == (409, "contact_without_name", [])


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/contacts/hubspot/9", {"name": "Ada"}, 404, "contact_unknown"),
        ("/contacts/other/512", {"name": "Ada"}, 404, "crm_unknown"),
        ("/contacts/hubspot/512", {"connector": "other"}, 422, "bad_request"),
    ],
)
async def test_what_cannot_be_changed_is_told(
    web: WebRig, path: str, body: dict[str, str], status: int, code: str
) -> None:
    web.crm.answers = {HookName.UPDATE_CONTACT: []}
    told = await web.ask("PATCH", path, json=body)
    assert (told[0], told[1]["code"], web.crm.asked) == (status, code, [])


async def test_a_run_is_begun_on_demand_and_can_be_followed(web: WebRig) -> None:
    gate = asyncio.Event()
    web.crm.lists = {HookName.CONTACTS: [[person("1"), person("2")], gate, [person("3")]]}
    assert (await web.ask("GET", "/crm/hubspot/sync"))[1]["state"] is None
    status, begun = await web.ask("POST", "/crm/hubspot/sync")
    assert (status, begun["state"], begun["run"]) == (202, "running", 1)
    while (told := (await web.ask("GET", "/crm/hubspot/sync"))[1])["seen"] < 2:
        assert told["state"] == "running"
    assert (told["hook"], (await web.ask("POST", "/crm/hubspot/sync"))[1]["run"]) == ("Contacts", 1)
    gate.set()
    await web.services.contacts.books["hubspot"].finished()
    _, told = await web.ask("GET", "/crm/hubspot/sync")
    assert (told["state"], told["seen"], told["trouble"]) == ("done", 3, None)
    assert told["whole_at"] == told["ended_at"]
    assert await found(web, "") == ["1", "2", "3"]


async def test_a_run_that_broke_off_tells_where_and_why(web: WebRig) -> None:
    web.crm.lists = {HookName.CONTACTS: [[person("1")], down()]}
    await web.ask("POST", "/crm/hubspot/sync")
    await web.services.contacts.books["hubspot"].finished()
    _, told = await web.ask("GET", "/crm/hubspot/sync")
    assert (told["state"], told["hook"], told["page"]) == ("broken_off", "Contacts", 2)
    assert told["trouble"]["code"] == "crm_unreachable"


async def test_a_run_reads_everything_when_it_is_asked_to(web: WebRig) -> None:
    web.crm.lists_changes = frozenset({HookName.CONTACTS})
    web.crm.lists = {HookName.CONTACTS: [[person("1"), person("2")]]}
    read = []
    for query in ("", "", "?full=true"):
        await web.ask("POST", f"/crm/hubspot/sync{query}")
        await web.services.contacts.books["hubspot"].finished()
        _, told = await web.ask("GET", "/crm/hubspot/sync")
        read.append((told["full"], told["full_at"] == told["ended_at"], told["deleted"]))
        web.crm.lists = {HookName.CONTACTS: [[person("1")]]}
    assert read == [(True, True, 0), (False, False, 0), (True, True, 1)]


async def metrics(web: WebRig) -> str:
    async with web.http.get(f"{web.url}/metrics", headers={"authorization": f"Bearer {TOKEN}"}) as answer:
        return await answer.text()


async def test_metrics_tell_the_age_of_the_copy_and_that_a_run_broke_off(web: WebRig) -> None:
    assert "agi_router_phone_book_age_seconds{" not in await metrics(web)
    for lists, broken in ([[person("1")]], "0.0"), ([down()], "1.0"):
        web.crm.lists = {HookName.CONTACTS: lists}
        await web.ask("POST", "/crm/hubspot/sync")
        await web.services.contacts.books["hubspot"].finished()
        told = await metrics(web)
        assert f'agi_router_phone_book_broken_off{{crm="hubspot"}} {broken}' in told
        assert 'agi_router_phone_book_age_seconds{crm="hubspot"} ' in told


async def test_a_document_without_lists_cannot_be_synchronised(web: WebRig) -> None:
    status, problem = await web.ask("POST", "/crm/hubspot/sync")
    assert (status, problem["code"]) == (409, "crm_lists_no_contacts")


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/contacts", Scope.CONTACTS_READ),
        ("GET", "/contacts/hubspot/1", Scope.CONTACTS_READ),
        ("POST", "/contacts", Scope.CONTACTS_WRITE),
        ("PATCH", "/contacts/hubspot/1", Scope.CONTACTS_WRITE),
        ("POST", "/crm/hubspot/sync", Scope.CONTACTS_WRITE),
        ("GET", "/crm/hubspot/sync", Scope.CONTACTS_READ),
    ],
)
async def test_each_needs_its_scope(web: WebRig, method: str, path: str, scope: Scope) -> None:
    web.scopes.discard(scope)
    assert (await web.ask(method, path, json={} if method != "GET" else None))[0] == 403
