"""Tells when a phone or a trunk of the directory comes and goes, by the states of devices that Asterisk tells anyway.

A state has to hold for SETTLE_S before it is told, and of one device no more than one change is told in QUIET_S: a
phone that registers anew, or flaps, is no storm, and the last state is told in the end. What a lost link brings is no
change: after it all states are read again.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from agi_router.decide import RoutingSettings
from agi_router.directory.users import EndpointDevice
from ari_app.calls.presence import UNREACHABLE
from ari_app.calls.roster import TECHNOLOGY
from ari_app.domain.link import Link
from ari_app.domain.notices import About, Notices, NoticeType
from ari_app.live.watching.teams import teams_of
from ari_app.live.watching.telling import notice, now

SETTLE_S: Final = 2.0
QUIET_S: Final = 10.0
UNKNOWN: Final = "UNKNOWN"
"""Asterisk's word for a device of which it says nothing."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a device is: a user's, with his id and teams, or a trunk's."""

    user: str | None = None
    teams: frozenset[str] = frozenset()
    trunk: str | None = None


@dataclass(slots=True)
class _Change:
    """What was told of a device last, and when; since when another state holds, and its timer."""

    told: bool
    told_at_s: float = float("-inf")
    is_online: bool = False
    since: datetime | None = None
    state: str = ""
    timer: asyncio.TimerHandle | None = None


class DeviceWatch:
    """Takes the states of devices. The first state of each is what others can ask for: it is no change."""

    def __init__(self, notices: Notices, link: Link, settle_s: float = SETTLE_S, quiet_s: float = QUIET_S) -> None:
        self._notices = notices
        self._link = link
        self._settle_s = settle_s
        self._quiet_s = quiet_s
        self._owners: Mapping[str, Owner] = {}
        self._known: dict[str, _Change] = {}
        link.watch(self._link_changed)

    def know(self, routing: RoutingSettings) -> None:
        """From now on these are the devices."""
        self._owners = owners(routing)
        for device in self._known.keys() - self._owners.keys():
            _stop(self._known.pop(device))

    def see(self, device: str, state: str) -> None:
        """A device, such as PJSIP/ada, is in this state, a word of Asterisk."""
        if device not in self._owners or state == UNKNOWN:
            return
        is_online = state not in UNREACHABLE
        change = self._known.setdefault(device, _Change(told=is_online, is_online=is_online))
        change.state = state
        if is_online != change.is_online:
            change.is_online, change.since = is_online, now()
            self._wait(device, change)
        elif change.timer is None:
            self._wait(device, change)  # it holds, and the link was down when it was looked at

    def close(self) -> None:
        """Tell nothing more."""
        for change in self._known.values():
            _stop(change)

    def _wait(self, device: str, change: _Change) -> None:
        _stop(change)
        if change.is_online == change.told:
            return
        loop = asyncio.get_running_loop()
        due_s = max(loop.time() + self._settle_s, change.told_at_s + self._quiet_s)
        change.timer = loop.call_at(due_s, self._hold, device, change)

    def _hold(self, device: str, change: _Change) -> None:
        change.timer = None
        if not self._link.is_settled:
            return  # an Asterisk that goes down takes its devices with it; another look when it is back
        change.told, change.told_at_s = change.is_online, asyncio.get_running_loop().time()
        owner = self._owners[device]
        told = {
            "endpoint": device,
            "kind": "phone" if owner.trunk is None else "trunk",
            "user": owner.user,
            "trunk": owner.trunk,
            "call_state": change.state,
        }
        self._notices.tell(
            notice(
                NoticeType.DEVICE_ONLINE if change.is_online else NoticeType.DEVICE_OFFLINE,
                f"device/{device}",
                {"device": told},
                at=change.since,
                about=About(users=frozenset([owner.user] if owner.user else []), teams=owner.teams),
            )
        )

    def _link_changed(self) -> None:
        if self._link.is_settled:
            for device, change in self._known.items():
                if change.timer is None:
                    self._wait(device, change)


def owners(routing: RoutingSettings) -> Mapping[str, Owner]:
    """Whose each device of the directory is."""
    teams = teams_of(routing)
    trunks = {TECHNOLOGY + trunk.endpoint: Owner(trunk=trunk.name) for trunk in routing.trunks}
    phones = {
        TECHNOLOGY + device.endpoint: Owner(user=user.id, teams=teams[user.id])
        for user in routing.users
        for device in user.devices
        if isinstance(device, EndpointDevice)
    }
    return {**trunks, **phones}


def _stop(change: _Change) -> None:
    if change.timer is not None:
        change.timer.cancel()
        change.timer = None
