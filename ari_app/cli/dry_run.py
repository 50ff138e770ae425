"""The dry run of a command: what is decided by files and by a database, beside a router that runs or without one."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from agi_router.decide import Router, RoutingSettings
from agi_router.lookup.grants import GrantMemory
from agi_router.routing.auth import Grant, OAuth2Auth
from agi_router.routing.errors import Failure
from agi_router.routing.last_agent import Talk, TalkLog
from agi_router.routing.memory import Memory, NoMemory
from agi_router.routing.route import Route
from agi_router.routing.step import Ring
from ari_app.app.lookups import look_up_devices
from ari_app.cli.dry_run_crm import crm_routing
from ari_app.cli.members import standing_members
from ari_app.cli.rules import refusal_now
from ari_app.live.device_lookup import KnownDevice
from ari_app.live.dry_run import Question, StandingMember
from ari_app.settings import Settings
from ari_app.storage.call_reader import read_calls
from ari_app.storage.grants import grants_for_command
from ari_app.storage.last_good_reader import read_last_good


@dataclass(frozen=True, slots=True)
class Files:
    """Implements `ari_app.live.dry_run.Surroundings`. What it does raises StorageError."""

    settings: Settings

    @property
    def routing(self) -> RoutingSettings:
        """See Surroundings."""
        return self.settings.routing

    @asynccontextmanager
    async def deciding(self, question: Question) -> AsyncIterator[tuple[Router, Memory]]:
        """See Surroundings: a router of its own, which learns nothing and is asked once."""
        async with (
            _memory(self.settings, question) as memory,
            _grants(self.settings, question) as grants,
            crm_routing(self.settings, _route(self.settings, question)) as crm,
            Router(
                self.settings.routing,
                grants=grants,
                talks=_Talks(self.settings),
                owners=crm.owners,
                crm_users=crm.users,
            ) as router,
        ):
            yield router, memory

    async def standing(self, action: Ring) -> tuple[StandingMember, ...]:
        """See Surroundings."""
        return await standing_members(self.settings, action)

    async def devices(self, endpoints: Sequence[str]) -> Mapping[str, KnownDevice] | None:
        """See Surroundings."""
        return await look_up_devices(self.settings, endpoints)

    async def refusal(self, number: str, route: str) -> Failure | None:
        """See Surroundings."""
        return await refusal_now(self.settings, number, route)


@dataclass(frozen=True, slots=True)
class _Talks(TalkLog):
    """The log of calls, opened only if somebody asks."""

    settings: Settings

    async def last_talk(self, caller_numbers: Collection[str], since: datetime) -> Talk | None:
        """See TalkLog. Raises StorageError."""
        async with read_calls(self.settings.storage) as calls:
            return await calls.last_talk(caller_numbers, since)


@asynccontextmanager
async def _memory(settings: Settings, question: Question) -> AsyncIterator[Memory]:
    """A dry run remembers nothing, and recalls only what it is asked to. Raises StorageError."""
    if not question.last_good:
        yield NoMemory()
        return
    async with read_last_good(settings.storage) as last_good:
        yield last_good


@asynccontextmanager
async def _grants(settings: Settings, question: Question) -> AsyncIterator[GrantMemory | None]:
    """Where the next refresh token is kept, if asking may use one up. Raises StorageError."""
    route = _route(settings, question)
    request = None if route is None else route.http_request
    auths = () if request is None else (request.auth, request.second_auth)
    if not any(isinstance(auth, OAuth2Auth) and auth.grant is Grant.REFRESH_TOKEN for auth in auths):
        yield None
        return
    async with grants_for_command(settings.storage) as grants:
        yield grants


def _route(settings: Settings, question: Question) -> Route | None:
    return next((route for route in settings.routing.routes if route.name == question.route), None)
