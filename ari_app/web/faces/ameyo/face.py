"""Ameyo's operation, at its path: a command is carried out, and answered when both speak, or it came to nothing."""

from typing import Any, Final

import structlog
from fastapi import APIRouter, Depends, Request, Response

from agi_router.routing.click_to_dial import CallRequest
from agi_router.routing.errors import Failure
from ari_app.access.scopes import Access
from ari_app.calls.steering_request import HangUp
from ari_app.calls.supervisor import Rejected
from ari_app.settings.faces_section import AmeyoSettings
from ari_app.web.faces.ameyo.access import Caller, Headers
from ari_app.web.faces.ameyo.answers import Answer, Dialled, NotDialled, became, refusals, refused, response, tell
from ari_app.web.faces.ameyo.reading import COMMANDS, ClickToDial, read
from ari_app.web.faces.face import Face
from ari_app.web.placing import waited
from ari_app.web.problems import problems
from ari_app.web.services import Router, Services

log = structlog.get_logger("agi_router.ameyo")

PREFIX: Final = "/ameyowebaccess"
PATH: Final = "/command"
PRINTED: Final = "/command={command:path}"

LONGEST_S: Final = 170.0
"""A call of which nothing has come by then is ended: whoever is told FAILURE may ask again, and rings nobody twice."""

_DESCRIPTION: Final = """\
Have an agent and a customer speak. The agent's phones ring, and when he picks up, the customer's (the other way round
where the campaign says so). The answer comes when both speak, or it is known that they will not.

`command` and `data` may stand in the query or in a form, `data` may also be the body. With or without a slash behind
the path. Section 5.6's form, `/ameyowebaccess/command=clickToCallWithToken&data={...}`, does as well.
"""

_EXAMPLE: Final = '{"userId": "456", "campaignId": "renewals", "phone": "12025550123"}'


async def _command(request: Request, router: Router, access: Caller) -> Response:
    return await _carried_out(request, router, access)


async def _printed_command(request: Request, router: Router, access: Caller) -> Response:
    return await _carried_out(request, router, access, request.scope["raw_path"].decode("latin-1"))


async def _carried_out(request: Request, router: Services, access: Access, printed: str = "") -> Response:
    asked = await read(request, printed)
    return response(await _call(router, asked.data, access.key), asked.charset)


async def _call(router: Services, data: ClickToDial, key: str) -> Answer:
    request = CallRequest(
        user=data.userId, number=data.phone, campaign=data.campaignId, parameters=data.parameters, key=key
    )
    match await router.supervisor.place(request):
        case Failure() as why:
            return _refused(why, request)
        case Rejected(_, why):
            return _refused(why, request)
        case call_id:
            record = await waited(router, call_id, "answered", LONGEST_S)
    if record.answered_at is None and record.ended_at is None:
        await router.supervisor.steer(call_id, HangUp())
    return became(record, data.phone)


def _refused(why: Failure, request: CallRequest) -> NotDialled:
    """Ameyo's words hide most reasons: the log has them."""
    asked = {"user": request.user, "campaign": request.campaign, "key": request.key}
    log.info("a click to dial was refused", reason=why.code, **asked)
    return refused(why, request.campaign)


def ameyo_face(settings: AmeyoSettings) -> Face:
    """The face as it is configured."""
    headers = Headers(settings)
    resource = APIRouter(prefix=PREFIX, tags=["Ameyo"], dependencies=[Depends(headers)])
    for method in ("GET", "POST"):
        resource.add_api_route(
            PATH,
            _command,
            methods=[method],
            operation_id=f"ameyoCommandBy{method.title()}",
            summary="Click to dial",
            description=_DESCRIPTION,
            response_model=Dialled | NotDialled,
            responses=refusals(400, 401, 405, 413, 429) | problems(431),
            openapi_extra=_openapi(method, headers),
        )
    for path, operation in ((f"{PATH}/", _command), (PRINTED, _printed_command)):
        resource.add_api_route(path, operation, methods=["GET", "POST"], include_in_schema=False)
    return Face(prefix=f"{PREFIX}/", resource=resource, tell=tell)


def _openapi(method: str, headers: Headers) -> dict[str, Any]:
    """What the operation reads by itself."""
    shape = ClickToDial.model_json_schema()
    command: dict[str, Any] = {"type": "string", "enum": list(COMMANDS), "examples": [COMMANDS[0]]}
    in_query = {"name": "command", "in": "query", "required": True, "schema": command}
    if method == "GET":
        data = {"name": "data", "in": "query", "required": True, "content": {"application/json": {"schema": shape}}}
        return {"parameters": [in_query, data, *headers.parameters]}
    text = {"type": "string", "contentMediaType": "application/json", "contentSchema": shape, "examples": [_EXAMPLE]}
    form = {"type": "object", "properties": {"data": text}, "required": ["data"]}
    content = {"application/json": {"schema": shape}, "application/x-www-form-urlencoded": {"schema": form}}
    return {"parameters": [in_query, *headers.parameters], "requestBody": {"required": True, "content": content}}
