"""Users, trunks, and the destinations that a configuration names: each name must be known, each number be one."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from agi_router.directory.numbers import InternalNumber, ToRoute
from agi_router.directory.queues import Queue
from agi_router.directory.teams import Team
from agi_router.directory.trunks import Trunk, leads_to_one
from agi_router.directory.users import Device, EndpointDevice, ExternalDevice, User
from agi_router.document import suggestion
from agi_router.routing.caller_id import CalledNumber, CallerId, CallersOwn, OwnNumber
from agi_router.routing.destination import (
    AnnouncementDestination,
    Destination,
    DestinationType,
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
from agi_router.routing.numbers import EXAMPLE, for_trunk, is_e164, normalise
from agi_router.routing.order import IfBusy
from agi_router.routing.policy import DialPolicy
from agi_router.routing.route import FallbackStep
from agi_router.routing.understood import Understood
from agi_router.settings import directory_section
from agi_router.settings.directory_section import (
    DeviceSection,
    DirectorySection,
    TeamSection,
    TrunkSection,
    UserSection,
)
from agi_router.settings.findings import At, Findings
from agi_router.settings.response_section import FallbackSection, NumberSection

EXTENSION = re.compile(r"[A-Za-z0-9_.+*#-]{1,64}")
NO_CALLER_ID = (
    "has no caller_id, so its carrier is shown no number; set it to a number of yours, or list yours in numbers, of "
    "which the called one is shown"
)


@dataclass(slots=True)
class DirectoryBuilding:
    """Builds what is named, by the names of `directory` and `trunks`."""

    found: Findings
    directory: DirectorySection
    trunk_sections: Sequence[TrunkSection]
    policy: DialPolicy

    def trunks(self) -> tuple[Trunk, ...]:
        """All trunks."""
        given = self.trunk_sections
        self.found.check_unique("trunks' names", [(("trunks", i, "name"), t.name) for i, t in enumerate(given)])
        return tuple(self._trunk(trunk, ("trunks", i)) for i, trunk in enumerate(given))

    def users(self) -> tuple[User, ...]:
        """All users."""
        given = self.directory.users
        self._unique("users' ids", {i: ("id", user.id) for i, user in enumerate(given)})
        emails = {i: ("email", user.email.casefold()) for i, user in enumerate(given) if user.email}
        self._unique("users' e-mail addresses", emails)
        for crm in sorted({crm for user in given for crm in user.crm_ids}):
            ids = [
                (("directory", "users", i, "crm_ids", crm), user.crm_ids[crm])
                for i, user in enumerate(given)
                if crm in user.crm_ids
            ]
            self.found.check_unique(f"users' ids of {crm}", ids)
        return tuple(self._user(user, ("directory", "users", i)) for i, user in enumerate(given))

    def queue_of_asterisk(self, given: str) -> str:
        """The name in queues.conf of the queue that is called so, by that name or by its id; it need not be of ours."""
        named = {queue.id: queue.name for queue in self.directory.queues}
        return given if given in named.values() else named.get(given, given)

    def queues(self) -> tuple[Queue, ...]:
        """All queues."""
        given = self.directory.queues
        self.found.check_unique("queues' ids", [(("directory", "queues", i, "id"), q.id) for i, q in enumerate(given)])
        return tuple(Queue(id=queue.id, name=queue.name, timeout_s=queue.timeout_s) for queue in given)

    def numbers(self, routes: Collection[str]) -> tuple[InternalNumber, ...]:
        """All internal numbers that `directory.numbers` has; those that are extensions of users are not among them."""
        given = self.directory.numbers
        extensions = [
            (("directory", "users", i, "extension"), user.extension)
            for i, user in enumerate(self.directory.users)
            if user.extension is not None
        ]
        own = [(("directory", "numbers", number), number) for number in given]
        self.found.check_unique("extensions and internal numbers", [*extensions, *own])
        return tuple(
            InternalNumber(number, self._leads_to(section, ("directory", "numbers", number), routes))
            for number, section in given.items()
        )

    def _leads_to(self, section: NumberSection, at: At, routes: Collection[str]) -> Destination | ToRoute:
        if section.route is None:
            return self._destination(section, at)
        if section.route not in routes:
            hint = suggestion(section.route, sorted(routes)) or "; add it to routes"
            self.found.problem((*at, "route"), f'there is no route "{section.route}"{hint}')
        return ToRoute(section.route)

    def teams(self) -> tuple[Team, ...]:
        """All teams."""
        given = self.directory.teams
        ids = [(("directory", "teams", i, "id"), team.id) for i, team in enumerate(given)]
        self.found.check_unique("teams' ids", ids)
        return tuple(self._team(team, ("directory", "teams", i)) for i, team in enumerate(given))

    def _team(self, section: TeamSection, at: At) -> Team:
        if not section.members:
            self.found.warn(at, f'team "{section.id}" has no members, so nobody rings for it; add some')
        members = [self._user_id(member, (*at, "members", i)) for i, member in enumerate(section.members)]
        named = [((*at, "members", i), member) for i, member in enumerate(members)]
        self.found.check_unique(f'the members of team "{section.id}"', named)
        return Team(
            id=section.id,
            name=section.name,
            members=tuple(members),
            order=section.order,
            ring_each_s=section.ring_each_s,
            wrap_up_s=section.wrap_up_s,
        )

    def _unique(self, what: str, named: dict[int, tuple[str, str]]) -> None:
        self.found.check_unique(what, [(("directory", "users", i, key), name) for i, (key, name) in named.items()])

    def _user(self, section: UserSection, at: At) -> User:
        if not section.devices:
            self.found.warn(at, f'user "{section.id}" has no devices, so nothing rings for him; add some')
        if sum(device.auto_answer for device in section.devices) > 1:
            what = f'user "{section.id}" has several devices with auto_answer, and the first one would always win'
            self.found.problem((*at, "devices"), f"{what}; let one of them have it")
        return User(
            id=section.id,
            name=section.name,
            email=section.email,
            extension=section.extension,
            crm_ids=section.crm_ids,
            devices=tuple(self._device(device, (*at, "devices", i)) for i, device in enumerate(section.devices)),
            dnd=section.dnd or _dnd_of(section.extension),
        )

    def _device(self, section: DeviceSection, at: At) -> Device:
        if section.endpoint is not None:
            return EndpointDevice(self._phone(section.endpoint, at), section.confirm, section.auto_answer)
        number = self._external(section.external or "", section.trunk or (), at)
        return ExternalDevice(number, section.trunk or (), section.confirm)

    def _trunk(self, section: TrunkSection, at: At) -> Trunk:
        return Trunk(
            name=section.name,
            endpoint=section.endpoint,
            number_format=section.number_format,
            caller_id=self._caller_id(section, at),
            trusted=section.trusted,
            setup_timeout_s=section.setup_timeout_s,
        )

    def _caller_id(self, section: TrunkSection, at: At) -> CallerId:
        given, region = section.caller_id, self.policy.region
        ours = [self.number(number, (*at, "numbers", i)) for i, number in enumerate(section.numbers)]
        ours = ours or [number for number in self.directory.numbers if is_e164(number)]
        called = CalledNumber(
            {number: for_trunk(number, section.number_format, region) for number in ours if number}, region
        )
        match given:
            case directory_section.CALLER:
                return CallersOwn()
            case directory_section.CALLED:
                if not ours:
                    self.found.problem(
                        (*at, "caller_id"), "shows the called number where it is yours; list yours in numbers"
                    )
                return called
            case None if section.trusted:
                return CallersOwn()
            case None:
                if not ours:
                    self.found.warn(at, NO_CALLER_ID)
                return called
            case _:
                number = self.number(given, (*at, "caller_id"))
                return OwnNumber(number and for_trunk(number, section.number_format, region))

    def meaning(self, section: FallbackSection, at: At) -> Understood:
        """What an answer says that the table gives this meaning."""
        for key in ("order", "if_busy"):
            if getattr(section, key) is not None:
                self.found.problem(
                    (*at, key), f"is the same for all answers of a route; set ringing.{key} of the route"
                )
        meant = self._destination(section, at)
        return Understood(
            value=meant.value,
            type=DestinationType(meant.type),
            trunks=section.trunk or (),
            confirm=section.confirm,
            answer=section.answer is not False,
            ring_s=section.timeout_s,
        )

    def chain(self, steps: Sequence[FallbackSection], at: At, timeout_s: float) -> tuple[FallbackStep, ...]:
        """A chain of steps; those that don't say how long they ring have `timeout_s`."""
        for index, step in enumerate(steps[:-1]):
            if step.hangup is not None:
                self.found.problem((*at, index), "a hangup ends the call; let it be the last step")
        return tuple(
            FallbackStep(
                self._destination(step, (*at, index)),
                step.timeout_s or self._patience(step, timeout_s),
                step.order,
                step.if_busy or IfBusy.RING,
            )
            for index, step in enumerate(steps)
        )

    def _destination(self, step: FallbackSection, at: At) -> Destination:
        if step.user is not None:
            return UserDestination(self._user_id(step.user, (*at, "user")))
        if step.team is not None:
            return TeamDestination(self.team_id(step.team, (*at, "team")))
        if step.endpoint is not None:
            return EndpointDestination(self._phone(step.endpoint, (*at, "endpoint")))
        if step.hangup is not None:
            return HangupDestination(step.hangup)
        if step.queue is not None:
            return QueueDestination(self._queue(step.queue, (*at, "queue")))
        if step.number is not None:
            return NumberDestination(self._internal(step.number, (*at, "number")))
        if step.voicemail is not None:
            return VoicemailDestination(step.voicemail)
        if step.dialplan is not None:
            return DialplanDestination(step.dialplan)
        if step.announcement is not None:
            return AnnouncementDestination(step.announcement, step.answer is not False)
        if step.last_agent is not None:
            return LastAgentDestination(step.last_agent)
        trunks = step.trunk or ()
        return ExternalDestination(self._external(step.external or "", trunks, at), trunks, step.confirm)

    def _user_id(self, given: str, at: At) -> str:
        for user in self.directory.users:
            if given == user.id or (user.email is not None and given.casefold() == user.email.casefold()):
                return user.id
        known = [name for user in self.directory.users for name in (user.id, user.email) if name]
        self.found.problem(at, f'no user has the id or e-mail address "{given}"' + suggestion(given, known))
        return given

    def _queue(self, given: str, at: At) -> str:
        known = [queue.id for queue in self.directory.queues]
        if given not in known:
            self.found.problem(
                at, f'no queue has the id "{given}"' + (suggestion(given, known) or "; add it to queues")
            )
        return given

    def _patience(self, step: FallbackSection, timeout_s: float) -> float:
        waits = (queue.timeout_s for queue in self.directory.queues if queue.id == step.queue)
        return next(waits, timeout_s)

    def _internal(self, given: str, at: At) -> str:
        extensions = {user.extension for user in self.directory.users if user.extension}
        known = {*self.directory.numbers, *extensions}
        number = given if given in known else normalise(given, self.policy.region)
        if number not in known:
            self.found.problem(at, f'"{given}" is no internal number' + suggestion(given, sorted(known)))
        return number or given

    def team_id(self, given: str, at: At) -> str:
        """The id of a team that is known."""
        known = [team.id for team in self.directory.teams]
        if given not in known:
            hint = suggestion(given, known) or "; add it to directory.teams"
            self.found.problem(at, f'no team has the id "{given}"' + hint)
        return given

    def _phone(self, endpoint: str, at: At) -> str:
        if leads_to_one(endpoint, (trunk.endpoint for trunk in self.trunk_sections)):
            self.found.problem(
                at, f"{endpoint} leads to a trunk, and a trunk is no phone; write external: with the number"
            )
        return endpoint

    def _external(self, given: str, trunks: Sequence[str], at: At) -> str:
        """The number in E.164; a refusal of the dial policy is only a warning, as the policy may be meant so."""
        known = [trunk.name for trunk in self.trunk_sections]
        if not known:
            self.found.problem((*at, "external"), "numbers outside need a trunk, and there is none; add it to trunks")
        for trunk in trunks if known else ():
            if trunk not in known:
                self.found.problem((*at, "trunk"), f'there is no trunk "{trunk}"' + suggestion(trunk, known))
        number = self.number(given, (*at, "external"))
        refusal = self.policy.refusal(number) if number else None
        if refusal is not None and self.policy.regions:
            self.found.warn((*at, "external"), f"is never dialled: {refusal.message}; {refusal.remedy}")
        return number

    def number(self, given: str, at: At) -> str:
        """A telephone number in E.164."""
        number = normalise(given, self.policy.region)
        if number is None:
            self.found.problem(at, f'"{given}" is not a telephone number; write it in E.164 and in quotes: "{EXAMPLE}"')
        return number or ""


def _dnd_of(extension: str | None) -> str | None:
    """Where FreePBX, and dialplan/agi-router.conf, keep "do not disturb" of an extension."""
    return f"Custom:DND{extension}" if extension is not None and EXTENSION.fullmatch(extension) else None
