"""What is changed of an agent's own state: a break in his queues, do not disturb, the end of his wrap-up.

Asterisk keeps the first two. What it is asked to do is asked once; done it is when Asterisk itself tells the new state.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from agi_router.routing.errors import Failure
from agi_router.routing.printable import one_line
from ari_app.calls.memberships import Membership
from ari_app.calls.ports import RefusedError, TelephonyError
from ari_app.calls.presence import IN_USE, Presence

TOLD_WITHIN_S: Final = 5.0
"""Asterisk tells a change within milliseconds, unless its machine has much else to do."""
LONGEST_REASON: Final = 79
"""In bytes of UTF-8."""
CUSTOM: Final = "Custom:"
"""The devices whose state others may set: that of a phone follows its calls."""


class Breaks(Protocol):
    """Asterisk's queues. Both raise a TelephonyError; nothing is sent twice."""

    async def set_break(self, member: Membership, *, paused: bool, reason: str) -> None:
        """Have a member take a break in his queue, or end it."""
        ...


class DeviceSwitch(Protocol):
    """Device states that others than Asterisk may set."""

    async def set_device_state(self, device: str, state: str) -> None:
        """Set the state of a custom device. Raises a TelephonyError."""
        ...


class Names(Protocol):
    """What people and queues are called by, in the configuration in force."""

    def user_called(self, name: str) -> str | None:
        """The id of the user with this id, e-mail address or extension; None when there is none."""
        ...

    def queue_called(self, name: str) -> str:
        """The name in queues.conf of the queue with this id; what is no id is a name already."""
        ...


class AgentChanges:
    """Changes the state of the users whom `presence` knows. `names` gives those in force now.

    Each change is answered by a Failure, or by None when it is in force; what was so before is no failure.
    """

    def __init__(
        self, presence: Presence, names: Callable[[], Names], breaks: Breaks | None, devices: DeviceSwitch
    ) -> None:
        """`breaks` is None where the router has no link to queues."""
        self.presence = presence
        self._names = names
        self._breaks = breaks
        self._devices = devices

    def user_called(self, name: str) -> str | Failure:
        """The id of this user."""
        user = self._names().user_called(name)
        if user is None:
            return Failure(
                "agent_unknown",
                f"no user has the id, e-mail address or extension {name!r}",
                "agi-router agents lists those there are",
            )
        return user

    async def set_break(self, user: str, *, paused: bool, queue: str = "", reason: str = "") -> Failure | None:
        """Have him take a break in this queue, "" for all of which he is a member, or end it."""
        if self._breaks is None or not self.presence.memberships.known:
            return _QUEUES_UNCONFIGURED if self._breaks is None else _QUEUES_UNKNOWN
        name = self._names().queue_called(queue)
        concerned = self._memberships(user, name)
        if not concerned:
            return self._no_member(user, name)
        reason = _as_kept(reason) if paused else ""
        done: list[str] = []
        for membership in concerned:
            try:
                await self._breaks.set_break(membership, paused=paused, reason=reason)
            except TelephonyError as error:
                return _not_paused(error, done)
            done.append(membership.queue)
        wanted = (paused, reason)
        return await self._told(
            lambda: all((m.paused, m.reason) == wanted for m in self._memberships(user, name)), "its queue"
        )

    async def set_dnd(self, user: str, *, on: bool) -> Failure | None:
        """Say for him that he does not want to be disturbed, or that he may be."""
        device = self.presence.dnd_device(user)
        if device is None:
            return Failure(
                "dnd_unknown",
                "this user has no device that tells do not disturb",
                "give him an extension, or name the device as dnd of his entry in directory.users",
            )
        if not device.startswith(CUSTOM):
            return Failure(
                "dnd_not_ours",
                f"the state of {device} follows something else, and cannot be set",
                f"name a device whose name begins with {CUSTOM} as dnd of his entry in directory.users",
            )
        try:
            await self._devices.set_device_state(device, "INUSE" if on else "NOT_INUSE")
        except TelephonyError as error:
            return _unreached(error)
        return await self._told(lambda: (self.presence.device_state(device) in IN_USE) is on, "func_devstate.so")

    def end_wrap_up(self, user: str) -> None:
        """From now on he is free again, if wrap-up was all that kept him busy."""
        self.presence.end_wrap_up(user)

    def _memberships(self, user: str, queue: str) -> Sequence[Membership]:
        return [each for each in self.presence.queues_of(user) if queue in {"", each.queue}]

    def _no_member(self, user: str, queue: str) -> Failure:
        queues = ", ".join(each.queue for each in self.presence.queues_of(user))
        if not queues:
            return Failure(
                "agent_in_no_queue",
                "he is a member of no queue, and a break is one from queues",
                "let him log in to a queue; or set do not disturb, which holds for calls of the router as well",
            )
        return Failure(
            "agent_not_in_queue",
            f"he is no member of {queue!r}",
            f"let him log in there, or name one of his queues: {queues}",
        )

    async def _told(self, is_so: Callable[[], bool], what: str) -> Failure | None:
        try:
            async with asyncio.timeout(TOLD_WITHIN_S):
                await self.presence.until(is_so, ())
        except TimeoutError:
            return Failure(
                "not_confirmed",
                f"Asterisk took it, and did not tell the new state within {TOLD_WITHIN_S:g} s",
                f"look at agi-router agents; is {what} loaded? agi-router doctor tells more",
            )
        return None


def _as_kept(reason: str) -> str:
    """Asterisk cuts a reason after so many bytes."""
    return one_line(reason).encode()[:LONGEST_REASON].decode(errors="ignore").strip()


_QUEUES_UNCONFIGURED: Final = Failure(
    "queues_unknown",
    "the router has no link to Asterisk's queues",
    "configure asterisk.ami, with write = agent in manager.conf: see docs/agents.md",
)
_QUEUES_UNKNOWN: Final = Failure(
    "asterisk_unreachable",
    "the link to Asterisk's queues is down, and nothing was changed",
    "agi-router status tells why; ask again when it is up",
)


def _not_paused(error: TelephonyError, done: Sequence[str]) -> Failure:
    failure = _unreached(error)
    if isinstance(error, RefusedError):
        remedy = "is he still a member? agi-router agents shows it"
        if "Permission denied" in str(error):
            remedy = (
                'write = agent must stand in the router\'s section of manager.conf; then asterisk -rx "manager reload"'
            )
        failure = Failure("asterisk_refused", str(error), remedy)
    if not done:
        return failure
    return Failure(failure.code, f"{failure.message}; done in {', '.join(done)} only", failure.remedy)


def _unreached(error: TelephonyError) -> Failure:
    if isinstance(error, RefusedError):
        return Failure("asterisk_refused", str(error), "agi-router doctor tells more")
    return Failure(
        "asterisk_unreachable", str(error), "whether it was done is not known: look at agi-router agents, and ask again"
    )
