"""What holds for the whole API: errors as Problem Details, its OpenAPI, its page of docs."""

import asyncio
import json
import threading
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from ari_app.access.scopes import Scope
from ari_app.web.errors import WebError
from ari_app.web.server import WebServer
from tests.component.locking import writing_beside
from tests.component.web.rig import TOKEN, WebRig


async def test_without_a_key_nothing_is_told(web: WebRig) -> None:
    async with web.http.get(f"{web.url}/api/v1/live") as answer:
        problem = await answer.json(content_type=None)
    assert (answer.status, answer.content_type) == (401, "application/problem+json")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert (problem["status"], problem["code"], problem["title"]) == (401, "unauthorized", "Unauthorized")


async def test_a_key_without_the_scope_is_told_which_one_it_lacks(web: WebRig) -> None:
    web.scopes.discard(Scope.CALLS_READ)
    status, problem = await web.ask("GET", "/live")
    assert (status, problem["code"]) == (403, "scope_missing")
    assert "calls:read" in problem["detail"]


async def test_nothing_is_told_as_a_problem_with_a_next_step(web: WebRig) -> None:
    status, problem = await web.ask("GET", "/nothing")
    assert (status, problem["code"], problem["remedy"]) == (404, "not_found", "See /docs.")


async def test_nobody_is_sent_to_another_address_with_his_key(web: WebRig) -> None:
    for path in ("/api/v1/live/", "/api/v1/calls/", "/healthz/", "/docs/"):
        async with web.http.get(f"{web.url}{path}", headers={"host": "evil.example"}, allow_redirects=False) as answer:
            assert answer.status == 404, path


async def test_no_body_is_parsed_of_who_is_not_let_in(web: WebRig) -> None:
    for key in ({}, {"authorization": f"Bearer {TOKEN[:-1]}"}):
        headers = {"content-type": "application/json", **key}
        for path in ("/calls", "/live/x/hold", "/history/erasures"):
            status, problem = await web.ask("POST", path, data=b"[" * 100_000, headers=headers)
            assert (status, problem["code"]) == (401, "unauthorized"), path


async def test_a_request_with_any_number_of_mistakes_has_a_short_answer(web: WebRig) -> None:
    status, problem = await web.ask("POST", "/calls", json={f"x{number}": 1 for number in range(5000)})
    assert (status, len(problem["errors"])) == (422, 50)


async def test_the_longest_call_is_taken_and_a_longer_body_is_not(web: WebRig) -> None:
    longest = {"user": "456", "number": "1", "parameters": {f"{n:_>64}": "\u4e94" * 256 for n in range(64)}}
    assert (await web.ask("POST", "/calls", json=longest))[1]["code"] == "dialled_unknown"
    assert (await web.ask("POST", "/calls", json={"number": "1" * 150_000}))[0] == 413


@pytest.mark.parametrize("lengths", ["Content-Length: 5\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked"])
async def test_what_a_proxy_may_take_for_a_body_is_no_second_request(web: WebRig, lengths: str) -> None:
    version = "1.1" if "Content-Length" in lengths else "1.0"
    reader, writer = await asyncio.open_connection("127.0.0.1", int(web.url.rpartition(":")[2]))
    key = f"Host: pbx\r\nAuthorization: Bearer {TOKEN}\r\n"
    writer.write(f"POST /api/v1/live/x/hold HTTP/{version}\r\n{key}{lengths}\r\n\r\n0\r\n\r\n".encode())
    writer.write(f"GET /api/v1/whoami HTTP/1.1\r\n{key}\r\n".encode())
    answers = await reader.read()
    writer.close()
    assert answers.startswith(b"HTTP/1.1 400 ")
    assert answers.count(b"HTTP/1.1 ") == 1


async def test_a_database_that_fails_is_told_without_what_it_said(web: WebRig) -> None:
    async with writing_beside(web.settings.storage.path) as other:
        other.execute("ALTER TABLE calls RENAME TO gone")
    for path in ("/calls", "/calls/some", "/history/users"):
        async with web.http.get(f"{web.url}/api/v1{path}", headers={"authorization": f"Bearer {TOKEN}"}) as answer:
            problem = await answer.json(content_type=None)
        assert (answer.status, problem["code"]) == (503, "database_unavailable"), path
        assert answer.headers["retry-after"] == "5"
        assert not {"calls.db", "no such table"} & set(problem["detail"].split())
        assert str(web.settings.storage.path.parent) not in str(problem)


async def test_a_wrong_method_is_told_the_right_ones(web: WebRig) -> None:
    async with web.http.put(f"{web.url}/api/v1/live") as answer:
        problem = await answer.json(content_type=None)
    assert (answer.status, answer.headers["allow"], problem["code"]) == (405, "GET", "method_not_allowed")


async def test_a_wrong_method_is_told_the_right_ones_of_all_resources_with_this_path(web: WebRig) -> None:
    async with web.http.options(f"{web.url}/api/v1/calls") as answer:
        assert (answer.status, answer.headers.getall("allow")) == (405, ["GET, POST"])


def without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The page of docs reads it as YAML, where the same key twice is an error."""
    assert len(dict(pairs)) == len(pairs), [key for key, _ in pairs]
    return dict(pairs)


async def test_the_openapi_is_whole(web: WebRig) -> None:
    async with web.http.get(f"{web.url}/openapi.json") as answer:
        document = json.loads(await answer.text(), object_pairs_hook=without_doubles)
    assert document["openapi"].startswith("3.1")
    assert "Problem" in document["components"]["schemas"]
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    with_key = [operation for operation in operations if "security" in operation]
    assert with_key
    assert all(operation["responses"].keys() >= {"401", "429"} for operation in with_key)
    own = [each for path, operations in document["paths"].items() if "/v1/" in path for each in operations.values()]
    assert all("503" in operation["responses"] for operation in own if "security" in operation)


async def test_no_call_waits_while_the_openapi_is_made(web: WebRig, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[threading.Thread] = []

    def seen(*args: Any, **options: Any) -> Any:
        threads.append(threading.current_thread())
        return models_json_schema(*args, **options)

    monkeypatch.setattr("ari_app.web.app.models_json_schema", seen)
    async with web.http.get(f"{web.url}/openapi.json") as answer:
        assert answer.status == 200
    assert len(threads) == 1
    assert threads[0] is not threading.current_thread()


async def test_the_call_that_the_page_of_docs_tries_names_nothing_that_only_some_have(web: WebRig) -> None:
    async with web.http.get(f"{web.url}/openapi.json") as answer:
        [tried] = (await answer.json())["components"]["schemas"]["CallBody"]["examples"]
    status, placed = await web.ask("POST", "/calls", json=tried)
    assert (status, placed["state"]) == (202, "setup")


async def test_the_page_of_docs_needs_no_other_host(web: WebRig) -> None:
    async with web.http.get(f"{web.url}/docs") as answer:
        page = await answer.text()
    assert answer.status == 200
    assert "http://" not in page
    assert "https://" not in page
    async with web.http.get(f"{web.url}/static-offline-docs/swagger-ui-bundle.js") as script:
        assert script.status == 200


async def test_no_calls_are_live(web: WebRig) -> None:
    assert await web.ask("GET", "/live") == (200, {"items": [], "total": 0})


async def test_an_address_that_is_taken_is_told_with_what_to_do(web: WebRig) -> None:
    assert web.settings.web is not None
    with pytest.raises(WebError, match=r"cannot listen on 127.0.0.1:\d+: .* in use") as error:
        async with WebServer(web.settings.web, FastAPI()):
            pass
    assert "web.listen" in error.value.remedy
