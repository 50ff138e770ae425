"""What a failed lookup says about the caller: nothing, as the API is down; or that it has nobody for him."""

from agi_router.routing.contact_owner import NOBODY as NOBODY_AT_CRM
from agi_router.routing.decision import ReceivedAnswer
from agi_router.routing.errors import Failure

# The API answered and did not come to the question: who asks is not let in (a credential ran out, like an OAuth2 token
# that cannot be had), it was too slow itself, or it is asked too often.
NOT_ASKED = frozenset({401, 403, 408, 429})
NOBODY = frozenset({204, 404, 410})
NAMES_NOBODY = frozenset({"path_missing", "value_empty"})
NOT_OUTAGES = NOBODY_AT_CRM | {"caller_unknown"}


def is_outage(failure: Failure, answer: ReceivedAnswer | None) -> bool:
    """Whether the API is down: nothing came, or what came is no answer to the question.

    An HTML page where JSON is expected is the page of a proxy or of maintenance.
    """
    if failure.code in NOT_OUTAGES:
        return False
    if answer is None:
        return True
    is_page = failure.code == "api_not_json" and answer.body.strip() != ""
    return answer.status >= 500 or answer.status in NOT_ASKED or is_page


def names_nobody(failure: Failure, answer: ReceivedAnswer | None) -> bool:
    """Whether the API answered that it has nobody for this caller. Neither this nor an outage: a misunderstanding."""
    if failure.code in NOBODY_AT_CRM:
        return True
    return answer is not None and (answer.status in NOBODY or failure.code in NAMES_NOBODY)
