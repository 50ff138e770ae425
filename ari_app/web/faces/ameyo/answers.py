"""Answers in Ameyo's two families, and which of its six printed ones a call gets that ended in another way.

Before dialling: {"status": "error", "reason", "details"}. After it: {"result": "SUCCESS" | "FAILURE", "reason"}, where
the reason is a text such as {node.flow.id=12,metaData=CALL,node.flow.error.reason=["Party.did.not.answer","agent"]}.
The page prints four of the six so that they are no JSON; here all are.
"""

import json
import re
from typing import Any, Final, Literal

from fastapi.responses import Response
from pydantic import BaseModel, Field

from agi_router.routing.errors import Failure
from ari_app.domain.record import CallRecord, Disposition
from ari_app.web.problems import ProblemError

NOT_AVAILABLE: Final = "Agent is not available to take the call"
_NOT_THERE: Final = frozenset(
    {
        *("agent_not_registered", "agent_not_logged_in", "agent_in_call", "agent_dnd", "agent_wrap_up"),
        *("agents_not_free", "user_no_devices"),
    }
)
_NOT_IN_CAMPAIGN: Final = frozenset({"agent_paused", "campaign_unknown", "campaign_inbound"})

NO_CHANNEL: Final = "Requested channel not available"
_CAUSES: Final = {"busy": "User busy", "declined": "Call rejected", "not_found": "Unallocated number"}
"""Of a customer who was reached, and does not speak: in the words of Q.850, of which NO_CHANNEL is one."""
_SILENT: Final = frozenset({"no_answer", "unconfirmed"})
_SPOKEN: Final = frozenset({Disposition.ANSWERED, Disposition.TO_DIALPLAN, Disposition.TO_VOICEMAIL})
_CUT: Final = re.compile(r"[,{}=\\\s]")
"""Would end an id in the text of a reason."""


class NotDialled(BaseModel):
    """Nothing has rung."""

    status: Literal["error"] = "error"
    reason: str = Field(examples=[NOT_AVAILABLE])
    details: str = Field(examples=[NOT_AVAILABLE], description="the same, or what to do about it")


class Dialled(BaseModel):
    """What became of the call: SUCCESS when both speak."""

    result: Literal["SUCCESS", "FAILURE"]
    reason: str = Field(examples=["{node.flow.id=renewals,metaData=20261121T114416-b09fa47b187a}"])


Answer = NotDialled | Dialled


def refused(why: Failure, campaign: str) -> NotDialled:
    """The call must not be placed."""
    if why.code in _NOT_THERE:
        return NotDialled(reason=NOT_AVAILABLE, details=NOT_AVAILABLE)
    if why.code in _NOT_IN_CAMPAIGN:
        reason = f"Agent: agent is not working in campaign: {campaign}"
        return NotDialled(reason=reason, details=reason)
    return NotDialled(reason=why.message, details=f"{why.message}; {why.remedy}")


def became(record: CallRecord, phone: str) -> Dialled:
    """The call was placed, and this is its record; `phone` is the customer's number as it was asked for."""
    flow = {"node.flow.id": _CUT.sub("_", record.campaign), "metaData": record.call_id}
    if record.answered_at is None and record.disposition not in _SPOKEN:
        words = json.dumps(_error(record, phone), separators=(",", ":"), ensure_ascii=False)
        return Dialled(result="FAILURE", reason=_map(flow | {"node.flow.error.reason": words}))
    return Dialled(result="SUCCESS", reason=_map(flow))


def _error(record: CallRecord, phone: str) -> list[str]:
    first_answered = bool(record.channel_id)
    missing = "customer" if first_answered == (record.first == "agent") else "agent"
    if record.disposition in {Disposition.FAILED, Disposition.INTERRUPTED}:
        return ["Party.could.not.be.connected.Reason", phone, NO_CHANNEL]
    if missing == "agent":
        return ["Party.did.not.answer", "agent"]
    if record.disposition is Disposition.CUSTOMER_UNREACHED and record.reason not in _SILENT:
        return ["Party.could.not.be.connected.Reason", phone, _CAUSES.get(record.reason, NO_CHANNEL)]
    return ["Party.did.not.answer", phone]


def _map(entries: dict[str, str]) -> str:
    return "{" + ",".join(f"{name}={value}" for name, value in entries.items()) + "}"


def response(answer: Answer, charset: str = "", status: int = 200, headers: dict[str, str] | None = None) -> Response:
    r"""It as JSON in this charset. All of it is ASCII, and "=" is \u003d, as the page has it."""
    text = json.dumps(answer.model_dump(), separators=(",", ":")).replace("=", r"\u003d")
    media_type = f"application/json; charset={charset}" if charset else "application/json"
    return Response(text.encode(charset or "ascii"), status, headers, media_type)


def tell(error: ProblemError) -> Response:
    """The answer to a request that ended in an error. Its status is our choice: the page tells of none."""
    problem = error.problem
    status = 400 if problem.status == 422 else problem.status
    reason, details = problem.detail, f"{problem.detail}; {problem.remedy}"
    if problem.code == "unauthorized":
        reason, details = "Not authorised", "send a key with the scope face:ameyo as Hash-key, from one of its networks"
    return response(NotDialled(reason=reason, details=details), status=status, headers=error.headers)


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For `responses` of a path operation: these statuses come with the first family."""
    return {status: {"model": NotDialled} for status in statuses}
