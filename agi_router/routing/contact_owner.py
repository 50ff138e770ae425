"""The protocol by which a route asks a CRM connector whose contact the caller is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from agi_router.routing.decision import LookupProgress, ReceivedAnswer
from agi_router.routing.errors import Failure

NOBODY = frozenset({"contact_unknown", "contact_shared", "contact_without_owner"})
"""The codes by which a CRM that was asked has nobody for the caller."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerAnswer:
    """What a CRM says: the id, its own, of the user to whom the caller's contact belongs; "" with the `failure`.

    `received` is the answer that said it; None when none came, as when the contact was known from before.
    """

    owner: str = ""
    received: ReceivedAnswer | None = None
    failure: Failure | None = None


class ContactOwners(Protocol):
    """The connectors, as routes ask them."""

    async def owner(
        self, crm: str, number: str, deadline_s: float, on_progress: Callable[[LookupProgress], None]
    ) -> OwnerAnswer:
        """Whose contact has this number (E.164), by this connector, within the deadline.

        Never raises; safe to cancel. `on_progress` is told of each request, secrets masked, and of each that found
        nobody while the next one, with another form of the number, follows.
        """
        ...

    def for_trials(self) -> "ContactOwners":
        """The same for dry runs: whoever is asked by it changes nothing."""
        ...


class NoContactOwners:
    """Implements `ContactOwners` without any connector."""

    def for_trials(self) -> "NoContactOwners":
        """There is nothing to change."""
        return self

    async def owner(
        self,
        crm: str,
        number: str,  # noqa: ARG002
        deadline_s: float,  # noqa: ARG002
        on_progress: Callable[[LookupProgress], None],  # noqa: ARG002
    ) -> OwnerAnswer:
        """Why nobody can be asked."""
        return OwnerAnswer(
            failure=Failure(
                "crm_not_connected", f"there is no connector {crm} here", "look after the CRM: agi-router crm status"
            )
        )
