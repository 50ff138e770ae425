"""Ameyo: what became of a click-to-dial, read from the two families of answers.

Refused before dialling:  {"status": "error", "reason": ..., "details": ...}
Dialled:                  {"result": "SUCCESS" | "FAILURE", "reason": ...}
"""

import re
from dataclasses import dataclass
from typing import assert_never

from tests.clients import strict

NOT_AVAILABLE = "Agent is not available to take the call"
# the page breaks the line before the campaign id; any run of white space is taken
NOT_IN_CAMPAIGN = re.compile(r"Agent: agent is not working in campaign:\s*(?P<campaign>\S.*)")
# Java's print of a map; `=` is printed as \u003d once and lost elsewhere, leaving a backslash
FLOW = re.compile(
    r"\s*\{\s*node\.flow\.id\s*[=\\]\s*(?P<flow>[^,{}=\\]+?)\s*"
    r",\s*metaData\s*[=\\]\s*(?P<meta>[^,{}=\\]+?)\s*"
    r"(?:,\s*node\.flow\.error\.reason\s*=\s*(?P<error>\[.*\])\s*)?\}\s*",
    re.DOTALL,
)


@dataclass(frozen=True)
class Flow:
    """The ids that every answer after dialling carries, and the reason of a failure as printed."""

    flow_id: str
    metadata_id: str
    error: tuple[str, ...] = ()


@dataclass(frozen=True)
class AgentNotInCampaign:
    """The page's case 1, "if the agent is on break"."""

    campaign_id: str


@dataclass(frozen=True)
class AgentNotAvailable:
    """The page's case 2, "Agent is not logged in"."""


@dataclass(frozen=True)
class OtherRefusal:
    """A refusal that the page does not print, such as of an unknown campaign."""

    reason: str
    details: str


@dataclass(frozen=True)
class MediaError:
    """Case 3, "if the error is occurred due to the Telephony media"."""

    flow: Flow
    phone: str
    cause: str


@dataclass(frozen=True)
class AgentDidNotAnswer:
    """Case 4."""

    flow: Flow


@dataclass(frozen=True)
class CustomerDidNotAnswer:
    """Case 5."""

    flow: Flow
    phone: str


@dataclass(frozen=True)
class Connected:
    """Case 6, "if call is connected to the Customer"."""

    flow: Flow


Refused = AgentNotInCampaign | AgentNotAvailable | OtherRefusal
Dialled = MediaError | AgentDidNotAnswer | CustomerDidNotAnswer | Connected
Outcome = Refused | Dialled


def outcome(text: str) -> Outcome:
    """Read one answer's body; whatever is of neither family, or mixes them, raises."""
    body = strict.document(text)
    if "status" in strict.any_fields(body, "answer", ()):
        return _refused(strict.fields(body, "answer", {"status", "reason", "details"}))
    return _dialled(strict.fields(body, "answer", {"result", "reason"}))


def is_connected(result: Outcome) -> bool:
    """Tell what the agent's screen shows: a call, or a reason why there is none."""
    match result:
        case Connected():
            return True
        case AgentNotInCampaign() | AgentNotAvailable() | OtherRefusal():
            return False
        case MediaError() | AgentDidNotAnswer() | CustomerDidNotAnswer():
            return False
        case _:
            assert_never(result)


def _refused(body: dict[str, object]) -> Refused:
    if body["status"] != "error":
        raise strict.WrongShapeError(f"status: {body['status']!r}")
    reason = strict.filled_string(body["reason"], "reason")
    details = strict.filled_string(body["details"], "details")
    on_break = NOT_IN_CAMPAIGN.fullmatch(reason)
    if (on_break or reason == NOT_AVAILABLE) and details != reason:
        raise strict.WrongShapeError(f"details {details!r} differ from reason {reason!r}")
    if on_break:
        return AgentNotInCampaign(on_break["campaign"])
    if reason == NOT_AVAILABLE:
        return AgentNotAvailable()
    return OtherRefusal(reason, details)


def _dialled(body: dict[str, object]) -> Dialled:
    result = body["result"]
    flow = _flow(body["reason"])
    match result, flow.error:
        case "SUCCESS", ():
            return Connected(flow)
        case "FAILURE", ("Party.did.not.answer", "agent"):
            return AgentDidNotAnswer(flow)
        case "FAILURE", ("Party.did.not.answer", phone):
            return CustomerDidNotAnswer(flow, phone)
        case "FAILURE", ("Party.could.not.be.connected.Reason", phone, cause):
            return MediaError(flow, phone, cause)
    raise strict.WrongShapeError(f"result {result!r} with {flow.error!r}")


def _flow(reason: object) -> Flow:
    """Read `reason`: a string per 5.4.3 and cases 3 and 4, an object as cases 5 and 6 open it."""
    if isinstance(reason, str):
        printed = FLOW.fullmatch(reason)
        if printed:
            error = _words(strict.document(printed["error"])) if printed["error"] else ()
            return Flow(printed["flow"], printed["meta"], error)
        reason = strict.document(reason)
    error_field = "node.flow.error.reason"
    flow = strict.fields(reason, "reason", {"node.flow.id", "metaData"}, {error_field})
    return Flow(
        _id(flow["node.flow.id"], "node.flow.id"),
        _id(flow["metaData"], "metaData"),
        _words(flow[error_field]) if error_field in flow else (),
    )


def _id(value: object, where: str) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return strict.filled_string(value, where)


def _words(value: object) -> tuple[str, ...]:
    words = strict.array(value, "node.flow.error.reason")
    if not words:
        raise strict.WrongShapeError("node.flow.error.reason: names no reason")
    return tuple(strict.filled_string(word, "node.flow.error.reason") for word in words)
