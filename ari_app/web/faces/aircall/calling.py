"""A user's new call: his phones ring, and when he picks up, the number is called."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import BaseModel, BeforeValidator, Field, StrictInt

from agi_router.routing.click_to_dial import CallRequest, First
from agi_router.routing.errors import Failure
from ari_app.calls.supervisor import Rejected
from ari_app.web.faces.aircall.access import Caller
from ari_app.web.faces.aircall.errors import refusals
from ari_app.web.faces.bodies import described, json_body
from ari_app.web.failures import problem_of
from ari_app.web.problems import ProblemError
from ari_app.web.services import Router

resource = APIRouter()


def _whole(value: object) -> object:
    """14155550100.0 is a whole number too, as JSON Schema has it."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


class NewCall(BaseModel):
    """With whom, and which number of ours he sees. What else is sent is passed over."""

    number_id: Annotated[StrictInt, Field(ge=0, le=10**15), BeforeValidator(_whole)] | None = Field(
        None,
        description="the digits of a number of yours, with its country code; null: the trunk's",
        examples=[14155550100],
    )
    to: str = Field(min_length=1, max_length=128, examples=["+12025550123"])


async def _body(request: Request, _: Caller) -> NewCall:
    return await json_body(request, NewCall)


@resource.post(
    "/users/{user_id}/calls",
    operation_id="aircallStartCall",
    status_code=204,
    response_class=Response,
    openapi_extra=described(NewCall, "application/json"),
    responses=refusals(400, 401, 404, 405, 413, 429, 503),
)
async def start_call(
    router: Router,
    caller: Caller,
    user_id: Annotated[str, Path(min_length=1, max_length=254)],
    asked: Annotated[NewCall, Depends(_body)],
) -> None:
    """Place a call. 404: there is no such user. 405: he cannot take it now."""
    if all(user.id != user_id for user in router.settings().routing.users):
        raise ProblemError(404, "user_unknown", f"no user has the id {user_id}", "name a user of directory.users")
    caller_id = "" if asked.number_id is None else f"+{asked.number_id}"
    request = CallRequest(user=user_id, number=asked.to, caller_id=caller_id, first=First.AGENT, key=caller.key)
    match await router.supervisor.place(request):
        case Failure() as why:
            raise _refusal(why)
        case Rejected(call_id, why):
            raise _refusal(why, call_id)


def _refusal(why: Failure, call_id: str = "") -> ProblemError:
    """As a user who is not available, if that is why; what else is not found here is no address of a user."""
    problem = problem_of(why, call_id)
    status = problem.problem.status
    if why.code.startswith("agent"):
        problem.problem.status = 405
    elif status == 404:
        problem.problem.status = 400
    return problem
