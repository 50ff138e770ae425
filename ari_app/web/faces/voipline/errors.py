"""Errors as VoIPline's programs may expect them: the envelope of an answer, and the code in it is the status.

Its pages show 401 alone, and no body. What a request that has a mistake gets is our choice: 400.
"""

from typing import Any, Final, Literal

from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field

from ari_app.web.problems import ProblemError

_STATUSES: Final = {422: 400}


class Said(BaseModel):
    """`status` is as in the answer to a call that was placed, for programs that look at it alone."""

    status: Literal["error"]
    text: str = Field(examples=["Not authorised"], description="what is wrong, and what to do about it")


class Refusal(BaseModel):
    """Why a request was not granted."""

    code: int = Field(ge=400, le=599, examples=[401])
    message: Said


def tell(error: ProblemError) -> Response:
    """The answer to a request that ended in an error."""
    problem = error.problem
    status, headers = _STATUSES.get(problem.status, problem.status), dict(error.headers)
    if status == 401:
        headers["www-authenticate"] = 'token realm="agi-router"'  # there has to be one (RFC 9110, section 15.5.2)
    text = "Not authorised" if status == 401 else f"{problem.detail}; {problem.remedy}"
    refusal = Refusal(code=status, message=Said(status="error", text=text))
    return JSONResponse(refusal.model_dump(), status, headers=headers)


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For `responses` of a path operation: these statuses come with a Refusal."""
    return {status: {"model": Refusal} for status in statuses}
