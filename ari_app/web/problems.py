"""Errors as Problem Details (RFC 9457): what is wrong, and what to do about it."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from itertools import islice
from typing import Any, Final

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match

from agi_router.routing.errors import Failure
from ari_app.control.settings import ControlError
from ari_app.domain.history import HistoryError
from ari_app.domain.unavailable import UnavailableError
from ari_app.live.webhook_forms import WebhookError

log = structlog.get_logger("agi_router.web")

MEDIA_TYPE: Final = "application/problem+json"
MOST_MISTAKES: Final = 50
"""So many are told of one request; who has made more is no person."""

URN: Final = "urn:agi-router:problem:"
"""Before a problem's code, for `type`: a name, and no address that anybody could follow."""


_OF_WEBHOOKS: Final = {
    **dict.fromkeys(("webhook_unknown", "delivery_unknown"), 404),
    **dict.fromkeys(("webhook_exists", "webhooks_full", "secret_lost"), 409),
}
"""All else that is refused of them is in the request."""


class Mistake(BaseModel):
    """One thing that is wrong with a request."""

    pointer: str = Field(description="where: a JSON Pointer into the body, or the name of a parameter")
    detail: str


class Problem(BaseModel):
    """What went wrong, for programs (`code`) and for people."""

    type: str = Field(examples=[f"{URN}unknown_call"])
    title: str = Field(description="of the status", examples=["Not Found"])
    status: int = Field(ge=400, le=599, examples=[404])
    code: str = Field(examples=["unknown_call"])
    detail: str = Field(examples=["no call has the id 20261121T0122"])
    remedy: str = Field(description="what to do", examples=["agi-router live lists those there are"])
    errors: list[Mistake] = Field(default_factory=list)
    call_id: str = Field(default="", description="of a request to place a call that was refused, and is on record")


class ProblemError(Exception):
    """Ends a request with a problem."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        remedy: str,
        *,
        errors: tuple[Mistake, ...] = (),
        headers: Mapping[str, str] | None = None,
        call_id: str = "",
    ) -> None:
        super().__init__(detail)
        self.problem = Problem(
            type=URN + code,
            title=HTTPStatus(status).phrase,
            status=status,
            code=code,
            detail=detail,
            remedy=remedy,
            errors=list(errors),
            call_id=call_id,
        )
        self.headers = dict(headers or {})


def failed(status: int, failure: Failure) -> ProblemError:
    """The problem of a failure that the router tells."""
    return ProblemError(status, failure.code, failure.message, failure.remedy)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For `responses` of a path operation: these statuses come with Problem Details."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}


Teller = Callable[[ProblemError], Response]
"""The answer for a request that ended like that."""


def tell_problems(app: FastAPI, tellers: Mapping[str, Teller]) -> None:
    """Have all errors of this application told as problems; those below a prefix by a teller of its own."""
    app.state.tellers = tellers
    app.add_exception_handler(ProblemError, _told)
    app.add_exception_handler(ControlError, _refused)
    app.add_exception_handler(WebhookError, _webhook)
    app.add_exception_handler(HistoryError, _unanswerable)
    app.add_exception_handler(UnavailableError, _unavailable)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _standard)
    app.add_exception_handler(Exception, _broken)


async def _told(request: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)
    return _response(request, error)


async def _refused(request: Request, error: Exception) -> Response:
    """What the doors of commands refuse: "what is wrong [code]", and a remedy."""
    assert isinstance(error, ControlError)
    message, _, rest = str(error).rpartition(" [")
    code = rest.removesuffix("]") if message else "refused"
    return _response(request, ProblemError(422, code, message or str(error), error.remedy))


async def _webhook(request: Request, error: Exception) -> Response:
    assert isinstance(error, WebhookError)
    status = _OF_WEBHOOKS.get(error.code, 422)
    return _response(request, ProblemError(status, error.code, error.message, error.remedy))


async def _unanswerable(request: Request, error: Exception) -> Response:
    assert isinstance(error, HistoryError)
    return _response(request, ProblemError(422, error.code, str(error), error.remedy))


async def _unavailable(request: Request, error: Exception) -> Response:
    """The reason names files and servers, which are nobody's business outside."""
    assert isinstance(error, UnavailableError)
    log.warning("a request could not be answered", path=request.url.path, reason=str(error), remedy=error.remedy)
    problem = ProblemError(
        503,
        "database_unavailable",
        "the router's database cannot be used at the moment",
        "Ask again later; the reason is in the router's log.",
        headers={"retry-after": "5"},
    )
    return _response(request, problem)


async def _malformed(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = islice(error.errors(), MOST_MISTAKES)
    mistakes = tuple(Mistake(pointer=_pointer(each["loc"]), detail=mistake_text(each)) for each in found)
    first = mistakes[0]
    detail = f"{first.pointer or 'the body'}: {first.detail}"
    return _response(request, ProblemError(422, "bad_request", detail, "Correct it, and ask again.", errors=mistakes))


async def _standard(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    match error.status_code:
        case 404:
            problem = ProblemError(404, "not_found", f"there is nothing at {request.url.path}", "See /docs.")
        case 405:
            allowed = _methods(request)
            headers["Allow"] = ", ".join(allowed)
            detail = f"{request.method} is not for {request.url.path}"
            problem = ProblemError(405, "method_not_allowed", detail, f"Use {' or '.join(allowed)}.")
        case 413:
            problem = ProblemError(413, "body_too_long", str(error.detail), "Send less at a time.")
        case status:
            problem = ProblemError(status, "bad_request", str(error.detail), "Correct it, and ask again.")
    problem.headers |= headers
    return _response(request, problem)


async def _broken(request: Request, _error: Exception) -> Response:
    """Starlette raises the error again after this answer: what surrounds the application logs it."""
    return _response(
        request, ProblemError(500, "internal", "the router failed to answer this", "The reason is in the router's log.")
    )


def _response(request: Request, error: ProblemError) -> Response:
    tellers: Mapping[str, Teller] = request.app.state.tellers
    tell = next((tell for prefix, tell in tellers.items() if request.url.path.startswith(prefix)), problem_response)
    return tell(error)


def problem_response(error: ProblemError) -> Response:
    """It as Problem Details."""
    return JSONResponse(error.problem.model_dump(), error.problem.status, headers=error.headers, media_type=MEDIA_TYPE)


def _methods(request: Request) -> list[str]:
    """All methods of a path: Starlette tells those of the first route only."""
    matching = [
        each for each in iter_route_contexts(request.app.routes) if each.matches(request.scope)[0] is not Match.NONE
    ]
    # A path that stands there as it is is no value of another one's parameter.
    literal = [each for each in matching if each.path == request.url.path]
    return sorted({method for each in literal or matching for method in each.methods or ()})


def mistake_text(error: Mapping[str, Any]) -> str:
    """What is wrong there, in the words of this API where pydantic's are about its own classes."""
    match error["type"]:
        case "missing":
            return "is missing"
        case "model_type" | "model_attributes_type" | "dict_type":
            return "is no JSON object"
        case "extra_forbidden":
            return "there is no such field" if error["loc"][0] == "body" else "there is no such parameter"
        case _:
            return str(error["msg"]).removeprefix("Value error, ")


def _pointer(where: tuple[int | str, ...]) -> str:
    """A JSON Pointer (RFC 6901) for what is in the body; a parameter's name for what is not."""
    source, *path = where
    if source != "body":
        return str(path[0] if path else source)
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)
