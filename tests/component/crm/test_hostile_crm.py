"""A CRM that is broken or means harm, asked by a connector over real HTTP."""

import asyncio
import json
import time
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from agi_router.lookup.grants import ShortMemory
from ari_app.crm.connector import Connector
from ari_app.crm.document import Document, read, shipped
from ari_app.crm.document.limits import limits
from ari_app.crm.settings import ConnectorSettings
from ari_app.crm.standing import LoginState
from ari_app.crm.told import connector_as_json
from ari_app.domain.crm import HookError, HookName, Upload
from ari_app.domain.crm_login import Login
from sandbox.api import bearer
from sandbox.crm import GenericCrm
from tests.component.crm.connecting import TOKEN, connected, settings_for
from tests.component.http_api import LOOPBACK, Handler, api, raw_server, replies

CALL = {"call_id": "call-1", "idempotency_key": "key-1", "direction": "inbound", "number": "+14155550177"}
S = 5.0


def document(folder: Path, **keys: Any) -> Document:
    users = {"request_path": "/users", "response_map": {"records": [{"Id": "$user_id$"}]}}
    file = folder / "crm.json"
    file.write_text(json.dumps({"id": "x", "name": "X", "base_url": "$URL$", "Users": users, **keys}))
    return read(file)


def generic(port: int, token: str = TOKEN) -> ConnectorSettings:
    properties = {"Base URL": f"http://127.0.0.1:{port}", "Access token": token}
    return ConnectorSettings(name="crm", document=shipped("generic"), properties=properties)


def named(settings: Document, port: int, **properties: str) -> ConnectorSettings:
    return ConnectorSettings(
        name="crm", document=settings, properties={"URL": f"http://127.0.0.1:{port}", **properties}
    )


async def failed(connector: Connector, hook: HookName, **values: str) -> HookError:
    with pytest.raises(HookError) as caught:
        await connector.run(hook, {**CALL, **values}, deadline_s=S)
    return caught.value


async def test_an_answer_of_many_records_does_not_stop_the_calls() -> None:
    """Each record takes microseconds: a hundred thousand of them in one go would be seconds without a router."""
    body = b'{"records": [' + b", ".join([b'{"id": 1}'] * 30_000) + b"]}"
    async with api(replies(body=body, content_type="application/json")) as port, connected(generic(port)) as connector:
        all_before, calls_before = time.process_time(), time.thread_time()
        answer = await connector.run(HookName.USERS, {}, deadline_s=60)
        all_s, of_calls_s = time.process_time() - all_before, time.thread_time() - calls_before
        assert len(answer.records) == 30_000
        assert of_calls_s < all_s / 2


async def test_a_search_that_finds_everybody_has_found_nobody() -> None:
    body = json.dumps({"records": [{"id": number} for number in range(1001)]}).encode()
    async with api(replies(body=body, content_type="application/json")) as port, connected(generic(port)) as connector:
        error = await failed(connector, HookName.FIND_CONTACT, phone="+14155550177")
        assert "the answer holds 1001 records, and at most 1000 are read" in error.failure.message


async def test_a_crm_that_dies_behind_its_headers_has_not_said_that_there_is_nothing() -> None:
    """Without a Content-Length the end of the connection is the end of the answer: an empty one."""

    async def dies(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n")
        await writer.drain()

    async with raw_server(dies) as port, connected(generic(port)) as connector:
        for hook in (HookName.FIND_ACTIVITY, HookName.FIND_CONTACT, HookName.USERS, HookName.CONTACTS):
            error = await failed(connector, hook, phone="+14155550177")
            assert (error.failure.code, error.is_final) == ("crm_answer", False)


async def test_refusals_at_the_same_time_are_one_refusal() -> None:
    """Eight calls during a hiccup must not keep the CRM from being asked for a quarter of an hour."""
    together = asyncio.Barrier(8)

    async def refusing(_: web.Request) -> web.Response:
        await together.wait()
        return web.json_response({"error": "who are you"}, status=401)

    async with api(refusing) as port, connected(generic(port)) as connector:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(8):
                tasks.create_task(failed(connector, HookName.FIND_CONTACT, phone="+14155550177"))
        assert 10 < connector.experience.pause_s <= 15


async def test_what_is_said_of_an_earlier_login_does_not_count_for_the_next(crm: GenericCrm) -> None:
    settings = settings_for(crm, properties={"Base URL": crm.url})
    crm.refusal = 401
    async with connected(
        settings, login=Login(connector="crm", properties={"Access token": "old"}, at=datetime.now(UTC))
    ) as connector:
        arrived, go_on = asyncio.Event(), asyncio.Event()

        async def slow(given: str) -> bool:
            if given == bearer("old"):
                arrived.set()
                await go_on.wait()
            return given == bearer(TOKEN)

        crm.authorise = slow
        late = asyncio.create_task(failed(connector, HookName.USERS))
        await arrived.wait()
        await connector.take(Login(connector="crm", properties={"Access token": TOKEN}, at=datetime.now(UTC)))
        go_on.set()
        assert (await late).status == 401
        assert connector.standing().state is LoginState.UNTRIED
        await connector.run(HookName.USERS, {}, deadline_s=S)
        assert connector.standing().state is LoginState.OK


def repeating(body: Any = None) -> Handler:
    """Tells back what it was sent, as debug pages do, in the JSON of PHP."""

    async def handler(request: web.Request) -> web.Response:
        told = json.dumps({"message": f"debug: {dict(request.headers)} {request.path_qs}", "more": body})
        return web.Response(text=told.replace("/", "\\/"), status=400, content_type="application/json")

    return handler


SECRET = 'p/a"ss+ é'


@pytest.mark.parametrize(
    ("auth", "secrets"),
    [
        ({"type": "basic", "username": "u", "password": "$Password$"}, {"Password": SECRET}),
        ({"type": "query", "name": "k", "value": "$Password$"}, {"Password": SECRET}),
        ({"type": "bearer", "token": "$A token$$B token$"}, {"A token": "hidden", "B token": "hidden-and-more/x"}),
    ],
)
async def test_what_a_crm_repeats_of_a_secret_is_told_to_nobody(
    tmp_path: Path, auth: Mapping[str, str], secrets: Mapping[str, str]
) -> None:
    made = document(tmp_path, auth=auth, properties=["URL", *({"name": name, "type": "password"} for name in secrets)])
    told_back = repeating({"all": list(secrets.values())})
    async with api(told_back) as port, connected(named(made, port, **secrets)) as connector:
        error = await failed(connector, HookName.USERS)
        told = repr(error.received) + repr(error.failure) + repr(error.sent)
        assert "debug" in told
        pair = b64encode(f"u:{SECRET}".encode()).decode().replace("/", "\\\\/")
        for part in ("a\\", "more", "hidden", "ss+", "ss%2B", pair):
            assert part not in told.replace('"more"', ""), part


async def test_an_access_token_that_a_crm_repeats_is_told_to_nobody(tmp_path: Path) -> None:
    async def issuing(_: web.Request) -> web.Response:
        return web.json_response({"access_token": "issued/token", "token_type": "Bearer", "expires_in": 3600})

    async with api(issuing) as tokens, api(repeating()) as port:
        oauth = {"client_id": "desk", "token_endpoint": f"http://127.0.0.1:{tokens}/token"}
        made = document(tmp_path, OAuth2=oauth, properties=["URL"])
        async with connected(named(made, port)) as connector:
            error = await failed(connector, HookName.USERS)
            assert "debug" in repr(error.received)
            assert "issued" not in repr(error.received) + repr(error.failure)


@pytest.mark.parametrize("endpoint", ["http://[", "http://127.0.0.1:99999/", "http://u:pw@127.0.0.1/", "ftp://x", "/x"])
@pytest.mark.parametrize("refresh_token", ["", "granted"])
async def test_a_token_endpoint_that_is_none_is_told(tmp_path: Path, endpoint: str, refresh_token: str) -> None:
    by_code = {"flow_type": "code", "authorization_endpoint": "http://127.0.0.1/"} if refresh_token else {}
    oauth = {"client_id": "desk", "token_endpoint": "$Token place$", **by_code}
    made = document(tmp_path, OAuth2=oauth, properties=["URL", "Token place"])
    login = Login(connector="crm", refresh_token=refresh_token, at=datetime.now(UTC))
    settings = named(made, 1, **{"Token place": endpoint})
    async with connected(settings, login=login) as connector:
        connector.keep_tokens_ready()
        error = await failed(connector, HookName.USERS)
        assert (error.failure.code, error.is_undone) == ("crm_address", True)
        assert "pw" not in error.failure.message
        told = connector_as_json(connector)
        assert (told["state"], told["remedy"]) == ("needed", error.failure.remedy)


@pytest.mark.parametrize("auth", ["basic", "query"])
async def test_a_property_that_no_encoding_holds_stops_nobody(tmp_path: Path, auth: str) -> None:
    how = {"basic": {"username": "u", "password": "$P$"}, "query": {"name": "k", "value": "$P$"}}[auth]
    made = document(tmp_path, auth={"type": auth, **how}, properties=["URL", {"name": "P", "type": "password"}])
    async with api(replies(text='{"records": [{"Id": 1}]}')) as port:
        async with connected(named(made, port, P="\ud800half")) as connector:
            answer = await connector.run(HookName.USERS, {}, deadline_s=S)
            assert answer.records == ({"user_id": "1"},)


async def test_a_crm_that_wants_to_be_left_alone_for_days_is_not() -> None:
    handler = replies(status=400, headers={"Retry-After": "999999"})
    async with api(handler) as port, connected(generic(port)) as connector:
        assert (await failed(connector, HookName.CREATE_ACTIVITY)).again_in_s == 3600


async def test_a_file_that_the_disk_does_not_give_is_no_fault_of_the_crm(crm: GenericCrm) -> None:
    dying = Path("/proc/self/mem")  # opens, and its first read fails
    upload = Upload(path=dying, file_name="call.wav", media_type="audio/wav")
    async with connected(settings_for(crm)) as connector:
        [activity] = (await connector.run(HookName.CREATE_ACTIVITY, CALL, deadline_s=S)).records
        with pytest.raises(HookError) as caught:
            await connector.run(HookName.UPDATE_CALL_RECORDING, {**CALL, **activity}, deadline_s=S, upload=upload)
        assert (caught.value.failure.code, caught.value.is_final) == ("crm_file_unreadable", False)
        assert "Input/output error" in caught.value.failure.message
        assert [status.failures for status in connector.upstreams()] == [0]


def test_a_secret_that_the_document_brings_is_told_to_nobody(tmp_path: Path) -> None:
    secret = {"name": "Key", "type": "password", "default": "written-by-the-author"}
    made = document(tmp_path, auth={"type": "bearer", "token": "$Key$"}, properties=["URL", secret])
    connector = Connector(named(made, 1), LOOPBACK, ShortMemory())
    assert connector.access.properties["Key"] == "written-by-the-author"
    assert "written" not in repr(connector_as_json(connector)) + connector.access.masked("written-by-the-author")
    assert any("whoever is shown the document has it" in limit for limit in limits(made))


async def test_what_is_wrong_with_a_token_endpoint_is_said_in_words_of_the_document(tmp_path: Path) -> None:
    async def babbles(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.com ESMTP\r\n")
        await writer.drain()

    async with raw_server(babbles) as port:
        oauth = {"client_id": "desk", "token_endpoint": f"http://127.0.0.1:{port}/token"}
        async with connected(named(document(tmp_path, OAuth2=oauth, properties=["URL"]), 1)) as connector:
            error = await failed(connector, HookName.USERS)
            assert (error.failure.code, error.is_undone) == ("oauth_unreachable", True)
            assert "token_endpoint of the document" in error.failure.remedy
