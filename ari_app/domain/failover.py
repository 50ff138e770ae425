"""Which failures lie in the trunk, so that the next one may do better, and which are the called party's own word.

| | the next trunk is tried |
|---|---|
| 4xx that speak of our account, our request or the carrier's way: 401, 402, 403, 407, 488 and the like | yes |
| 408, 480 | only when nothing but 100 came before: a phone that rang is no fault of the trunk |
| 404, 410, 433, 485, 486, 487 | no: the number, or who answers it |
| 3xx: the trunk does not take the call itself | yes |
| 5xx | yes |
| 6xx | no: final everywhere (RFC 3261, 21.6) |
| no status: Q.850 2, 3, 25, 27, 28, 32 to 111, 127 (networks, resources, protocols) | yes |

Sources: RFC 3261 (section 21), RFC 3398 (sections 7.2.4.1 and 8.2.6.1), ITU-T Q.850, and what Asterisk 22 was seen to
make of statuses. docs/destinations/external.md has the table for operators.
"""

from typing import Final

from ari_app.domain.causes import USER_BUSY

OF_THE_CALLED_PARTY: Final = frozenset({404, 410, 433, 485, 486, 487})
OF_A_SILENT_TRUNK: Final = frozenset({408, 480})
"""Also what Asterisk says for a trunk that did not react at all."""
NETWORK_CAUSES: Final = frozenset({2, 3, 25, 27, 28, *range(32, 112), 127})


def lies_in_trunk(cause: int, tech_cause: int | None, *, reached: bool) -> bool:
    """Whether a leg that ended so, unanswered, may be tried by the next trunk.

    `reached`: there was more than 100 Trying before. Busy is never tried again, whatever the status beside it; an end
    that nobody saw (cause 0) neither.
    """
    if cause == USER_BUSY:
        return False
    if not tech_cause:
        return cause in NETWORK_CAUSES
    if tech_cause in OF_A_SILENT_TRUNK:
        return not reached
    return 300 <= tech_cause < 600 and tech_cause not in OF_THE_CALLED_PARTY
