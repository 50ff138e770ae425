"""The states of devices that teams need: which are followed, and how one is set."""

import asyncio
from contextlib import AsyncExitStack

from aiohttp import ClientSession, encode_basic_auth

from tests.patience import PATIENCE_S
from tests.system.rig import CALLER, DID, Rig, running
from tests.system.teams.team import DIALPLAN, calling_the_team, devices_known, give_up, passed, phones, team


async def followed(rig: Rig) -> set[str]:
    """The devices whose states Asterisk tells the router."""
    login = encode_basic_auth(rig.asterisk.ari_username, rig.asterisk.ari_password)
    async with (
        ClientSession(headers={"Authorization": login}) as session,
        session.get(f"{rig.asterisk.ari_url}/ari/applications/agi-router") as answer,
    ):
        return set((await answer.json())["device_names"])


def connections(rig: Rig) -> int:
    """How often the router has connected to Asterisk, and then read what there is."""
    return rig.router.log_path.read_text().count("connected to Asterisk")


async def test_do_not_disturb_is_set_and_taken_back_by_a_code_that_the_phone_dials() -> None:
    change = team("21", "simultaneous", if_busy="skip")
    async with running(change, extra_dialplan=DIALPLAN) as rig, AsyncExitStack() as stack:
        ada, bob = await phones(stack, calling_the_team(rig), "ada", "bob")
        await devices_known(rig)

        async def dial(code: str, state: str) -> None:
            call = await bob.call(code)
            await call.answered()
            await call.hang_up()
            await rig.stands("2", state=state)  # in that call he is busy, too

        await dial("*78", "dnd")
        await give_up(rig, ada)
        assert await passed(rig) == [("Bob", "dnd", False)]
        await dial("*79", "free")
        await give_up(rig, ada, bob)
        await dial("*76", "dnd")
        await give_up(rig, ada)
        await dial("*76", "free")
        await give_up(rig, ada, bob)


async def test_the_devices_of_all_users_are_followed_and_a_reload_follows_those_of_its_own() -> None:
    async with running(team("2", "simultaneous", if_busy="skip")) as rig, AsyncExitStack() as stack:
        (bob,) = await phones(stack, calling_the_team(rig), "bob")
        await rig.router.until(lambda status: status["watched_devices"] == 4)
        assert await followed(rig) == {"PJSIP/ada", "PJSIP/bob", "PJSIP/carol", "Custom:DNDbob"}
        users = rig.router.config["directory"]["users"]
        rig.router.config["directory"]["users"] = [user for user in users if user["name"] in {"Ada", "Dan"}]
        rig.router.config["directory"]["teams"][0]["members"] = ["1"]
        await rig.router.reload()
        await rig.router.until(lambda status: status["watched_devices"] == 1)
        assert await followed(rig) == {"PJSIP/ada"}
        team("2", "simultaneous", if_busy="skip")(rig.router.config)
        await rig.asterisk.cli("devstate change Custom:DNDbob INUSE")
        await rig.router.reload()
        await rig.router.until(lambda status: status["watched_devices"] == 4)
        call = await rig.call()
        assert await call.final_status() == 486
        assert bob.received == []
        await rig.idle()


async def test_after_a_restart_of_asterisk_the_states_are_read_anew() -> None:
    async with running(team("2", "simultaneous", if_busy="skip")) as rig, AsyncExitStack() as stack:
        await devices_known(rig)
        await rig.asterisk.cli("devstate change Custom:DNDbob INUSE")
        before = connections(rig)
        await rig.asterisk.restart()
        (bob,) = await phones(stack, calling_the_team(rig), "bob")
        async with asyncio.timeout(PATIENCE_S):
            while connections(rig) == before:
                await asyncio.sleep(0.02)  # its status tells the former one, until it is noticed that it is lost
        await rig.router.until(lambda status: status["asterisk_connected"] and status["watched_devices"] == 4)
        call = await rig.carrier.call(DID, caller=CALLER)
        assert await call.final_status() == 486
        assert bob.received == []
