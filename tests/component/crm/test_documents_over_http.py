"""The document `generic` and the CRM that it describes understand each other: every hook, over real HTTP."""

import hashlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import aiohttp
import pytest
from yarl import URL

from ari_app.crm.document import (
    FIRST_PAGE,
    Answered,
    FileBody,
    Page,
    Question,
    Records,
    Unread,
    read_answer,
    render,
    shipped,
)
from ari_app.domain.crm import HookName, Upload
from sandbox.api import bearer
from sandbox.crm import GenericCrm

TOKEN = "t0ken"


@pytest.fixture
async def crm() -> AsyncIterator[GenericCrm]:
    async with GenericCrm() as crm:
        crm.accept(bearer(TOKEN))
        yield crm


async def ask(
    crm: GenericCrm,
    hook: HookName,
    values: Mapping[str, str] | None = None,
    *,
    page: Page = FIRST_PAGE,
    upload: Upload | None = None,
    token: str = TOKEN,
) -> Records | Unread:
    """As a client that knows nothing but the document."""
    document = shipped("generic")
    properties = {"Base URL": crm.url, "Access token": token}
    question = Question(
        document=document, hook=document.hooks[hook], properties=properties, values=values or {}, page=page
    )
    sent = render(question, upload=upload)
    body = b"".join(sent.body.blocks()) if isinstance(sent.body, FileBody) else sent.body
    async with (
        aiohttp.ClientSession() as session,
        session.request(sent.method, URL(sent.url, encoded=True), headers=sent.headers, data=body) as response,
    ):
        answered = Answered(
            status=response.status, headers=response.headers, body=await response.read(), url=str(response.url)
        )
    return read_answer(question, answered)


def only(read: Records | Unread) -> dict[str, str]:
    """The values that are there, of the one record."""
    assert isinstance(read, Records), read
    (record,) = read.records
    return {name: value for name, value in record.items() if value}


async def test_lists_are_read_page_by_page(crm: GenericCrm) -> None:
    crm.page_size = 2
    for number in range(5):
        crm.add_user(first_name=f"user {number}", extension=str(number))
    read: list[str] = []
    page: Page | None = FIRST_PAGE
    while page is not None:
        found = await ask(crm, HookName.USERS, page=page)
        assert isinstance(found, Records)
        read += [record["extension"] for record in found.records]
        page = found.next_page
    assert read == ["0", "1", "2", "3", "4"]


async def test_a_contact_is_created_found_and_changed(crm: GenericCrm) -> None:
    name = 'Zoë "O\'Brien" & Söhne/../?x=1'
    number = "+44 20 7183 8750"
    created = only(await ask(crm, HookName.CREATE_CONTACT, {"lastname": name, "phone": number}))
    assert created["lastname"] == name
    assert only(await ask(crm, HookName.FIND_CONTACT, {"phone": number}))["contact_id"] == created["contact_id"]
    changed = await ask(crm, HookName.UPDATE_CONTACT, {"contact_id": created["contact_id"], "email": "z@example.com"})
    assert changed == Records()
    (row,) = crm.contacts
    assert (row["last_name"], row["email"], row["phone"]) == (name, "z@example.com", number)
    assert await ask(crm, HookName.FIND_CONTACT, {"phone": "+441"}) == Records()


async def test_an_activity_lives_through_its_hooks(crm: GenericCrm) -> None:
    call = {"call_id": "c-1", "direction": "inbound", "number": "+441", "call_duration": "61", "call_cause": "16"}
    activity = only(await ask(crm, HookName.CREATE_ACTIVITY, call))
    assert only(await ask(crm, HookName.FIND_ACTIVITY, call)) == activity
    for hook, values in (
        (HookName.ASSIGN_ACTIVITY, {"contact_id": "k"}),
        (HookName.UPDATE_ACTIVITY, {"state": "talking"}),
        (HookName.STOP_CALL_ACTIVITY, {"disposition": "answered"}),
    ):
        assert await ask(crm, hook, {**call, **activity, **values}) == Records()
    (row,) = crm.of_call("c-1")
    assert (row["state"], row["contact_id"], row["duration_s"], row["cause"]) == ("ended", "k", 61, 16)
    gone = await ask(crm, HookName.STOP_CALL_ACTIVITY, {**call, "activity_id": "nobody's"})
    assert isinstance(gone, Unread)
    assert gone.failure.code == "crm_not_found"


async def test_a_recording_arrives_byte_by_byte(crm: GenericCrm, tmp_path: Path) -> None:
    activity = only(await ask(crm, HookName.CREATE_ACTIVITY, {"call_id": "c-1"}))
    content = bytes(range(256)) * 3000
    file = tmp_path / "call.wav"
    file.write_bytes(content)
    upload = Upload(path=file, file_name='ca"ll.wav', media_type="audio/wav")
    read = await ask(crm, HookName.UPDATE_CALL_RECORDING, {"call_id": "c-1", **activity}, upload=upload)
    assert only(read) == {"file_id": "f1"}
    (kept,) = crm.files
    assert (kept.size, kept.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert (kept.media_type, kept.fields["call_id"]) == ("audio/wav", "c-1")


async def test_a_refused_token_is_told(crm: GenericCrm) -> None:
    read = await ask(crm, HookName.USERS, token="wrong")
    assert isinstance(read, Unread)
    assert (read.failure.code, read.is_undone, read.is_final) == ("crm_forbidden", True, False)
