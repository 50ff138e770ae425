"""A caller who calls again is put through to whom he spoke with, by the router's own log, on a real Asterisk."""

from ari_app.domain import events as e
from sandbox import Phone
from sandbox.router import Config
from tests.system.rig import ADA, CALLER, Rig, running
from tests.system.test_dry_run import dry_run


def with_last_agent(config: Config) -> None:
    """Ada has one phone; whom the API does not know is put through to the last agent, and then to carol."""
    config["directory"]["users"][0]["devices"] = ["PJSIP/ada"]
    config["routes"]["sales"]["fallback"] = [{"last_agent": 600, "timeout_s": 20}, {"endpoint": "carol"}]


async def talk(rig: Rig, phone: Phone, *, withheld: bool = False) -> None:
    """A customer calls, this phone answers, and they speak."""
    call = await rig.call(withheld=withheld)
    ringing = await phone.next_call()
    await ringing.answer()
    await call.answered()
    assert await call.hears(1000, 0.2)
    await ringing.hang_up()
    await call.ended()
    await rig.idle()


async def newest(rig: Rig) -> list[e.CallEvent]:
    return list(await rig.router.trace((await rig.router.records())[-1].call_id))


def refusals(story: list[e.CallEvent]) -> list[str]:
    return [event.code for event in story if isinstance(event, e.StepEnded) and event.code]


async def test_who_calls_again_reaches_whom_he_spoke_with_and_else_the_chain_goes_on() -> None:
    async with running(with_last_agent) as rig, rig.user("ada", 1000) as ada, rig.user("carol", 1000) as carol:
        del rig.api.users[CALLER]
        await talk(rig, carol)  # nobody has spoken with him; and carol's phone is no user's
        assert refusals(await newest(rig)) == ["last_agent_none"]

        rig.api.users[CALLER] = ADA
        await talk(rig, ada)
        del rig.api.users[CALLER]
        await talk(rig, ada)
        story = await newest(rig)
        (found,) = [event for event in story if isinstance(event, e.LastAgentFound)]
        assert (found.user, found.name, found.age_s < 60) == (ADA, "Ada", True)
        record = (await rig.router.records())[-1]
        assert (record.agent, record.destination_type, record.step) == (ADA, "last_agent", 1)

        ran = await dry_run(rig.router, "sales", CALLER)
        assert "then last_agent 600 (Ada), at most 20 s" in ran.rows

        await talk(rig, carol, withheld=True)
        assert refusals(await newest(rig)) == ["last_agent_no_number"]

        rig.router.config["directory"]["users"].pop(0)
        await rig.router.reload()
        await talk(rig, carol)
        assert refusals(await newest(rig)) == ["user_unknown"]
