"""A connector asks a CRM by its document, over real HTTP."""

import asyncio
import hashlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme

from agi_router.lookup.guard import NetworkGuard
from ari_app.crm.connector import Connector
from ari_app.crm.document import Hook, shipped
from ari_app.crm.document.limits import limits
from ari_app.crm.document.text import Text
from ari_app.crm.standing import MANY_STRANGERS, LoginState
from ari_app.domain.crm import HookError, HookName, Upload
from ari_app.domain.crm_login import Login
from sandbox.crm import Fault, GenericCrm, Trouble
from tests.clock import leap
from tests.component.crm.connecting import TOKEN, connected, settings_for
from tests.component.http_api import api, replies

CALL = {"call_id": "call-1", "idempotency_key": "key-1", "direction": "inbound", "number": "+14155550177"}
S = 20.0


@pytest.fixture
async def connector(crm: GenericCrm) -> AsyncIterator[Connector]:
    async with connected(settings_for(crm)) as connector:
        yield connector


async def failed(connector: Connector, hook: HookName, deadline_s: float = S, **values: str) -> HookError:
    with pytest.raises(HookError) as caught:
        await connector.run(hook, {**CALL, **values}, deadline_s=deadline_s)
    return caught.value


async def test_a_contact_is_found_and_read_by_the_document(connector: Connector, crm: GenericCrm) -> None:
    crm.add_contact(first_name="Ada", last_name="Lovelace", phone="+14155550177", company_name="Analytical")
    answer = await connector.run(HookName.FIND_CONTACT, {**CALL, "phone": "+14155550177"}, deadline_s=S)
    [record] = answer.records
    assert (record["contact_id"], record["firstname"], record["company_name"]) == ("c1", "Ada", "Analytical")
    assert answer.received.status == 200


async def test_nobody_is_found_without_an_error(connector: Connector) -> None:
    answer = await connector.run(HookName.FIND_CONTACT, {**CALL, "phone": "+1"}, deadline_s=S)
    assert answer.records == ()


async def test_a_search_that_only_ever_meets_404_is_doubted(crm: GenericCrm) -> None:
    document = shipped("generic")
    find = document.hooks[HookName.FIND_CONTACT]
    astray = replace(find, path=Text.parse("/people", []), no_records=frozenset({404}))
    made = replace(document, hooks={**document.hooks, HookName.FIND_CONTACT: astray})
    assert [sum("FindContact takes 404" in each for each in limits(of)) for of in (document, made)] == [0, 1]
    async with connected(settings_for(crm, document=made)) as connector:
        for number in range(MANY_STRANGERS):
            assert connector.standing().doubt == ""
            for _ in range(2):
                values = {**CALL, "number": f"+1415555017{number}", "phone": "1"}
                assert (await connector.run(HookName.FIND_CONTACT, values, deadline_s=S)).records == ()
        assert "answered 404, as if nobody were known" in connector.standing().doubt
        connector.experience.searched("+14155550177", 200)
        assert connector.standing().doubt == ""


async def test_a_wrong_path_of_a_shipped_document_is_no_unknown_caller(crm: GenericCrm) -> None:
    properties = {"Base URL": f"{crm.url}/elsewhere", "Access token": TOKEN}
    async with connected(settings_for(crm, properties=properties)) as connector:
        error = await failed(connector, HookName.FIND_CONTACT, phone="+1")
    assert error.failure.code == "crm_not_found"


async def test_the_time_is_known_to_every_hook(crm: GenericCrm) -> None:
    document = shipped("generic")
    users = document.hooks[HookName.USERS]
    timed = replace(users, headers={"X-Now": Text.parse("$now$", ["now"])})
    document = replace(document, hooks={**document.hooks, HookName.USERS: timed})
    async with connected(settings_for(crm, document=document)) as connector:
        await connector.run(HookName.USERS, {}, deadline_s=S)
    sent = datetime.fromisoformat(crm.requests[-1].headers["X-Now"])
    assert abs((datetime.now(UTC) - sent).total_seconds()) < 60


async def test_all_pages_of_a_list_are_read(connector: Connector, crm: GenericCrm) -> None:
    crm.page_size = 2
    for name in "abcde":
        crm.add_user(first_name=name)
    pages = [page async for page in connector.pages(HookName.USERS, {}, deadline_s=S)]
    assert [len(page.records) for page in pages] == [2, 2, 1]
    assert [record["firstname"] for page in pages for record in page.records] == list("abcde")


async def test_an_activity_is_created_changed_and_ended(connector: Connector, crm: GenericCrm) -> None:
    created = await connector.run(HookName.CREATE_ACTIVITY, CALL, deadline_s=S)
    values = {**CALL, "activity_id": created.records[0]["activity_id"], "contact_id": "c7"}
    await connector.run(HookName.ASSIGN_ACTIVITY, values, deadline_s=S)
    ended = {"call_duration": "61", "call_cause": "16", "disposition": "answered", "ended_at": "2026-11-21T10:00:00Z"}
    await connector.run(HookName.STOP_CALL_ACTIVITY, {**values, **ended}, deadline_s=S)
    [activity] = crm.of_call("call-1")
    assert (activity["contact_id"], activity["state"], activity["duration_s"]) == ("c7", "ended", 61)
    found = await connector.run(HookName.FIND_ACTIVITY, CALL, deadline_s=S)
    assert found.records[0]["activity_id"] == activity["id"]


async def test_a_recording_is_sent_whole_and_with_its_length(
    connector: Connector, crm: GenericCrm, tmp_path: Path
) -> None:
    file = tmp_path / "r.wav"
    content = bytes(range(256)) * 4096 * 3
    file.write_bytes(content)
    created = await connector.run(HookName.CREATE_ACTIVITY, CALL, deadline_s=S)
    activity_id = created.records[0]["activity_id"]
    upload = Upload(path=file, file_name="call 1.wav", media_type="audio/wav")
    values = {**CALL, "activity_id": activity_id, "recording_id": "r1", "file_name": "call 1.wav"}
    await connector.run(HookName.UPDATE_CALL_RECORDING, values, deadline_s=S, upload=upload)
    [kept] = crm.files
    assert (kept.activity_id, kept.name, kept.media_type) == (activity_id, "call 1.wav", "audio/wav")
    assert kept.sha256 == hashlib.sha256(content).hexdigest()
    sent = next(request for request in crm.requests if request.path.endswith("/files"))
    assert int(sent.headers["Content-Length"]) > len(content)
    assert "Transfer-Encoding" not in sent.headers


async def test_a_recording_that_is_gone_is_never_sent(connector: Connector, crm: GenericCrm, tmp_path: Path) -> None:
    upload = Upload(path=tmp_path / "gone.wav", file_name="gone.wav", media_type="audio/wav")
    with pytest.raises(HookError) as caught:
        await connector.run(HookName.UPDATE_CALL_RECORDING, {**CALL, "activity_id": "a1"}, deadline_s=S, upload=upload)
    assert (caught.value.failure.code, caught.value.is_undone, caught.value.is_final) == ("crm_file_gone", True, True)
    assert crm.requests == []


async def test_secrets_are_told_to_nobody(connector: Connector, crm: GenericCrm) -> None:
    crm.add_contact(first_name=TOKEN, phone="+14155550177")
    answer = await connector.run(HookName.FIND_CONTACT, {**CALL, "phone": "+14155550177"}, deadline_s=S)
    assert TOKEN not in repr(answer.sent) + repr(answer.received)
    assert crm.requests[-1].headers["Authorization"] == f"Bearer {TOKEN}"
    assert TOKEN not in repr(connector.settings) + repr(connector.access)


@pytest.mark.parametrize(
    ("fault", "is_undone", "again_in_s"),
    [
        pytest.param(Fault(status=400), True, None, id="bad request"),
        pytest.param(Fault(status=403), True, None, id="forbidden"),
        pytest.param(Fault(status=429, retry_after="7"), True, 7.0, id="too often"),
        pytest.param(Fault(status=500), False, None, id="server error"),
        pytest.param(Fault(status=503, retry_after="9"), False, 9.0, id="not now"),
        pytest.param(Fault(trouble=Trouble.DISCONNECT), False, None, id="cut connection"),
        pytest.param(Fault(trouble=Trouble.GARBAGE), False, None, id="no JSON"),
    ],
)
async def test_what_the_crm_may_have_done_is_told(
    connector: Connector, crm: GenericCrm, fault: Fault, is_undone: bool, again_in_s: float | None
) -> None:
    crm.faults.next(fault)
    error = await failed(connector, HookName.CREATE_ACTIVITY)
    assert (error.is_undone, error.again_in_s) == (is_undone, again_in_s)
    assert error.sent is not None
    assert len(crm.requests) == 1


async def test_a_creation_whose_connection_is_cut_is_not_sent_twice(connector: Connector, crm: GenericCrm) -> None:
    """Not even where the connection was kept from a request before."""
    await connector.run(HookName.CREATE_ACTIVITY, CALL, deadline_s=S)
    crm.faults.next(Fault(trouble=Trouble.DISCONNECT, is_done=True))
    error = await failed(connector, HookName.CREATE_ACTIVITY)
    assert not error.is_undone
    assert len(crm.activities) == 2


async def test_a_deadline_that_ends_while_the_crm_thinks_leaves_it_open(connector: Connector, crm: GenericCrm) -> None:
    crm.faults.next(Fault(trouble=Trouble.HANG))
    asking = asyncio.create_task(failed(connector, HookName.CREATE_ACTIVITY))
    await crm.until(lambda: len(crm.requests) == 1)
    leap(S)
    error = await asking
    assert (error.failure.code, error.is_undone) == ("crm_timeout", False)


async def test_a_question_is_always_undone(connector: Connector, crm: GenericCrm) -> None:
    crm.faults.next(Fault(trouble=Trouble.HANG), Fault(status=500))
    asking = asyncio.create_task(failed(connector, HookName.FIND_ACTIVITY))
    await crm.until(lambda: len(crm.requests) == 1)
    leap(S)
    assert (await asking).is_undone
    assert (await failed(connector, HookName.FIND_ACTIVITY)).is_undone


async def test_a_crm_that_is_away_has_done_nothing(connector: Connector, crm: GenericCrm) -> None:
    await crm.stop()
    error = await failed(connector, HookName.CREATE_ACTIVITY)
    assert (error.failure.code, error.is_undone) == ("crm_unreachable", True)


async def test_the_guard_lets_nobody_to_an_address_that_is_not_allowed(crm: GenericCrm) -> None:
    async with connected(settings_for(crm), guard=NetworkGuard()) as connector:
        error = await failed(connector, HookName.CREATE_ACTIVITY)
    assert (error.failure.code, error.is_undone) == ("network_denied", True)
    assert crm.requests == []


async def test_a_crm_that_fails_is_not_asked_for_a_while_and_callers_are(connector: Connector, crm: GenericCrm) -> None:
    crm.faults.mishap = lambda method, _: Fault(status=500) if method == "POST" else None
    for _ in range(10):
        await failed(connector, HookName.CREATE_ACTIVITY)
    asked = len(crm.requests)
    error = await failed(connector, HookName.CREATE_ACTIVITY)
    assert (error.failure.code, error.is_undone) == ("breaker_open", True)
    assert len(crm.requests) == asked
    await connector.run(HookName.FIND_CONTACT, {**CALL, "phone": "+1"}, deadline_s=S)


async def test_work_that_hangs_takes_no_place_from_callers(connector: Connector, crm: GenericCrm) -> None:
    crm.faults.mishap = lambda method, _: Fault(trouble=Trouble.HANG) if method == "POST" else None
    work = [asyncio.create_task(failed(connector, HookName.CREATE_ACTIVITY)) for _ in range(20)]
    await crm.until(lambda: len(crm.requests) == 8)
    await connector.run(HookName.FIND_CONTACT, {**CALL, "phone": "+1"}, deadline_s=S)
    leap(S)
    errors = await asyncio.gather(*work)
    assert {error.failure.code for error in errors} == {"crm_timeout", "crm_busy"}
    assert all(error.is_undone == (error.failure.code == "crm_busy") for error in errors)


async def test_the_login_stands_as_the_crm_sees_it(connector: Connector, crm: GenericCrm) -> None:
    assert connector.standing().state is LoginState.UNTRIED
    await connector.run(HookName.USERS, {}, deadline_s=S)
    assert connector.standing().state is LoginState.OK
    crm.accept("Bearer another")
    await failed(connector, HookName.USERS)
    standing = connector.standing()
    assert standing.state is LoginState.REFUSED
    assert "agi-router crm login crm" in standing.remedy
    crm.accept(f"Bearer {TOKEN}")
    await connector.take(None)  # as somebody logs in again
    await connector.run(HookName.USERS, {}, deadline_s=S)
    assert connector.standing().state is LoginState.OK


async def test_a_refused_login_is_not_shown_again_and_again(connector: Connector, crm: GenericCrm) -> None:
    """A CRM that locks out who guesses would refuse the right password as well."""
    crm.accept("Bearer another")
    crm.refusal = 401
    await failed(connector, HookName.CREATE_ACTIVITY)
    error = await failed(connector, HookName.CREATE_ACTIVITY)
    assert (error.failure.code, error.is_undone) == ("crm_login_refused", True)
    assert error.again_in_s is not None
    assert 10 < error.again_in_s <= 15
    assert len(crm.requests) == 1


async def test_without_what_only_a_person_can_give_nothing_is_sent(crm: GenericCrm) -> None:
    async with connected(settings_for(crm, properties={"Base URL": crm.url})) as connector:
        error = await failed(connector, HookName.CREATE_ACTIVITY)
        assert (error.failure.code, error.is_undone, error.is_final) == ("crm_login_needed", True, False)
        standing = connector.standing()
        assert (standing.state, standing.missing) == (LoginState.NEEDED, ("Access token",))
        await connector.take(Login(connector="crm", properties={"Access token": TOKEN}, at=datetime.now(UTC)))
        await connector.run(HookName.CREATE_ACTIVITY, CALL, deadline_s=S)
        assert connector.standing().state is LoginState.OK


async def test_what_the_configuration_gives_goes_before_a_login(crm: GenericCrm) -> None:
    login = Login(connector="crm", properties={"Access token": "an old one"}, at=datetime.now(UTC))
    async with connected(settings_for(crm), login=login) as connector:
        await connector.run(HookName.USERS, {}, deadline_s=S)


async def test_a_hook_that_the_document_lacks_is_final(crm: GenericCrm) -> None:
    settings = settings_for(crm)
    hooks: dict[HookName, Hook] = {HookName.USERS: settings.document.hooks[HookName.USERS]}
    async with connected(replace(settings, document=replace(settings.document, hooks=hooks))) as connector:
        error = await failed(connector, HookName.CREATE_ACTIVITY)
    assert (error.failure.code, error.is_undone, error.is_final) == ("crm_no_hook", True, True)


async def test_a_private_authority_is_trusted_where_it_is_named(crm: GenericCrm, tmp_path: Path) -> None:
    authority, ca_file = trustme.CA(), tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    async with api(replies(text='{"id": "a1"}', status=201), tls) as port:
        properties = {**settings_for(crm).properties, "Base URL": f"https://127.0.0.1:{port}/"}
        async with connected(settings_for(crm, properties=properties)) as connector:
            error = await failed(connector, HookName.CREATE_ACTIVITY)
        async with connected(settings_for(crm, properties=properties, ca_file=ca_file)) as connector:
            answer = await connector.run(HookName.CREATE_ACTIVITY, CALL, deadline_s=S)
    assert (error.failure.code, error.is_undone) == ("crm_tls", True)
    assert "ca_file of the connector" in error.failure.remedy
    assert answer.records[0]["activity_id"] == "a1"
