"""The directory: from a destination to the targets that ring, the dial policy in front of every number outside."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import assert_never

from agi_router.directory.crm_users import CrmUsers, NoCrmUsers
from agi_router.directory.numbers import InternalNumber, ToRoute
from agi_router.directory.queues import Queue
from agi_router.directory.teams import Team
from agi_router.directory.trunks import Trunk, Trunks, leads_to_one
from agi_router.directory.users import Device, EndpointDevice, ExternalDevice, User
from agi_router.routing.destination import (
    AnnouncementDestination,
    Destination,
    DialplanDestination,
    EndpointDestination,
    ExternalDestination,
    HangupDestination,
    LastAgentDestination,
    NumberDestination,
    QueueDestination,
    TeamDestination,
    UserDestination,
    VoicemailDestination,
)
from agi_router.routing.errors import Failure, RoutingError
from agi_router.routing.numbers import normalise
from agi_router.routing.order import IfBusy, Order
from agi_router.routing.policy import DialPolicy
from agi_router.routing.step import (
    Action,
    Announce,
    AskRoute,
    EndpointTarget,
    Enqueue,
    FindLastAgent,
    GoTo,
    HangUp,
    LeaveMessage,
    Member,
    Refused,
    Ring,
    Step,
    Target,
    TrunkTarget,
    Unable,
)


class Directory:
    """Users by id and e-mail address, teams by id, trunks by name. Where no trunk is named, all are tried."""

    def __init__(
        self,
        users: Iterable[User],
        trunks: Iterable[Trunk],
        policy: DialPolicy,
        numbers: Iterable[InternalNumber] = (),
        teams: Iterable[Team] = (),
        *,
        queues: Iterable[Queue] = (),
        crm_users: CrmUsers | None = None,
    ) -> None:
        """`crm_users` are the ids that users have at CRMs beside those of the configuration."""
        self._users: Mapping[str, User] = {user.id: user for user in users}
        self._ids: Mapping[str, str] = {u.email.casefold(): u.id for u in self._users.values() if u.email}
        self._crm_ids: Mapping[tuple[str, str], str] = {
            (crm, crm_id): user.id for user in self._users.values() for crm, crm_id in user.crm_ids.items()
        }
        self._crm_users = crm_users or NoCrmUsers()
        self._extensions: Mapping[str, str] = {
            user.extension: user.id for user in self._users.values() if user.extension
        }
        self._numbers: Mapping[str, Destination | ToRoute] = {
            **{extension: UserDestination(user) for extension, user in self._extensions.items()},
            **{number.name: number.to for number in numbers},
        }
        self._teams: Mapping[str, Team] = {team.id: team for team in teams}
        self._queues: Mapping[str, Queue] = {queue.id: queue for queue in queues}
        self._trunks = Trunks(trunks, policy.region)
        self._endpoints: Mapping[str, str] = {
            device.endpoint: user.id
            for user in self._users.values()
            for device in user.devices
            if isinstance(device, EndpointDevice)
        }
        self._policy = policy

    def user_id(self, id_or_email: str) -> str | None:
        """The id of the user with this id or e-mail address; None when there is none."""
        return id_or_email if id_or_email in self._users else self._ids.get(id_or_email.casefold())

    def user_of_crm(self, crm: str, crm_id: str) -> str | None:
        """The id of the user whom this CRM knows by this id; None when there is none."""
        configured = self._crm_ids.get((crm, crm_id))
        if configured is not None:
            return configured
        learnt = self._crm_users.user_of(crm, crm_id)
        return learnt if learnt in self._users else None

    def user_of_extension(self, extension: str) -> str | None:
        """The id of the user with this extension; None when there is none."""
        return self._extensions.get(extension)

    def user_called(self, name: str) -> str | None:
        """The id of the user with this id, e-mail address or extension; None when there is none."""
        return self.user_id(name) or self.user_of_extension(name)

    def queue_called(self, name: str) -> str:
        """The name in queues.conf of the queue with this id; what is no id is a name already."""
        queue = self._queues.get(name)
        return name if queue is None else queue.name

    def number(self, called: str) -> str | None:
        """The internal number that is called in this way, as it is or in another form of it; None when none is."""
        if called in self._numbers:
            return called
        number = normalise(called, self._policy.region)
        return number if number in self._numbers else None

    def name(self, user_id: str) -> str:
        """What people call this user: his id when he has no name, or is not known."""
        user = self._users.get(user_id)
        return (user.name if user else "") or user_id

    def ring_user(self, user_id: str, if_busy: IfBusy = IfBusy.RING) -> Ring | Refused:
        """Ring this user at all his devices, or why nobody can."""
        try:
            return Ring((self._member(user_id),), if_busy=if_busy)
        except RoutingError as refusal:
            return Refused(refusal.failure)

    def extension(self, user_id: str) -> str:
        """The extension of this user, "" when he has none."""
        user = self._users.get(user_id)
        return (user.extension if user else None) or ""

    def is_ours(self, number: str) -> bool:
        """Whether this number (E.164) is one of ours: calls come in by it, or a trunk shows it."""
        return number in self._numbers or self._trunks.owns(number)

    def has_team(self, team: str) -> bool:
        """Whether there is a team with this id."""
        return team in self._teams

    def route_of(self, called: str) -> str:
        """The route to which the internal number leads that is called in this way; "" when it leads to none."""
        to = self._numbers.get(self.number(called) or "")
        return to.route if isinstance(to, ToRoute) else ""

    def has_queue(self, queue: str) -> bool:
        """Whether there is a queue with this id."""
        return queue in self._queues

    def patience(self, destination: Destination, otherwise: float) -> float:
        """For how many seconds this destination is tried, where nobody says: a queue knows, for others `otherwise`."""
        queue = self._queues.get(destination.queue) if isinstance(destination, QueueDestination) else None
        return queue.timeout_s if queue else otherwise

    def user_of_endpoint(self, endpoint: str) -> str:
        """The id of the user who has this device; "" when nobody has it."""
        return self._endpoints.get(endpoint, "")

    def has_endpoint(self, endpoint: str) -> bool:
        """Whether a device of some user is this endpoint."""
        return endpoint in self._endpoints

    def step(
        self,
        destination: Destination,
        timeout_s: float,
        order: Order | None = None,
        if_busy: IfBusy = IfBusy.RING,
    ) -> Step:
        """The step that tries this destination: what is done, or why it rings nobody. No `order` means the team's."""
        return Step(destination=destination, timeout_s=timeout_s, action=self._action(destination, order, if_busy))

    def asked_for(self, step: Step, caller_id: str) -> Step:
        """This step in a call that one of us has asked for: outside it shows `caller_id` (E.164, "": the trunk's)."""
        if not isinstance(step.action, Ring):
            return step
        members = tuple(
            replace(member, targets=tuple(self._of_ours(target, caller_id) for target in member.targets))
            for member in step.action.members
        )
        return replace(step, action=replace(step.action, members=members))

    def _of_ours(self, target: Target, caller_id: str) -> Target:
        if isinstance(target, EndpointTarget):
            return target
        return replace(target, via=self._trunks.outgoing(target.via, caller_id))

    def _action(self, destination: Destination, order: Order | None, if_busy: IfBusy) -> Action:
        try:
            match destination:
                case UserDestination(user):
                    return self.ring_user(user, if_busy)
                case TeamDestination(team):
                    return self._team_ring(team, order, if_busy)
                case EndpointDestination(endpoint):
                    return Ring((Member("", (self._endpoint_target(endpoint),), endpoint),), if_busy=if_busy)
                case ExternalDestination(number, trunks, confirm):
                    return Ring((Member("", (self._trunk_target(number, trunks, confirm=confirm),)),))
                case HangupDestination(cause):
                    return HangUp(cause)
                case NumberDestination(number):
                    return self._of_number(number, order, if_busy)
                case QueueDestination(queue):
                    return self._enqueue(queue)
                case VoicemailDestination(mailbox):
                    return LeaveMessage(mailbox)
                case DialplanDestination(place):
                    return GoTo(place)
                case AnnouncementDestination(sounds, answer):
                    return Announce(sounds, answer)
                case LastAgentDestination(within_s):
                    return FindLastAgent(within_s, if_busy)
                case _:
                    assert_never(destination)
        except RoutingError as refusal:
            return Refused(refusal.failure)

    def _enqueue(self, queue_id: str) -> Enqueue:
        queue = self._queues.get(queue_id)
        if queue is None:
            raise RoutingError("queue_unknown", f"no queue has the id {queue_id!r}", "add it to directory.queues")
        return Enqueue(queue.name)

    def _of_number(self, number: str, order: Order | None, if_busy: IfBusy) -> Action:
        match self._numbers.get(number):
            case None:
                raise RoutingError("number_unknown", f"{number} is no internal number", "add it to directory.numbers")
            case ToRoute(route):
                return AskRoute(route)
            case destination:
                return self._action(destination, order, if_busy)

    def _team_ring(self, team_id: str, order: Order | None, if_busy: IfBusy) -> Ring:
        """The members who can be rung; raises RoutingError when there is none."""
        team = self._teams.get(team_id)
        if team is None:
            raise RoutingError("team_unknown", f"no team has the id {team_id!r}", "add the team to directory.teams")
        members: list[Member] = []
        unable: list[Unable] = []
        for user_id in team.members:
            try:
                members.append(self._member(user_id))
            except RoutingError as refusal:
                unable.append(Unable(user_id, self.name(user_id), refusal.failure))
        if not members:
            why = (
                unable[0].failure if unable else Failure("", "it has no members", "give it members in directory.teams")
            )
            raise RoutingError("team_nobody", f"nobody of team {team_id} can be rung: {why.message}", why.remedy)
        return Ring(
            tuple(members),
            order=order or team.order,
            if_busy=if_busy,
            ring_each_s=team.ring_each_s,
            team=team_id,
            unable=tuple(unable),
        )

    def _member(self, user_id: str) -> Member:
        """This user with the devices that can be rung; raises RoutingError when there is none."""
        user = self._users.get(user_id)
        if user is None:
            raise RoutingError("user_unknown", f"no user has the id {user_id!r}", "add the user to directory.users")
        targets: dict[Target, None] = {}
        refusals: list[Failure] = []
        for device in user.devices:
            try:
                targets[self._device_target(device, user_id)] = None
            except RoutingError as refusal:
                refusals.append(refusal.failure)
        if targets:
            return Member(user_id, tuple(targets), self.name(user_id))
        if refusals:
            raise RoutingError(refusals[0].code, f"user {user_id}: {refusals[0].message}", refusals[0].remedy)
        raise RoutingError("user_no_devices", f"user {user_id} has no device", "give the user devices to ring")

    def _device_target(self, device: Device, user_id: str) -> Target:
        match device:
            case EndpointDevice(endpoint, confirm, auto_answer):
                target = self._endpoint_target(endpoint, user_id, confirm=confirm)
                return replace(target, auto_answer=auto_answer)
            case ExternalDevice(number, trunks, confirm):
                return self._trunk_target(number, trunks, user_id, confirm=confirm)
            case _:
                assert_never(device)

    def _endpoint_target(self, endpoint: str, user: str = "", *, confirm: bool = False) -> EndpointTarget:
        if leads_to_one(endpoint, self._trunks.endpoints):  # a way around the dial policy
            raise RoutingError(
                "endpoint_is_trunk",
                f"{endpoint} leads to a trunk, and a trunk is no phone",
                "answer with the number itself, as type external, so that the dial policy can judge it",
            )
        return EndpointTarget(endpoint, user, confirm)

    def _trunk_target(
        self, number: str, trunks: Sequence[str], user: str = "", *, confirm: bool = False
    ) -> TrunkTarget:
        refusal = self._policy.refusal(number)
        if refusal is not None:
            raise RoutingError(refusal.code, refusal.message, refusal.remedy)
        return TrunkTarget(number=number, via=self._trunks.ways(number, trunks), confirm=confirm, user=user)
