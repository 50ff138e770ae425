"""The states of devices that teams need: which are followed, and how one is set."""

from contextlib import AsyncExitStack

from aiohttp import ClientSession, encode_basic_auth

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


async def test_do_not_disturb_is_set_and_taken_back_by_a_code_that_the_phone_dials() -> None:
    change = team("21", "simultaneous", if_busy="skip")
    async with running(change, extra_dialplan=DIALPLAN) as rig, AsyncExitStack() as stack:
        ada, bob = await phones(stack, calling_the_team(rig), "ada", "bob")
        await devices_known(rig)

        async def dial(code: str) -> None:
            call = await bob.call(code)
            await call.answered()
            await call.hang_up()

        await dial("*78")
        await give_up(rig, ada)
        assert await passed(rig) == [("Bob", "dnd", False)]
        await dial("*79")
        await give_up(rig, ada, bob)
        await dial("*76")
        await give_up(rig, ada)
        await dial("*76")
        await give_up(rig, ada, bob)


async def test_a_reload_follows_the_devices_that_it_needs_and_no_others() -> None:
    async with running(team("21", "simultaneous")) as rig, AsyncExitStack() as stack:
        _ada, bob = await phones(stack, calling_the_team(rig), "ada", "bob")
        assert (await rig.router.until(lambda _: True))["watched_devices"] == 0
        team("2", "simultaneous", if_busy="skip")(rig.router.config)
        await rig.router.reload()
        await rig.router.until(lambda status: status["watched_devices"] == 4)
        assert await followed(rig) == {"PJSIP/ada", "PJSIP/bob", "PJSIP/carol", "Custom:DNDbob"}
        await rig.asterisk.cli("devstate change Custom:DNDbob INUSE")
        call = await rig.call()
        assert await call.final_status() == 486
        assert bob.received == []
        await rig.idle()
        team("2", "simultaneous")(rig.router.config)
        await rig.router.reload()
        await rig.router.until(lambda status: status["watched_devices"] == 0)
        assert await followed(rig) == set()
        await give_up(rig, bob)


async def test_after_a_restart_of_asterisk_the_states_are_read_anew() -> None:
    async with running(team("2", "simultaneous", if_busy="skip")) as rig, AsyncExitStack() as stack:
        await devices_known(rig)
        await rig.asterisk.cli("devstate change Custom:DNDbob INUSE")
        await rig.asterisk.restart()
        await rig.router.until(lambda status: not status["asterisk_connected"] or status["watched_devices"] == 4)
        (bob,) = await phones(stack, calling_the_team(rig), "bob")
        await rig.router.until(lambda status: status["asterisk_connected"] and status["watched_devices"] == 4)
        call = await rig.carrier.call(DID, caller=CALLER)
        assert await call.final_status() == 486
        assert bob.received == []
