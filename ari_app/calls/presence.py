"""Who is free, who rings, and who is busy, and why: answered at once, from what Asterisk and our own calls told before.

A user is busy when one of his phones is in use by any call, when he speaks in a call of ours (also on a device outside,
of which Asterisk knows nothing), in wrap-up after one, or when he does not want to be disturbed.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from agi_router.routing.order import History, Standing
from agi_router.routing.step import EndpointTarget, Member
from ari_app.calls.memberships import Membership, Memberships
from ari_app.calls.roster import TECHNOLOGY, Person, Roster
from ari_app.domain import events as e
from ari_app.domain.call_log import CallWriter
from ari_app.domain.record import CallRecord

IN_USE: Final = frozenset({"INUSE", "BUSY", "ONHOLD", "RINGINUSE"})
"""Asterisk's words for a device in a call. RINGING is not among them: nobody has picked up."""
UNAVAILABLE: Final = "UNAVAILABLE"
"""Asterisk's word for a device that has no living contact."""
UNREACHABLE: Final = frozenset({UNAVAILABLE, "INVALID"})
"""The same, and its word for a device that there is not."""
OUTSIDE: Final = "OUTSIDE"
"""Our word for a phone outside, of which Asterisk knows no state."""
_NOBODY: Final = Person()


class Why(StrEnum):
    """Why somebody is busy."""

    IN_CALL = "in_call"
    WRAP_UP = "wrap_up"
    DND = "dnd"


@dataclass(frozen=True, slots=True)
class Busy:
    """Somebody is busy; `for_s` is how long he will be, in wrap-up."""

    why: Why
    for_s: float | None = None


@dataclass(frozen=True, slots=True)
class _Talk:
    """The last talk of a user: its end, and the id of the team that was called ("": none).

    `wrapped_up` is whether he has said himself that he is done with it.
    """

    ended_at: datetime
    team: str
    wrapped_up: bool = False


@dataclass(slots=True)
class _Live:
    """A call that goes on: the team of its last step, and whose its legs are.

    `up` are the legs that were picked up, `spoken` those who spoke with the caller; `first` is the one that became the
    caller of a call that was asked for.
    """

    team: str = ""
    first: str = ""
    users: dict[str, str] = field(default_factory=dict)
    up: set[str] = field(default_factory=set)
    spoken: set[str] = field(default_factory=set)


class Presence(CallWriter):
    """Takes the states of devices, and as a CallWriter the events of our own calls.

    `memberships` are the queues of its users, where a link tells of them.
    """

    def __init__(self, roster: Roster | None = None) -> None:
        self._roster = roster or Roster()
        self.memberships = Memberships(self._tell)
        self._states: dict[str, str] = {}
        self._calls: dict[str, _Live] = {}
        self._picked_up: Counter[str] = Counter()  # by user: his legs that are up
        self._rung: Counter[str] = Counter()  # by user: the rounds in which he rings
        self._last_talk: dict[str, _Talk] = {}
        self._last_rung: dict[tuple[str, str], datetime] = {}  # by team and user
        self._changed = asyncio.Event()

    @property
    def changed(self) -> asyncio.Event:
        """Set at the next change: take it, look how somebody stands, then wait for it. Each is set once."""
        return self._changed

    def know(self, roster: Roster) -> None:
        """From now on these are the users."""
        self._roster = roster
        self._states = {device: state for device, state in self._states.items() if device in roster.watched}
        self._tell()

    def device_changed(self, device: str, state: str) -> None:
        """A device, such as PJSIP/ada, is in this state, a word of Asterisk."""
        self._states[device] = state
        self._tell()

    def restore(self, last_talks: Iterable[CallRecord], going_on: Iterable[CallRecord]) -> None:
        """Know again what the log tells: the last talk of each user, and the calls that have no end on record."""
        for record in last_talks:
            if record.agent and record.ended_at is not None:
                self._last_talk[record.agent] = _Talk(record.ended_at, _team(record))
        for record in going_on:
            speaking = [leg for leg in record.legs if leg.answered_at and not leg.ended_at and leg.user]
            if record.answered_at is not None and speaking:
                live = _Live(_team(record), users={leg.leg: leg.user for leg in speaking})
                self._calls[record.call_id] = live
                for leg in speaking:
                    self._pick_up(live, leg.leg)
                    live.spoken.add(leg.leg)

    def is_down(self, endpoint: str) -> bool:
        """Whether a PJSIP endpoint is known to have nobody behind it: a trunk by qualify, or not registered."""
        return self._states.get(TECHNOLOGY + endpoint) == UNAVAILABLE

    def is_registered(self, member: Member) -> bool | None:
        """Whether a phone of this member can be reached; one outside always is. None when that is not known."""
        states = [
            self._states.get(TECHNOLOGY + target.endpoint) if isinstance(target, EndpointTarget) else OUTSIDE
            for target in member.targets
        ]
        if any(state not in {None, "UNKNOWN", *UNREACHABLE} for state in states):
            return True
        return False if states and all(state in UNREACHABLE for state in states) else None

    def is_ringing(self, user: str) -> bool:
        """Whether a call of ours rings for this user."""
        return self._rung[user] > 0

    def members(self) -> Sequence[Member]:
        """All users, with their phones."""
        return [
            Member(user, tuple(map(EndpointTarget, person.endpoints)), person.name)
            for user, person in self._roster.people.items()
        ]

    def device_state(self, device: str) -> str | None:
        """The state of a device, one of Asterisk's words; None where it has told none."""
        return self._states.get(device)

    def device_states(self, user: str) -> Mapping[str, str | None]:
        """The state of each of this user's devices, one of Asterisk's words; None where it has told none."""
        return {device: self._states.get(device) for device in self._roster.people.get(user, _NOBODY).devices}

    def dnd_device(self, user: str) -> str | None:
        """The device whose state says that this user wants not to be disturbed; None when there is none."""
        return self._roster.people.get(user, _NOBODY).dnd

    def end_wrap_up(self, user: str) -> None:
        """He is done with his last talk, earlier than his teams allow for. A start of the router forgets it."""
        if (talk := self._last_talk.get(user)) is not None:
            self._last_talk[user] = replace(talk, wrapped_up=True)
            self._tell()

    def queues_of(self, user: str) -> Sequence[Membership]:
        """The queues of which this user is a member, as far as they are known."""
        return self.memberships.of(self._roster.people.get(user, _NOBODY).member_names)

    def busy(self, member: Member, at: datetime | None = None) -> Busy | None:
        """Why this member is busy; None when he is not."""
        return next(self.all_busy(member, at), None)

    def all_busy(self, member: Member, at: datetime | None = None) -> Iterator[Busy]:
        """All that keeps this member busy, the call that he is in first."""
        person = self._roster.people.get(member.user, _NOBODY)
        rung = (TECHNOLOGY + target.endpoint for target in member.targets if isinstance(target, EndpointTarget))
        if self._picked_up[member.user] or any(
            self._states.get(device) in IN_USE for device in {*person.phones, *rung}
        ):
            yield Busy(Why.IN_CALL)
        if person.dnd is not None and self._states.get(person.dnd) in IN_USE:
            yield Busy(Why.DND)
        left_s = self._wrap_up_left_s(member.user, person, at or datetime.now(UTC))
        if left_s > 0:
            yield Busy(Why.WRAP_UP, left_s)

    def standing(self, member: Member) -> Standing:
        """How this member stands."""
        if self.busy(member) is not None:
            return Standing.BUSY
        return Standing.RINGING if member.user and self.is_ringing(member.user) else Standing.FREE

    def history(self, team: str, members: Iterable[Member]) -> History:
        """The past of these members of a team.

        Who was not rung since the start had his last turn with his last talk.
        """
        users = [member.user for member in members if member.user]
        talks = {user: talk.ended_at for user in users if (talk := self._last_talk.get(user))}
        rung = {user: at for user in users if (at := self._last_rung.get((team, user)))}
        speaking = {user: datetime.now(UTC) for user in users if self._picked_up[user]}
        return History(last_rung={**talks, **rung}, last_talk={**talks, **speaking})

    @contextmanager
    def ringing(self, members: Sequence[Member], team: str) -> Iterator[None]:
        """These members ring for a caller until the block ends: others know it before the first phone rings."""
        users = [member.user for member in members if member.user]
        self._rung.update(users)
        self._last_rung.update({(team, user): datetime.now(UTC) for user in users})
        try:
            yield
        finally:
            self._rung.subtract(users)
            self._tell()

    async def until(self, condition: Callable[[], bool], members: Sequence[Member]) -> None:
        """Return as soon as this holds, which depends on how these members stand."""
        while not condition():
            changed = self._changed
            waits = [busy.for_s for member in members if (busy := self.busy(member)) and busy.for_s is not None]
            with suppress(TimeoutError):
                async with asyncio.timeout(min(waits, default=None)):
                    await changed.wait()

    def write(self, call_id: str, event: e.CallEvent) -> None:
        """Take one event of a call of ours."""
        match event:
            case e.CallArrived() | e.CallRequested() | e.CallRecovered():
                self._calls.setdefault(call_id, _Live())
            case e.FirstAnswered() if live_ := self._calls.get(call_id):
                live_.first = event.leg
            case e.StepStarted() if live_ := self._calls.get(call_id):
                live_.team = event.team
            case e.LegDialled() if (live_ := self._calls.get(call_id)) and event.user:
                live_.users[event.leg] = event.user
            case e.LegJoined() if (live_ := self._calls.get(call_id)) and event.user:
                live_.users[event.leg] = event.user
                self._pick_up(live_, event.leg)
            case e.LegAnswered() if live_ := self._calls.get(call_id):
                self._pick_up(live_, event.leg)
            case e.CallAnswered() | e.Transferred() if live_ := self._calls.get(call_id):
                live_.spoken |= {event.leg, live_.first}
            case e.LegEnded() if live_ := self._calls.get(call_id):
                self._put_down(live_, event.leg, event.at)
            case e.CallEnded() | e.SentToDialplan() if ended := self._calls.pop(call_id, None):
                for leg in list(ended.up):
                    self._put_down(ended, leg, event.at)
            case _:
                pass

    def _pick_up(self, live: _Live, leg: str) -> None:
        if (user := live.users.get(leg)) and leg not in live.up:
            live.up.add(leg)
            self._picked_up[user] += 1
            self._tell()

    def _put_down(self, live: _Live, leg: str, at: datetime) -> None:
        if leg not in live.up:
            return
        live.up.discard(leg)
        user = live.users[leg]
        self._picked_up[user] -= 1
        if leg in live.spoken:
            self._last_talk[user] = _Talk(at, live.team)
        self._tell()

    def _wrap_up_left_s(self, user: str, person: Person, at: datetime) -> float:
        talk = self._last_talk.get(user)
        if talk is None or talk.wrapped_up or not person.wrap_up_s:
            return 0.0
        lasts_s = person.wrap_up_s.get(talk.team, max(person.wrap_up_s.values()))
        return (talk.ended_at + timedelta(seconds=lasts_s) - at).total_seconds()

    def _tell(self) -> None:
        """Wake all who wait for a change."""
        self._changed.set()
        self._changed = asyncio.Event()


@dataclass(frozen=True, slots=True)
class Witnessed(CallWriter):
    """Writes into the log, and lets the presence know."""

    log: CallWriter
    presence: Presence

    def write(self, call_id: str, event: e.CallEvent) -> None:
        """See the protocol."""
        self.log.write(call_id, event)
        self.presence.write(call_id, event)


def _team(record: CallRecord) -> str:
    return record.destination if record.destination_type == "team" else ""
