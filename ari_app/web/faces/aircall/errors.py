"""Errors as Aircall tells them: what is wrong, and what to do."""

from typing import Any, Final

from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field

from ari_app.web.problems import ProblemError

_STATUSES: Final = {403: 400, 409: 400, 422: 400}
"""403 would tell a program that its key is wrong."""


class Refusal(BaseModel):
    """Why a request was not granted."""

    error: str = Field(examples=["no user has the id 457"])
    troubleshoot: str = Field(examples=["name a user of directory.users, or add him there"])


def tell(error: ProblemError) -> Response:
    """The answer to a request that ended in an error. Who may not come in is asked for Basic authentication."""
    problem, remedy, headers = error.problem, error.problem.remedy, dict(error.headers)
    status = _STATUSES.get(problem.status, problem.status)
    if problem.code == "unauthorized":
        remedy = "Send Basic authentication, of a key agr_ID_SECRET: ID as the name, SECRET as the password."
    if status == 401:
        headers["www-authenticate"] = 'Basic realm="agi-router"'
    refusal = Refusal(error=problem.detail, troubleshoot=remedy)
    return JSONResponse(refusal.model_dump(), status, headers=headers)


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For `responses` of a path operation: these statuses come with a Refusal."""
    return {status: {"model": Refusal} for status in statuses}
