"""From a request to place a call to whom it rings: the user, the number by the dial policy, the campaign."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from agi_router.directory.campaigns import Campaign, Direction
from agi_router.directory.directory import Directory
from agi_router.routing.carried import CARRIED_VARIABLE, LONGEST_NAME, LONGEST_VALUE
from agi_router.routing.click_to_dial import PARAMETER_PREFIX, CallRequest, ClickToDial, First, PlannedCall
from agi_router.routing.destination import Destination, ExternalDestination, TeamDestination, UserDestination
from agi_router.routing.dialled import dialled_destination
from agi_router.routing.errors import RoutingError, shown
from agi_router.routing.numbers import normalise
from agi_router.routing.order import IfBusy
from agi_router.routing.policy import DialPolicy
from agi_router.routing.printable import one_line
from agi_router.routing.recorded import RecordingMode, RecordingRule
from agi_router.routing.step import Refused, Ring, Step, Target, TrunkTarget
from agi_router.routing.treatment import Treatment, Waiting

MOST_PARAMETERS = 64


class Planner:
    """Understands requests by the directory and the campaigns of a configuration."""

    def __init__(
        self, directory: Directory, policy: DialPolicy, settings: ClickToDial, campaigns: Iterable[Campaign]
    ) -> None:
        self._directory = directory
        self._policy = policy
        self._settings = settings
        self._campaigns: Mapping[str, Campaign] = {campaign.id: campaign for campaign in campaigns}

    def plan(self, request: CallRequest) -> PlannedCall:
        """What this request means. Raises RoutingError for one that names what there is not.

        A number that must not be dialled is a refused step of the plan: such an attempt is put on record.
        """
        campaign = self._campaign(request.campaign)
        first = request.first or campaign.first
        user, who = self._agent(request, campaign, first)
        caller_id = self._caller_id(request.caller_id) or campaign.caller_id
        settings = self._settings
        agent_ring_s = request.agent_ring_s or settings.agent_ring_s
        customer_ring_s = request.customer_ring_s or settings.customer_ring_s
        talk_s = _shorter(settings.talk_s, request.talk_s)
        recording = campaign.recording or settings.recording
        _check_recording(recording, request)
        number, name, customer = self._customer(request.number, customer_ring_s, campaign)
        if_busy = IfBusy.SKIP if not user else IfBusy.RING
        agent = self._directory.step(who, agent_ring_s, if_busy=if_busy)
        if user and (customer.destination == who or _is_himself(user, agent, customer)):
            raise RoutingError(
                "number_of_agent",
                f"{shown(request.number)} leads to {self._directory.name(user)} himself, who is to speak with it",
                "name the number of somebody else",
            )
        if first is First.CUSTOMER and not isinstance(customer.action, Ring | Refused):
            raise RoutingError(
                "customer_first_nobody",
                f"{shown(request.number)} leads to a {customer.destination.type}, where nobody can be rung first",
                "have the agent rung first, or name a number outside or a user's extension",
            )
        return PlannedCall(
            first=first,
            user=user,
            user_name=self._directory.name(user) if user else "",
            extension=self._directory.extension(user),
            agent=self._directory.asked_for(agent, caller_id),
            customer=self._directory.asked_for(customer, caller_id),
            number=number,
            name=one_line(request.name or name)[:LONGEST_NAME],
            caller_id=caller_id,
            campaign=campaign.id,
            parameters=_variables(request.parameters),
            treatment=Treatment(
                talk_s=talk_s,
                warn_s=settings.warn_s if talk_s > settings.warn_s else 0,
                waiting=Waiting.RINGING if first is First.AGENT else Waiting.MUSIC,
                confirmation=settings.confirmation,
                recording=recording,
            ),
            announcements=settings.announcements,
            key=request.key,
            queue=campaign.queue,
            refuse_when=settings.refuse_when,
            record=request.record,
        )

    def _campaign(self, campaign_id: str) -> Campaign:
        if not campaign_id:
            return Campaign(id="")
        campaign = self._campaigns.get(campaign_id)
        if campaign is None:
            raise RoutingError(
                "campaign_unknown",
                f"no campaign has the id {shown(campaign_id)}",
                f"known campaigns: {', '.join(self._campaigns) or 'none'}; add it to campaigns",
            )
        if campaign.direction is not Direction.OUTBOUND:
            raise RoutingError(
                "campaign_inbound",
                f"campaign {campaign_id} is an inbound one, and calls are placed for outbound ones only",
                "name an outbound campaign, or set its direction to outbound",
            )
        return campaign

    def _agent(self, request: CallRequest, campaign: Campaign, first: First) -> tuple[str, Destination]:
        if request.user:
            user = self._directory.user_called(request.user)
            if user is None:
                raise RoutingError(
                    "user_unknown",
                    f"no user has the id, e-mail address or extension {shown(request.user)}",
                    "name a user of directory.users, or add him there",
                )
            return user, UserDestination(user)
        if first is First.AGENT or not campaign.team:
            raise RoutingError(
                "user_missing",
                "the request names no user who is to speak",
                "name one; only with the customer first, in a campaign that has a team, anybody of it will do",
            )
        return "", TeamDestination(campaign.team)

    def _customer(self, given: str, ring_s: float, campaign: Campaign) -> tuple[str, str, Step]:
        """The number, the name of a colleague who has it, and the step that rings it."""
        try:
            where = dialled_destination(given, self._directory, self._policy)
        except RoutingError as refusal:
            if not refusal.failure.code.startswith("policy_"):
                raise
            refused = Refused(refusal.failure)
            given = one_line(given)
            return given, "", Step(destination=ExternalDestination(given), timeout_s=ring_s, action=refused)
        match where:
            case ExternalDestination():
                where = replace(where, trunks=campaign.trunks)
                return where.number, "", self._directory.step(where, ring_s)
            case UserDestination(user):
                return given, self._directory.name(user), self._directory.step(where, ring_s)
            case _:
                return where.value, "", self._directory.step(where, ring_s)

    def _caller_id(self, given: str) -> str:
        """The number of ours in E.164. Whoever asks must not choose any other: carriers sign what we send."""
        if not given:
            return ""
        number = normalise(given, self._policy.region)
        if number is None or not self._directory.is_ours(number):
            raise RoutingError(
                "caller_id_not_ours",
                f"{shown(given)} is not one of our numbers, so it must not be shown",
                "show a number of directory.numbers, or of a trunk's numbers or caller_id, or add it there",
            )
        return number


def _check_recording(rule: RecordingRule, request: CallRequest) -> None:
    if request.record and rule.mode is RecordingMode.OFF:
        raise RoutingError(
            "recording_off",
            "this call is to be recorded, and recordings are off",
            "set recording: on_demand for the campaign, click_to_dial or defaults, or place the call without record",
        )


def _shorter(configured_s: float, wanted_s: float | None) -> float:
    """The limit of the talk; 0 is none. A request may only shorten it: the operator decides what a stolen key costs."""
    return min(filter(None, (configured_s, wanted_s)), default=0)


def _is_himself(user: str, agent: Step, customer: Step) -> bool:
    """Whether nobody but this agent would be called. A colleague may share a phone with him."""
    if not isinstance(customer.action, Ring) or not customer.targets:
        return False
    is_colleague = any(member.user not in ("", user) for member in customer.action.members)
    return not is_colleague and {*map(_phone, customer.targets)} <= {*map(_phone, agent.targets)}


def _phone(target: Target) -> str:
    return target.number if isinstance(target, TrunkTarget) else target.endpoint


def _variables(parameters: Mapping[str, str]) -> dict[str, str]:
    """The parameters as channel variables. Raises RoutingError for a name that could be more than a name."""
    if len(parameters) > MOST_PARAMETERS:
        raise RoutingError(
            "parameters_too_many",
            f"the request has {len(parameters)} parameters, and {MOST_PARAMETERS} are possible",
            "leave some out",
        )
    for name in parameters:
        if not CARRIED_VARIABLE.fullmatch(name):
            raise RoutingError(
                "parameter_name",
                f"{shown(name)} can't be the name of a parameter",
                "use letters, digits and _, at most 64, and no digit first",
            )
    return {PARAMETER_PREFIX + name: one_line(value)[:LONGEST_VALUE] for name, value in parameters.items()}
