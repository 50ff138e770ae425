"""What calls tell that Asterisk carries by itself."""

from sandbox.router import Config
from tests.system.pbx.records import DIALPLAN, telling, with_directory
from tests.system.rig import running
from tests.system.told.receiver import reachable, subscribed


def change(config: Config) -> None:
    with_directory(config)
    reachable(config)


async def test_a_call_from_phone_to_phone_is_told_once_with_who_answered() -> None:
    async with (
        running(change, extra_dialplan=DIALPLAN, configure=telling(cel=True), ami=True) as rig,
        rig.user("ada") as ada,
        rig.user("bob") as bob,
        subscribed(rig, "--type", "call.*") as program,
    ):
        await rig.router.until(lambda status: status["ami_connected"])
        call = await ada.call("102")
        ringing = await bob.next_call()
        await ringing.answer()
        await call.answered()
        answered = await program.of("call.answered")  # the talk goes on: it is told before it is over
        await call.hang_up()
        await ringing.ended()
        ended = await program.of("call.ended")
    assert [body["type"] for body in program.bodies] == ["call.started", "call.answered", "call.ended"]
    assert (answered["user"], answered["endpoint"]) == ("77", "PJSIP/bob")
    assert answered["call"]["ended_at"] is None
    assert (ended["call"]["source"], ended["call"]["disposition"]) == ("cel", "answered")
    assert ended["call"]["called_number"] == "102"
