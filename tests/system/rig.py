"""What a system test stands on: Asterisk, a customer's API, the router and a carrier; and nothing left after it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

import aiohttp
import pytest

from ari_app.calls.presence import IN_USE, UNREACHABLE
from ari_app.calls.roster import TECHNOLOGY
from ari_app.control.settings import ControlError
from ari_app.domain import events as e
from ari_app.domain.record import CallRecord
from sandbox import Answer, Api, Asterisk, Layout, Phone
from sandbox.patience import PATIENCE_S
from sandbox.phone.outgoing import OutgoingCall
from sandbox.router import Config, Process, Router, router_config
from tests import warm

DID = "+14155550100"
CALLER = "+14155550177"
ADA = "456"
ANSWER = "/answer"
PARKING_LOT = " holding_bridge "

Change = Callable[[Config], None]


def origin(config: Config) -> str:
    """Where the API of the configuration's first route is: scheme, host and port."""
    return str(config["routes"]["sales"]["request"]["url"]).partition("/v1/")[0]


def route(config: Config, response: dict[str, Any], *fallback: dict[str, Any]) -> dict[str, Any]:
    """A route for `Rig.call_by`: its API says, at ANSWER, whom a call belongs `to`."""
    return {
        "request": {"url": f"{origin(config)}{ANSWER}", "deadline_s": 10},
        "response": {"path": "to", **response},
        "fallback": [*fallback],
    }


class KnownPhone(Phone):
    """A phone whose user waits, when it has registered, until it is `known`."""

    known: Callable[[], Awaitable[None]]

    async def register(self) -> None:
        """See Phone."""
        await super().register()
        await self.known()


@dataclass(frozen=True, slots=True)
class Rig:
    """The parts, all running. The API knows CALLER as a customer of Ada."""

    asterisk: Asterisk
    api: Api
    router: Router
    carrier: Phone

    async def call(self, caller: str = CALLER, *, withheld: bool = False, caller_name: str = "") -> OutgoingCall:
        """A customer calls our number."""
        return await self.carrier.call(DID, caller=caller, withheld=withheld, caller_name=caller_name)

    def user(self, name: str, tone_hz: int | None = 1000) -> Phone:
        """A phone that registers under this name, and that the router knows of by then."""
        phone = KnownPhone.user(self.asterisk.layout, name, tone_hz=tone_hz)
        phone.known = partial(self._can_reach, f"PJSIP/{name}")
        return phone

    async def _can_reach(self, device: str) -> None:
        """Asterisk tells a phone that it is registered, and everybody else some time later.

        A router that is not there, or not connected, hears of it when it is.
        """
        async with asyncio.timeout(PATIENCE_S):
            while True:
                status = await self.router.status()
                if status is None or not status["asterisk_connected"]:
                    return
                try:
                    states = [agent["devices"].get(device) for agent in (await self.router.agents()).values()]
                except ControlError:  # it is killed in this moment
                    return
                if not UNREACHABLE.intersection(states):
                    return
                await asyncio.sleep(0.02)  # the router is asked: it tells nobody

    @contextlib.asynccontextmanager
    async def online(self, name: str) -> AsyncIterator[Phone]:
        """The same; Asterisk tells a phone that it is registered a moment before it takes its endpoint for online."""
        authorization = aiohttp.encode_basic_auth(self.asterisk.ari_username, self.asterisk.ari_password)
        async with self.user(name) as phone, aiohttp.ClientSession(headers={"Authorization": authorization}) as http:
            async with asyncio.timeout(PATIENCE_S):
                while await self._state(http, name) != "online":
                    await asyncio.sleep(0.02)  # Asterisk has an event for it, which is sent to applications
            yield phone

    async def _state(self, http: aiohttp.ClientSession, endpoint: str) -> str:
        async with http.get(f"{self.asterisk.ari_url}/ari/endpoints/PJSIP/{endpoint}") as answer:
            return str((await answer.json())["state"])

    async def idle(self) -> None:
        """Wait until the router has no call; then check that nothing is left anywhere."""
        await self.router.until(lambda status: status["live_calls"] == 0)
        await self.nothing_is_left()

    async def nothing_is_left(self) -> None:
        """No channel, bridge, task or subscription, no phone that is taken for busy, and no record without an end."""
        status = await self.router.until(lambda status: status["watched_channels"] == 0)
        assert status["events_lost"] == 0
        await self._until_empty(self.router.tasks_beyond_rest)
        await self._until_empty(self.channels)
        await self._until_empty(self.bridges)
        await self._until_empty(self.subscriptions)
        await self._until_empty(self.phones_in_use)
        assert [record for record in await self.router.records() if record.ended_at is None] == []

    async def _until_empty(self, listing: Callable[[], Awaitable[list[str]]]) -> None:
        """Asterisk takes a channel apart, and its subscription with it, after it has told of its end; give it that
        moment.
        """
        left: list[str] = []
        try:
            async with asyncio.timeout(PATIENCE_S):
                while left := await listing():
                    await asyncio.sleep(0.02)  # Asterisk has no event for "taken apart"
        except TimeoutError:
            pytest.fail(f"left behind: {left}")

    async def channels(self) -> list[str]:
        """Asterisk's channels."""
        return (await self.asterisk.cli("core show channels concise")).split()

    async def bridges(self) -> list[str]:
        """The ids of Asterisk's bridges, but for that of a parking lot, which stays once somebody was parked there."""
        lines = (await self.asterisk.cli("bridge show all")).splitlines()[1:]
        return [line.split()[0] for line in lines if line.strip() and PARKING_LOT not in line]

    async def phones_in_use(self) -> list[str]:
        """The phones of users of which the router thinks that they ring or are in a call."""
        return [
            device
            for agent in (await self.router.agents()).values()
            for device, state in agent["devices"].items()
            if device.startswith(TECHNOLOGY) and state in {*IN_USE, "RINGING"}
        ]

    async def subscriptions(self) -> list[str]:
        """What our application is subscribed to, as far as Asterisk counts it: [] for nothing."""
        shown = await self.asterisk.cli("ari show app agi-router")
        (count,) = (line for line in shown.splitlines() if line.strip().startswith("Subscriptions:"))
        return [] if count.split()[1] == "0" else [count.strip()]

    async def stands(self, user: str = ADA, **how: object) -> None:
        """Wait until the router knows this of a user, such as state="free".

        A phone is answered before Asterisk tells anybody else that it is registered, or in a call, or free again.
        """
        async with asyncio.timeout(PATIENCE_S):
            while {key: (await self.router.agents())[user][key] for key in how} != how:
                await asyncio.sleep(0.02)  # the router is asked: it tells nobody

    async def can_be_called(self, user: str = ADA) -> None:
        """Wait until the router would let a call be placed for this agent."""
        await self.stands(user, registered=True, state="free")

    async def place(self, user: str, number: str, **more: Any) -> str:
        """Ask for a call of an agent who is there, or just comes; its id."""
        await self.can_be_called(user)
        return await self.router.place(user=user, number=number, **more)

    async def until_connected(self) -> None:
        """Wait until an Asterisk that has just been started knows the router; that may not have seen the end of the
        one before.
        """
        async with asyncio.timeout(PATIENCE_S):
            while "agi-router" not in (await self.asterisk.cli("ari show apps")).split():
                await asyncio.sleep(0.02)  # Asterisk has no event for it

    async def call_by(self, route: str, value: object) -> OutgoingCall:
        """A customer calls by this route, whose API (at ANSWER) says that the call belongs `to` the value."""
        self.api.answers[ANSWER] = Answer(body={"to": value})
        await self.asterisk.cli(f"dialplan set global AGI_ROUTER_ROUTE {route}")
        return await self.call()

    async def newest(self) -> CallRecord:
        """The record of the last call."""
        return (await self.router.records())[-1]

    async def step_ends(self) -> list[tuple[str, str]]:
        """How each step of the last call ended, and the code of the reason."""
        trace = await self.router.trace((await self.newest()).call_id)
        return [(event.outcome, event.code) for event in trace if isinstance(event, e.StepEnded)]

    async def record(self) -> CallRecord:
        """The record of the only call."""
        (record,) = await self.router.records()
        return record

    async def story(self) -> list[e.CallEvent]:
        """The events of the only call."""
        return list(await self.router.trace((await self.record()).call_id))


async def warm_router(config_path: Path, log: IO[bytes]) -> Process:
    """A router that is spared its imports; tests/component and the demo's tests start it as operators do."""
    return await warm.start("--config", str(config_path), "serve", stdout=log, stderr=log)


@contextlib.asynccontextmanager
async def running(
    change: Change | None = None,
    *,
    numbered_phones: int = 0,
    extra_dialplan: str = "",
    configure: Callable[[Path, Layout], None] | None = None,
    ami: bool = False,
    audit: Path | None = None,
) -> AsyncIterator[Rig]:
    """Everything up; `change` may alter the router's configuration first.

    `extra_dialplan` is added to Asterisk's, whose /etc/asterisk `configure` may change; `audit` may hold it up. With
    `ami` the router is linked to the manager interface.
    """
    async with Asterisk(
        numbered_phones=numbered_phones, extra_dialplan=extra_dialplan, configure=configure, audit=audit
    ) as asterisk:
        async with Api(asterisk.layout.api, users={CALLER: ADA}) as api:
            config = router_config(asterisk, api.search_url)
            if ami:
                config["asterisk"]["ami"] = {
                    "host": asterisk.address,
                    "port": asterisk.layout.ami_port,
                    "username": asterisk.ami_username,
                    "secret": asterisk.ami_secret,
                    "ping_s": 0.5,
                }
            if change is not None:
                change(config)
            async with Router(config, warm_router) as router, Phone.carrier(asterisk.layout, tone_hz=500) as carrier:
                yield Rig(asterisk, api, router, carrier)
