"""What all faces have in common: errors in the words of their vendor, and keys that are made for them."""

import socket

import aiohttp
import pytest
from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse, Response

from ari_app.access.scopes import Scope
from ari_app.settings.web_section import Listener, WebSettings
from ari_app.web.app import build
from ari_app.web.faces.face import Face, FaceDoor
from ari_app.web.problems import ProblemError
from ari_app.web.server import WebServer
from sandbox.layout import free_port
from tests.component.web.rig import TOKEN, WebRig

resource = APIRouter()
door = FaceDoor(Scope.FACE_VOIPLINE, lambda request: request.headers.getlist("token"))


@resource.get("/vendor/rows", dependencies=[Depends(door)])
async def rows(limit: int = 0) -> dict[str, int]:
    return {"limit": limit // limit}


def tell(error: ProblemError) -> Response:
    return JSONResponse({"oops": error.problem.code}, error.problem.status)


@pytest.mark.parametrize(
    ("method", "path", "token", "answer"),
    [
        ("GET", "/vendor/rows?limit=1", TOKEN, (200, {"limit": 1})),
        ("GET", "/vendor/rows", TOKEN, (500, {"oops": "internal"})),
        ("GET", "/vendor/rows?limit=x", TOKEN, (422, {"oops": "bad_request"})),
        ("GET", "/vendor/rows", "", (401, {"oops": "unauthorized"})),
        ("GET", "/vendor/rows", TOKEN[:-1], (401, {"oops": "unauthorized"})),
        ("POST", "/vendor/rows", TOKEN, (405, {"oops": "method_not_allowed"})),
        ("GET", "/vendor/nothing", TOKEN, (404, {"oops": "not_found"})),
    ],
)
async def test_every_error_of_a_face_has_its_form(
    web: WebRig, method: str, path: str, token: str, answer: tuple[int, object]
) -> None:
    assert await asked(web, method, path, token) == answer


async def test_a_key_of_something_else_is_not_let_in(web: WebRig) -> None:
    web.scopes = set(Scope) - {Scope.FACE_VOIPLINE}
    assert await asked(web, "GET", "/vendor/rows?limit=1", TOKEN) == (401, {"oops": "scope_missing"})


async def test_errors_elsewhere_remain_problems(web: WebRig) -> None:
    status, told = await asked(web, "GET", "/api/v1/nothing", "")
    assert (status, told["code"]) == (404, "not_found")


async def asked(web: WebRig, method: str, path: str, token: str) -> tuple[int, dict[str, object]]:
    listener = Listener("127.0.0.1", free_port("127.0.0.1", socket.SOCK_STREAM))
    app = build(web.services, [Face(prefix="/vendor/", resource=resource, tell=tell)])
    async with WebServer(WebSettings(listen=(listener,)), app), aiohttp.ClientSession() as http:
        headers = {"token": token} if token else {}
        async with http.request(method, f"http://{listener}{path}", headers=headers) as answer:
            return answer.status, await answer.json(content_type=None)
