"""What an answer means that is none: whether the CRM has done anything, and whether it is worth asking again."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from agi_router.routing.errors import Failure, RoutingError
from agi_router.routing.path import JsonPath
from ari_app.crm.document.model import Hook

LONGEST_WORDS: Final = 300
_USUAL: Final = tuple(
    JsonPath.parse(path)
    for path in (
        *("error.message", "message", "error_description", "error.data.message", "errors[0].message", "errors[0]"),
        *("[0].message", "detail", "title", "error"),
    )
)
"""Where APIs use to put their words."""
_MAYBE_DONE: Final = frozenset({408, 499})
_WORTH_ANOTHER_TRY: Final = frozenset({401, 403, 408, 423, 425, 429, 499})


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """An answer that is a failure. `is_undone` and `is_final` are those of `HookError`."""

    failure: Failure
    is_undone: bool
    is_final: bool


def of_status(hook: Hook, status: int, content: Any) -> Unread:
    """What a status other than 2xx means (RFC 9110 section 15); `content` is the answer's JSON, None without."""
    words = _words(hook, content)
    code, remedy = _meaning(status)
    return Unread(
        failure=Failure(code, f"{hook.name}: the CRM answered {status}{words and f': {words}'}", remedy),
        is_undone=300 <= status < 500 and status not in _MAYBE_DONE,
        is_final=status < 500 and status not in _WORTH_ANOTHER_TRY,
    )


def of_error(hook: Hook, content: Any) -> Unread:
    """What the document's rule says of an answer with a good status: the CRM did not want to."""
    words = _words(hook, content) or "it does not say why"
    remedy = "correct what the CRM complains about; agi-router crm try shows request and answer"
    failure = Failure("crm_refused", f"{hook.name}: the CRM answered with an error: {words}", remedy)
    return Unread(failure=failure, is_undone=True, is_final=False)


def _meaning(status: int) -> tuple[str, str]:
    match status:
        case 401:
            return "crm_unauthorised", "log in again: agi-router crm login"
        case 403:
            return "crm_forbidden", "let the CRM's administrator give this login the right to do it"
        case 404 | 410:
            return "crm_not_found", "compare request_path with the CRM's API; what it names may have been deleted"
        case 429:
            return "crm_busy", "nothing: it is tried again later; ask the CRM's vendor for a higher limit"
        case _ if 300 <= status < 400:
            return "crm_redirect", "write the address that it leads to into base_url or request_path"
        case _ if status >= 500:
            return "crm_failed", "look into the CRM's log for this moment"
        case _:
            return "crm_refused", "correct what the CRM complains about; agi-router crm try shows request and answer"


def _words(hook: Hook, content: Any) -> str:
    return next(_found(hook, content), "")


def _found(hook: Hook, content: Any) -> Iterator[str]:
    for path in (*(hook.error.message if hook.error else ()), *_USUAL):
        try:
            node = path.node(content)
        except RoutingError:
            continue
        if isinstance(node, str) and node.strip():
            words = " ".join(node.encode("utf-8", "replace").decode().split())
            yield "".join(each for each in words if each.isprintable())[:LONGEST_WORDS]
