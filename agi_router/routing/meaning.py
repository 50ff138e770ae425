"""What the value of an answer means: the destination that it names, by the directory and the policy of this moment."""

import re
from typing import Protocol, assert_never

from agi_router.routing.destination import (
    AnnouncementDestination,
    Destination,
    DestinationType,
    DialplanDestination,
    EndpointDestination,
    ExternalDestination,
    HangupCause,
    HangupDestination,
    LastAgentDestination,
    NumberDestination,
    QueueDestination,
    TeamDestination,
    UserDestination,
    VoicemailDestination,
)
from agi_router.routing.dialplan_place import DialplanPlace
from agi_router.routing.errors import RoutingError, shown
from agi_router.routing.last_agent import within_seconds
from agi_router.routing.mailbox import parse_mailbox
from agi_router.routing.numbers import normalise
from agi_router.routing.policy import DialPolicy
from agi_router.routing.sounds import parse_sounds
from agi_router.routing.understood import Understood

ENDPOINT = re.compile(r"[A-Za-z0-9_.+@-]{1,64}")
TECHNOLOGY = "PJSIP/"


class Names(Protocol):
    """What the meaning of a value depends on: the directory's names."""

    def user_id(self, id_or_email: str) -> str | None:
        """The id of the user with this id or e-mail address; None when there is none."""
        ...

    def user_of_crm(self, crm: str, crm_id: str) -> str | None:
        """The id of the user whom this CRM knows by this id; None when there is none."""
        ...

    def number(self, called: str) -> str | None:
        """The internal number, a DID or an extension, that is called in this way; None when there is none."""
        ...

    def has_team(self, team: str) -> bool:
        """Whether there is a team with this id."""
        ...

    def has_queue(self, queue: str) -> bool:
        """Whether there is a queue with this id."""
        ...

    def has_endpoint(self, endpoint: str) -> bool:
        """Whether a device of some user is this endpoint."""
        ...


def destination(understood: Understood, names: Names, policy: DialPolicy) -> Destination:
    """What the answer means now.

    Raises RoutingError: user_unknown, team_unknown, number_unknown, queue_unknown, value_not_endpoint,
    value_not_number, value_not_cause, value_not_dialplan, value_not_sound, value_not_mailbox, value_not_seconds,
    policy_emergency, policy_dialplan.
    """
    value = understood.value
    match understood.type:
        case DestinationType.USER:
            return _user(value, names) if understood.crm is None else _user_of_crm(value, understood.crm, names)
        case DestinationType.TEAM:
            return _team(value, names)
        case DestinationType.ENDPOINT:
            return EndpointDestination(endpoint_name(value))
        case DestinationType.EXTERNAL:
            return ExternalDestination(_number(value, policy), understood.trunks, understood.confirm)
        case DestinationType.HANGUP:
            return HangupDestination(_cause(value))
        case DestinationType.NUMBER:
            return NumberDestination(_internal(value, names))
        case DestinationType.QUEUE:
            return QueueDestination(_queue(value, names))
        case DestinationType.VOICEMAIL:
            return VoicemailDestination(parse_mailbox(value))
        case DestinationType.DIALPLAN:
            return DialplanDestination(_place(understood, policy))
        case DestinationType.ANNOUNCEMENT:
            return AnnouncementDestination(parse_sounds(value), understood.answer)
        case DestinationType.LAST_AGENT:
            return LastAgentDestination(within_seconds(value))
        case DestinationType.AUTO:
            return _by_shape(understood, names, policy)
        case _:
            assert_never(understood.type)


def endpoint_name(value: str) -> str:
    """The PJSIP endpoint's name, `PJSIP/` in front of it allowed; raises RoutingError value_not_endpoint."""
    name = value.removeprefix(TECHNOLOGY)
    if not ENDPOINT.fullmatch(name):
        raise RoutingError(
            "value_not_endpoint",
            f"{shown(value)} is not the name of a SIP endpoint",
            "name one endpoint by letters, digits and _ . + @ - (at most 64), for example ada or PJSIP/ada",
        )
    return name


def _user(value: str, names: Names) -> UserDestination:
    user = names.user_id(value)
    if user is None:
        raise RoutingError(
            "user_unknown",
            f"no user has the id or e-mail address {shown(value)}",
            "add the user to directory.users, or let the API answer with an id or e-mail address that stands there",
        )
    return UserDestination(user)


def _user_of_crm(value: str, crm: str, names: Names) -> UserDestination:
    # Never by our own ids: the CRM's 12 and our 12 are two people. An e-mail address is the same person's everywhere.
    user = names.user_of_crm(crm, value) or (names.user_id(value) if "@" in value else None)
    if user is None:
        raise RoutingError(
            "user_unknown",
            f"no user has the id {shown(value)} of {crm}, or this e-mail address",
            f"add it to the user's crm_ids in directory.users: crm_ids: {{{crm}: {shown(value)}}}",
        )
    return UserDestination(user)


def _internal(value: str, names: Names) -> str:
    number = names.number(value)
    if number is None:
        raise RoutingError(
            "number_unknown",
            f"{shown(value)} is no internal number",
            "add it to directory.numbers, or make it the extension of a user; a number outside is of type external",
        )
    return number


def _team(value: str, names: Names) -> TeamDestination:
    if not names.has_team(value):
        raise RoutingError(
            "team_unknown",
            f"no team has the id {shown(value)}",
            "add the team to directory.teams, or let the API answer with an id that stands there",
        )
    return TeamDestination(value)


def _queue(value: str, names: Names) -> str:
    if not names.has_queue(value):
        raise RoutingError(
            "queue_unknown",
            f"no queue has the id {shown(value)}",
            "add it to directory.queues, or let the API answer with an id that stands there",
        )
    return value


def _number(value: str, policy: DialPolicy) -> str:
    emergency = policy.emergency(value)
    if emergency is not None:
        raise RoutingError(emergency.code, emergency.message, emergency.remedy)
    number = normalise(value, policy.region)
    if number is None:
        raise RoutingError(
            "value_not_number",
            f"{shown(value)} is not a telephone number (read with the region {policy.region})",
            "let the API answer in E.164, for example +12025550123, or check defaults.region",
        )
    return number


def _cause(value: str) -> HangupCause:
    try:
        return HangupCause(value.lower())
    except ValueError:
        raise RoutingError(
            "value_not_cause",
            f"{shown(value)} is not a hangup cause",
            f"answer with one of {', '.join(HangupCause)}",
        ) from None


def _place(understood: Understood, policy: DialPolicy) -> DialplanPlace:
    place = DialplanPlace.parse(understood.value)
    # What the route's own table names, the operator has allowed by writing it there.
    refusal = policy.refusal_of_context(place.context, by_table=understood.said is not None)
    if refusal is not None:
        raise RoutingError(refusal.code, refusal.message, refusal.remedy)
    return place


def _by_shape(understood: Understood, names: Names, policy: DialPolicy) -> Destination:
    # A login of digits only may look like a number: what the directory knows comes first.
    value = understood.value
    name = value.removeprefix(TECHNOLOGY)
    if names.has_endpoint(name):
        return EndpointDestination(endpoint_name(name))
    internal = names.number(value)
    if internal is not None:
        return NumberDestination(internal)
    try:
        return ExternalDestination(_number(value, policy), confirm=understood.confirm)
    except RoutingError as not_a_number:
        if not_a_number.failure.code != "value_not_number":
            raise
    return EndpointDestination(endpoint_name(value))
