"""What a phone dialled: an extension, internal number or SIP login of the directory, else a number outside."""

from typing import Protocol

from agi_router.routing.destination import (
    Destination,
    EndpointDestination,
    ExternalDestination,
    NumberDestination,
    UserDestination,
)
from agi_router.routing.errors import RoutingError, shown
from agi_router.routing.numbers import normalise
from agi_router.routing.policy import DialPolicy


class Extensions(Protocol):
    """What can be dialled inside."""

    def user_of_extension(self, extension: str) -> str | None:
        """The id of the user with this extension; None when there is none."""
        ...

    def number(self, called: str) -> str | None:
        """The internal number that is called in this way; None when none is."""
        ...

    def has_endpoint(self, endpoint: str) -> bool:
        """Whether a device of some user is this endpoint."""
        ...


def dialled_destination(dialled: str, inside: Extensions, policy: DialPolicy) -> Destination:
    """Where these digits, or this login, lead.

    Only endpoints of users count: other names that Asterisk knows, a trunk's for one, are no phones. Raises
    RoutingError: policy_emergency, dialled_unknown.
    """
    user = inside.user_of_extension(dialled)
    if user is not None:
        return UserDestination(user)
    number = inside.number(dialled)
    if number is not None:
        return NumberDestination(number)
    if inside.has_endpoint(dialled):
        return EndpointDestination(dialled)
    emergency = policy.emergency(dialled)
    if emergency is not None:
        raise RoutingError(emergency.code, emergency.message, emergency.remedy)
    number = normalise(dialled, policy.region)
    if number is None:
        raise RoutingError(
            "dialled_unknown",
            f"{shown(dialled)} is no extension, internal number or endpoint of a user, and no telephone number "
            f"(read with the region {policy.region})",
            "give a user this extension, add it to directory.numbers, or dial a number that exists",
        )
    return ExternalDestination(number)
