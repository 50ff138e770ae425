"""A phone redirects its call (SIP 302): who rings instead is our own decision, as if the phone had dialled it itself.

Asterisk tells the user part of the address, and follows nothing by itself (docs/decisions/0001).
"""

from collections.abc import Collection
from dataclasses import replace

from agi_router.routing.errors import Failure
from agi_router.routing.step import Refused, Ring, Target, TrunkTarget, distinct
from ari_app.calls.call import Call
from ari_app.calls.clock import now
from ari_app.calls.leg import Leg
from ari_app.domain import events as e
from ari_app.domain.causes import LegOutcome


class Redirects:
    """The redirects of one step. A phone is followed once, and whoever rings by a redirect is not redirected again."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._seen: set[str] = set()  # the channels that were asked about
        self._closed: set[Target] = set()  # whose redirects are not followed, or not any more

    def is_new(self, leg: Leg) -> bool:
        """Whether this leg is a phone that has redirected its call, and nothing has been done about it."""
        return leg.outcome is LegOutcome.REDIRECTED and leg.way is None and leg.channel_id not in self._seen

    def instead_of(self, target: Target, leg: Leg, rung: Collection[Target]) -> tuple[Target, ...]:
        """Who rings instead of this leg, beside those who were `rung`; that is put on record, or why nobody does."""
        self._seen.add(leg.channel_id)
        found = self._resolve(target, leg)
        if isinstance(found, Failure):
            self._tell(leg, found)
            return ()
        self._closed |= {target, *found}
        self._tell(leg)
        return tuple(new for new in found if new not in rung)

    def _resolve(self, target: Target, leg: Leg) -> tuple[Target, ...] | Failure:
        if not leg.redirected_to or self._call.decider is None:
            return Failure(
                "redirect_unread", "it named no SIP address", "let the phone forward to an extension or number"
            )
        if target in self._closed:
            return Failure(
                "redirect_again",
                "one redirect is followed, and not the next",
                "let no phone forward to one that forwards",
            )
        match self._call.decider.transfer_target(leg.redirected_to).action:
            case Ring(members=members):
                return tuple(_reaching(new, target, leg) for new in distinct(members))
            case Refused(failure):
                return failure
            case _:
                return Failure("redirect_rings_nobody", "nothing rings there", "let the phone forward to a phone")

    def _tell(self, leg: Leg, why: Failure | None = None) -> None:
        code, detail, remedy = (why.code, why.message, why.remedy) if why else ("", "", "")
        self._call.tell(
            e.LegRedirected(at=now(), leg=leg.role, target=leg.redirected_to, code=code, detail=detail, remedy=remedy)
        )


def _reaching(new: Target, target: Target, leg: Leg) -> Target:
    """A number outside to which somebody has forwarded his phone is his, and confirms like the phone."""
    if not isinstance(new, TrunkTarget):
        return new
    return replace(new, user=leg.user, confirm=new.confirm or target.confirm)
