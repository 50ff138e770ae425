"""A CRM beside the rig: connected by the generic document, under the name `office`."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from ari_app.control.client import ask
from ari_app.control.settings import ControlSettings
from sandbox.api import bearer
from sandbox.crm import GenericCrm
from sandbox.router import Config
from tests.system.doors import Door, running_by
from tests.system.rig import Rig

TOKEN = "token-of-the-crm"


def connecting(crm: GenericCrm, routes: Callable[[Config], dict[str, Any]]) -> Callable[[Config], None]:
    """A change of the configuration: `office` is connected, there are these routes, and two users with a phone each."""

    def change(config: Config) -> None:
        crm.accept(bearer(TOKEN))
        config["network"]["allowed_networks"].append("127.0.0.1/32")
        ada, bob = config["directory"]["users"]
        ada["devices"], bob["devices"] = ["PJSIP/ada"], ["PJSIP/bob"]
        config["crm"] = {
            "office": {
                "document": "generic",
                "properties": {"Base URL": crm.url, "Access token": TOKEN},
                "activities": {"enabled": False},
            }
        }
        config["routes"] = routes(config)

    return change


@asynccontextmanager
async def running_with(
    crm: GenericCrm, routes: Callable[[Config], dict[str, Any]], door: Door = Door.ARI
) -> AsyncIterator[Rig]:
    """The rig, which knows the users that the CRM lists."""
    async with running_by(door, connecting(crm, routes)) as rig:
        await knows_users(rig, len(crm.users))
        yield rig


async def knows_users(rig: Rig, count: int, name: str = "office") -> Mapping[str, Any]:
    """Wait until so many users of this CRM are known; how they stand."""

    def users(status: Mapping[str, Any]) -> Mapping[str, Any]:
        (told,) = (each for each in status["crm_users"] if each["connector"] == name)
        return dict(told)

    return users(await rig.router.until(lambda status: users(status)["users"] == count))


async def refresh_users(rig: Rig) -> Mapping[str, Any]:
    """Have the router ask for the users now; what is known of them."""
    control = ControlSettings(rig.router.config_path.with_name("calls.db.sock"))
    arguments = {"connector": "office", "refresh": True}
    [told] = (await asyncio.to_thread(ask, control, "crm_users", 30, arguments))["connectors"]
    return dict(told)
