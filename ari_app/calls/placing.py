"""The legs of a step are placed: every contact of every device gets one.

A leg is created, enters the application, and only then is dialled: Asterisk refuses requests for it before. The ids are
ours and watched beforehand, so an answer can't be faster than we are. A leg is never *originated*: Asterisk would then
follow a phone's 302 by itself, past the dial policy (docs/decisions/0001).

Which contacts a device has must be asked, and that takes as long as to create a leg. So of a device that had one
contact when it was asked last, the first contact rings at once, and the device is asked meanwhile.
"""

import asyncio
import math
from collections.abc import Mapping, Sequence
from typing import Final, assert_never

from agi_router.routing.errors import Failure
from agi_router.routing.step import EndpointTarget, Target, TrunkTarget, TrunkWay
from ari_app.calls.call import Call
from ari_app.calls.clock import now
from ari_app.calls.early_media import EarlyMedia
from ari_app.calls.leg import Leg
from ari_app.calls.leg_variables import is_hidden_from, leg_variables, own_number
from ari_app.calls.naming import show_name
from ari_app.calls.outgoing import ask_to_dial
from ari_app.calls.ports import ChannelDestroyed, NotFoundError, RefusedError, TelephonyError
from ari_app.calls.redirects import Redirects
from ari_app.calls.screen_pop import SHOWN_NAME
from ari_app.calls.taking_back import take_back
from ari_app.calls.trunks import failed_by_its_trunk, next_way, watch_setup
from ari_app.domain import events as e
from ari_app.domain.causes import LegOutcome

GUARD_S: Final = 5
"""Asterisk's own ring timeout is this much longer than ours: it ends a leg whose router has died."""

TAKEN_CONTACT: Final = "CHANNEL(pjsip,target_uri)"


class Placing:
    """The legs of a step while they are placed.

    With `early` set, the caller hears what the only leg sends before its answer.
    `begin` may come before it is known which targets the step has: nothing of the others is left by `place`. With
    `only_create` their channels are made meanwhile, and no phone rings.
    """

    def __init__(self, call: Call, timeout_s: float, *, only_create: bool = False) -> None:
        self._call = call
        self._timeout_s = math.ceil(timeout_s) + GUARD_S
        self._only_create = only_create
        self.early: EarlyMedia | None = None
        self._redirects = Redirects(call)
        self._legs: dict[Target, list[Leg]] = {}
        self._tasks: dict[Target, asyncio.Task[None]] = {}
        self._ways: dict[TrunkTarget, list[TrunkWay]] = {}  # those that are left
        self.refusal: Failure | None = None  # of a number that the dial policy's limits leave no room for
        self._undialled: dict[str, Mapping[str, str]] = {}  # by channel id: the variables it was created with

    @property
    def legs(self) -> list[Leg]:
        """Every leg that was placed and is not known to have come to nothing."""
        return [leg for legs in self._legs.values() for leg in legs]

    def begin(self, targets: Sequence[Target]) -> None:
        """Start to place the legs of these targets."""
        for target in targets:
            if target not in self._tasks:
                self._legs[target] = []
                self._tasks[target] = asyncio.create_task(self._place(target))

    async def place(self, targets: Sequence[Target]) -> None:
        """Ring every contact of these targets and no other; what can't be rung is put on record."""
        self._only_create = False
        for target in self._tasks.keys() - set(targets):
            self._tasks.pop(target).cancel()
            for leg in self._legs.pop(target):
                take_back(self._call, leg, LegOutcome.GUESSED_WRONG)
            if isinstance(target, TrunkTarget):
                self._ways.pop(target, None)
        for target, legs in self._legs.items():
            for leg in legs:
                self._ring_on(target, leg)
        self.begin(targets)
        await asyncio.gather(*self._tasks.values())

    def _ring_on(self, target: Target, leg: Leg) -> None:
        """What was placed ahead for this target goes on as a leg of the step."""
        known = self._undialled.pop(leg.channel_id, None)
        if known is None:
            self._call.request(self._tell_ringing(leg))
        elif leg.alive and not self._may_dial(target, leg.channel_id, leg.way):
            take_back(self._call, leg, LegOutcome.REFUSED)
        elif leg.alive:
            self._call.request(self._dial_created(leg, known))

    def _may_dial(self, target: Target, channel_id: str, way: TrunkWay | None, instead_of: Leg | None = None) -> bool:
        """Whether the limits of the dial policy leave room for this leg; if so it is counted."""
        if way is None or not isinstance(target, TrunkTarget):
            return True
        # One that was never dialled is not counted either.
        before = instead_of.channel_id if instead_of is not None and instead_of.dialled else ""
        refusal = ask_to_dial(self._call, channel_id, target, way, instead_of=before)
        self.refusal = self.refusal or refusal
        return refusal is None

    async def add(self, targets: Sequence[Target]) -> None:
        """Ring these as well."""
        self.begin(targets)
        await asyncio.gather(*(self._tasks[target] for target in targets))

    async def stop(self) -> None:
        """Place no more."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def fail_over(self) -> None:
        """Try the next trunk for each number whose last leg has failed by its trunk."""
        for target in self._ways:
            if (legs := self._legs[target]) and failed_by_its_trunk(self._call, legs[-1]):
                self._by_next_trunk(target)

    @property
    def is_redirected(self) -> bool:
        """Whether a phone has redirected its call, and nothing has been done about it."""
        return any(map(self._redirects.is_new, self.legs))

    async def follow_redirects(self) -> None:
        """Ring those to whom phones have redirected their calls."""
        new: list[Target] = []
        for target, legs in self._legs.items():
            for leg in filter(self._redirects.is_new, legs):
                new += self._redirects.instead_of(target, leg, {*self._tasks, *new})
        self.begin(new)
        await asyncio.gather(*(self._tasks[target] for target in new))

    def _by_next_trunk(self, target: TrunkTarget, instead_of: Leg | None = None) -> None:
        """Ring by the next trunk, if there is one, `instead_of` a leg that is taken back."""
        legs = self._legs[target]
        way = next_way(self._call, self._ways[target], is_first=not legs)
        if way is None:
            return
        is_dialled = not self._only_create
        if is_dialled and not self._may_dial(target, self._call.legs.next_channel_id, way, legs[-1] if legs else None):
            self._ways[target].clear()
            return
        if instead_of is not None:
            take_back(self._call, instead_of, LegOutcome.SETUP_TIMEOUT)
        self._ring(self._new_leg(target, f"PJSIP/{way.endpoint}", f"PJSIP/{way.dial}@{way.endpoint}", way))

    async def _place(self, target: Target) -> None:
        match target:
            case TrunkTarget():
                self._ways[target] = list(target.via)
                self._by_next_trunk(target)
            case EndpointTarget() if self._may_ring_before_asking(target):
                await self._ring_and_ask(target)
            case EndpointTarget():
                self._ring_contacts(target, await self._contacts(target, self._call.caller.channel_id))
            case _:
                assert_never(target)

    def _may_ring_before_asking(self, target: EndpointTarget) -> bool:
        """It likely has one contact; or there is no channel yet by which its contacts could be asked for."""
        if not self._call.caller.is_there:
            return True
        return self._call.telephony.had_one_contact(target.endpoint) and not self._only_create

    async def _contacts(self, target: EndpointTarget, channel_id: str) -> tuple[str, ...] | None:
        """None for an endpoint that Asterisk does not know."""
        try:
            return await self._call.telephony.contacts(channel_id, target.endpoint)
        except RefusedError:
            return None
        except NotFoundError:
            if self._call.caller.is_there:
                raise
            return ()  # the phone by whose channel it was asked has declined meanwhile

    def _ring_contacts(self, target: EndpointTarget, contacts: tuple[str, ...] | None) -> None:
        endpoint = f"PJSIP/{target.endpoint}"
        if not contacts:
            reason = "not known to Asterisk" if contacts is None else "not registered"
            self._call.tell(e.DeviceUnavailable(at=now(), endpoint=endpoint, reason=reason))
        for contact in contacts or ():
            self._ring(self._new_leg(target, endpoint, contact))

    async def _ring_and_ask(self, target: EndpointTarget) -> None:
        """Ring the first contact, ask for all meanwhile, and ring the others if there are any by now."""
        endpoint = f"PJSIP/{target.endpoint}"
        leg = self._new_leg(target, endpoint, endpoint)
        creating = self._call.request(self._create(leg))
        self._call.request(self._dial(leg))
        try:
            channel_id = await self._any_channel(leg)
            contacts = await self._contacts(target, channel_id) if channel_id else ()
            await asyncio.wait([creating])
        except (asyncio.CancelledError, TelephonyError):
            self._call.legs.tell_dialled(leg)
            raise
        if not creating.result():
            self._legs[target].remove(leg)
            self._ring_contacts(target, contacts)
            return
        if contacts and len(contacts) > 1:
            taken = await self._call.telephony.read_variable(leg.channel_id, TAKEN_CONTACT)
            # A phone that has declined by now left no channel to ask. Asterisk takes the first contact that it lists.
            leg.dial_string = f"{endpoint}/{taken}" if taken else contacts[0]
        elif contacts:
            leg.dial_string = contacts[0]
        self._call.legs.tell_dialled(leg)
        for contact in contacts or ():
            if contact != leg.dial_string:
                self._ring(self._new_leg(target, endpoint, contact))

    async def _any_channel(self, leg: Leg) -> str:
        """A channel that lives: the caller's, else this leg's own; "" when it could not be made."""
        if self._call.caller.is_there:
            return self._call.caller.channel_id
        await leg.entered.wait()
        return leg.channel_id if leg.alive else ""

    def _new_leg(self, target: Target, endpoint: str, dial_string: str, way: TrunkWay | None = None) -> Leg:
        leg = self._call.legs.new(endpoint, dial_string, target.user, way, confirm=target.confirm)
        if isinstance(target, EndpointTarget) and not self._legs[target]:  # of several contacts, one
            leg.auto_answer = target.auto_answer and self._call.auto_answers
        self._legs[target].append(leg)
        return leg

    def _ring(self, leg: Leg) -> None:
        """Place one leg, without waiting for it."""
        self._call.request(self._create(leg))
        if self._only_create:
            self._undialled[leg.channel_id] = leg_variables(self._call, leg)
        else:
            self._call.legs.tell_dialled(leg)
            self._call.request(self._dial(leg))

    async def _create(self, leg: Leg) -> bool:
        """Make the leg's channel; whether that succeeded. The story waits for events: without one it ends like any."""
        call, variables = self._call, leg_variables(self._call, leg)
        leg.shown_name = variables.get(SHOWN_NAME, "")
        try:
            if leg.ending is None:
                originator = call.caller.channel_id if call.caller.is_there else None
                await call.telephony.create_leg(leg.channel_id, leg.dial_string, originator, variables)
                return True
        except TelephonyError as error:
            self._failed(leg, error)
        finally:
            leg.exists.set()
        call.inbox.put(ChannelDestroyed(leg.channel_id, 0))
        return False

    async def _dial_created(self, leg: Leg, known: Mapping[str, str]) -> None:
        """Ring a leg that was created ahead, when only these of its variables were known."""
        call, variables = self._call, leg_variables(self._call, leg)
        leg.shown_name = variables.get(SHOWN_NAME, "")
        call.legs.tell_dialled(leg)
        await leg.entered.wait()
        news = {name: value for name, value in variables.items() if known.get(name) != value}
        await asyncio.gather(*(call.telephony.set_variable(leg.channel_id, *new) for new in news.items()))
        await self._dial(leg)

    async def _tell_ringing(self, leg: Leg) -> None:
        """Bring a leg that was dialled ahead what the answer carries; for headers it is too late."""
        call, pop = self._call, self._call.screen_pop
        shown = {} if is_hidden_from(leg) or own_number(call, leg) is not None else pop.name
        await leg.entered.wait()
        if leg.ending is None and leg.alive:
            await show_name(call, leg, {**pop.variables, **shown})

    async def _dial(self, leg: Leg) -> None:
        """Send the leg's INVITE. Asterisk refuses that before the leg is in the application."""
        call = self._call
        await leg.entered.wait()
        if leg.ending is not None or not leg.alive:
            return
        if self.early is not None:
            await self.early.join(leg)
        is_shown = call.caller.is_there and not leg.shown_name and own_number(call, leg) is None
        source = call.caller.channel_id if is_shown else None
        try:
            await call.telephony.dial(leg.channel_id, source, self._timeout_s)
        except TelephonyError as error:
            self._failed(leg, error)
        else:
            if leg.way is not None:
                await watch_setup(call, leg, leg.way.setup_timeout_s, lambda: self._give_up(leg))

    def _give_up(self, leg: Leg) -> None:
        """Take the next trunk, if there is one: that of this leg does not react."""
        for target in self._ways:
            if leg in self._legs[target]:
                self._by_next_trunk(target, instead_of=leg)

    def _failed(self, leg: Leg, error: TelephonyError) -> None:
        call = self._call
        leg.refused = isinstance(error, RefusedError)
        call.log.info("a leg could not be placed", leg=leg.role, endpoint=leg.endpoint, error=str(error))
        call.request(call.telephony.hang_up(leg.channel_id, "normal"))  # it may be there, and the answer was late
