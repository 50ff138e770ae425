"""Whether this Asterisk lets the router carry out the transfers of phones, and survives it."""

from typing import Final

from ari_app.doctor.asterisk import release
from ari_app.doctor.finding import Finding, Group, Topic

TRANSFERS: Final = Topic("transfers", Group.ASTERISK)

# PJSIP_TRANSFER_HANDLING came with these.
SINCE: Final = {20: (20, 13, 0), 22: (22, 3, 0)}
# The first releases after July 2026, when asterisk/asterisk#2021 was mended: a REFER with Refer-Sub: false crashed it.
MENDED: Final = {20: (20, 21, 0), 22: (22, 11, 0)}


def judge_transfers(version: str, *, by_router: bool) -> Finding:
    """By the version; of one that is no release of a known branch nothing can be said."""
    if not by_router:
        return TRANSFERS.ok("Asterisk carries out the transfers of phones, past the dial policy (calls.transfers)")
    running = release(version)
    if running is None or running[0] not in SINCE:
        return TRANSFERS.skipped(
            f"of Asterisk {version} it is not known how it transfers", "run a release of Asterisk 22"
        )
    since, mended = (".".join(map(str, versions[running[0]])) for versions in (SINCE, MENDED))
    if running < SINCE[running[0]]:
        return TRANSFERS.warning(
            f"Asterisk {version} carries out the transfers of phones itself, past the dial policy",
            f"update Asterisk to {since} or later, or accept it: calls: {{transfers: asterisk}}",
        )
    if running < MENDED[running[0]]:
        return TRANSFERS.warning(
            f"Asterisk {version} crashes when a phone transfers with Refer-Sub: false, which few phones send",
            f"update Asterisk to {mended} or later; until then calls: {{transfers: asterisk}} avoids it, "
            "but transfers then pass the dial policy by",
        )
    return TRANSFERS.ok("the router carries out the transfers of phones")
