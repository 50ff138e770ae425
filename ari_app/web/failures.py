"""Which HTTP status a failure has that the router tells: of a call, a message, an agent or a trial."""

from collections.abc import Mapping
from typing import Final

from agi_router.routing.errors import Failure
from agi_router.routing.volume_limits import Measure
from ari_app.web.problems import ProblemError

RETRY_AFTER_S: Final = {429: "5", 503: "5"}
"""What passes by itself, at the earliest after so many seconds."""

_IN_A_SECOND: Final = frozenset({"idempotency_in_flight", "key_calls_per_second"})
_FORBIDDEN: Final = {"caller_id_not_ours": 403}
_NOT_FOUND: Final = dict.fromkeys(("unknown_call", "unknown_party", "call_over"), 404)
_CONFLICT: Final = dict.fromkeys(("idempotency_outcome_unknown", "trunk_unknown", "queues_unknown", "dnd_unknown"), 409)
_OTHER_REQUEST: Final = {"idempotency_key_reused": 422}
_MALFORMED: Final = dict.fromkeys(("text_empty", "text_too_long", "sender_malformed", "crm_refused"), 422)
_TOO_MANY: Final = dict.fromkeys(
    (
        "too_many_requests",
        "key_concurrent_calls",
        "key_calls_per_second",
        "tests_busy",
        *(f"policy_{measure.value}" for measure in Measure),
    ),
    429,
)
_REFUSED_BY_ASTERISK: Final = dict.fromkeys(("asterisk_refused", "recording_failed"), 502)
_UNAVAILABLE: Final = dict.fromkeys(
    ("asterisk_unreachable", "idempotency_unavailable", "overload", "router_stops"), 503
)
_NO_ANSWER: Final = dict.fromkeys(("call_lost", "not_confirmed", "test_too_slow"), 504)

STATUSES: Final[Mapping[str, int]] = (
    _FORBIDDEN
    | _NOT_FOUND
    | _CONFLICT
    | _OTHER_REQUEST
    | _MALFORMED
    | _TOO_MANY
    | _REFUSED_BY_ASTERISK
    | _UNAVAILABLE
    | _NO_ANSWER
)


def status_of(code: str) -> int:
    """What has no status of its own is against the policy, names what there is not, or does not go as things stand."""
    if code in STATUSES:
        return STATUSES[code]
    if code.startswith("policy_"):
        return 403
    return 404 if code.endswith("_unknown") else 409


def problem_of(failure: Failure, call_id: str = "") -> ProblemError:
    """A failure as a problem; `call_id` is that of a refused request that is on record."""
    status = status_of(failure.code)
    headers = {"retry-after": RETRY_AFTER_S[status]} if status in RETRY_AFTER_S else {}
    if failure.code in _IN_A_SECOND:
        headers = {"retry-after": "1"}
    return ProblemError(status, failure.code, failure.message, failure.remedy, headers=headers, call_id=call_id)
