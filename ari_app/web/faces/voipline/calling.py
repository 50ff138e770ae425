"""A call to a number: the user's phones ring and show it; when he picks up, it is called."""

from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from agi_router.routing.click_to_dial import CallRequest, First
from agi_router.routing.errors import Failure
from ari_app.calls.supervisor import Rejected
from ari_app.live.directory_names import Names
from ari_app.web.faces.bodies import OptionalWord, Word, checked, described, json_body
from ari_app.web.faces.voipline.access import Caller
from ari_app.web.faces.voipline.errors import refusals
from ari_app.web.failures import problem_of
from ari_app.web.services import Router

resource = APIRouter()


class CallToNumber(BaseModel):
    """Who is to speak with whom. What else is sent is passed over."""

    user_number: Word = Field(description="the user's extension, or his id or e-mail address", examples=["101"])
    number_to_call: Word = Field(description="E.164, with or without its plus", examples=["+12025550123"])
    caller_id: OptionalWord = Field(None, description="the number of yours that is shown", examples=["+14155550100"])


class Called(BaseModel):
    """A call as it was placed."""

    user_name: str = Field(examples=["Ada"])
    user_number: str = Field(examples=["101"])
    caller_id: str | None = Field(description="as it was asked for", examples=["+14155550100"])
    dest_number: str = Field(description="as it was asked for", examples=["+12025550123"])


class Success(BaseModel):
    """That it was."""

    status: Literal["success"] = "success"


class Placed(BaseModel):
    """The answer."""

    code: Literal[200] = 200
    data: Called
    message: Success = Success()


_FORMS: Final = frozenset({"multipart/form-data", "application/x-www-form-urlencoded"})


async def _body(request: Request) -> CallToNumber:
    """JSON, or a form."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in _FORMS:
        return await json_body(request, CallToNumber)
    async with request.form(max_files=0, max_fields=20) as form:
        return checked(CallToNumber, dict(form))


@resource.post(
    "/call-to-number",
    operation_id="voiplineCallToNumber",
    openapi_extra=described(CallToNumber, "application/json", "multipart/form-data"),
    responses=refusals(400, 401, 403, 404, 405, 409, 413, 429, 503),
)
async def call_to_number(router: Router, access: Caller, form: Annotated[CallToNumber, Depends(_body)]) -> Placed:
    """Place a call. The answer comes when the user's phones are about to ring; what became of it is in his calls."""
    names = Names(router.settings().routing)
    asked = form.user_number.strip()
    user = names.of_extension(asked) or router.routing.in_force.user_called(asked) or asked
    caller_id = (form.caller_id or "").strip()
    number = form.number_to_call.strip()
    request = CallRequest(user=user, number=number, caller_id=caller_id, first=First.AGENT, key=access.key)
    match await router.supervisor.place(request):
        case Failure() as why:
            raise problem_of(why)
        case Rejected(call_id, why):
            raise problem_of(why, call_id)
        case _:
            who = names.user(user)
    return Placed(
        data=Called(user_name=who.name, user_number=who.number, caller_id=caller_id or None, dest_number=number)
    )
