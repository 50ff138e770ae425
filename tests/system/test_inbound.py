from tests.system.rig import CALLER, DID, running


async def test_a_customer_reaches_her_agent_and_both_hear_each_other() -> None:
    async with running() as rig, rig.user("ada", 1000) as ada:
        call = await rig.call()
        ringing = await ada.next_call()
        await ringing.ring()
        await call.progressed(180)
        assert ringing.caller_number == CALLER
        await ringing.answer()
        await call.answered()
        assert await call.hears(1000, 1.0)
        assert await ringing.hears(500, 1.0)
        await call.hang_up()
        assert (await ringing.ended()).how == "bye"
        await rig.idle()
        record = await rig.record()
        assert (record.called_number, record.caller_number) == (DID, CALLER)
        assert (record.disposition, record.answered_by, record.ended_by) == ("answered", "PJSIP/ada", "caller")
