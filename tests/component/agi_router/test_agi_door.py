"""The AGI door over real sockets, asked as Asterisk asks."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from agi_router.fastagi import AgiSettings, CommandError, DoorError, FastAgiDoor, HangUpError, Session
from tests.fakes.agi import AgiChannel, header

LOCAL = AgiSettings(port=0)


async def silent(session: Session) -> None:
    """A handler that has nothing to say."""


async def carried_out(
    handler: Callable[[Session], Awaitable[None]], script: str = "sales", *arguments: str, **known: str
) -> AgiChannel:
    """One call to a door with this handler, until the door closes it."""
    async with FastAgiDoor(LOCAL, handler) as door:
        channel = await AgiChannel.ask(door.port, script, *arguments, **known)
        await channel.carry_out()
        return channel


async def test_a_handler_is_told_what_the_dialplan_asks() -> None:
    asked = []

    async def handler(session: Session) -> None:
        asked.append(session.request)

    await carried_out(handler, "sales", "next", "", "BUSY", caller="unknown", called="101")
    (request,) = asked
    assert (request.script, request.arguments) == ("sales", ("next", "", "BUSY"))
    assert (request.channel, request.unique_id) == ("PJSIP/carrier-00000001", "1700000000.1")
    assert (request.caller_number, request.caller_name, request.called_number) == ("", "Grace", "101")
    assert request.variables["context"] == "from-carrier"


async def test_variables_are_set_as_they_are_whatever_is_in_them() -> None:
    variables = {
        "ROUTE_DIAL": "PJSIP/ada/sip:ada@127.0.0.1:5060&PJSIP/bob",
        "ROUTE_REASON": 'says "no", \\o/ ($)',
        "E": "",
    }

    async def handler(session: Session) -> None:
        await session.set_variables(variables)

    assert (await carried_out(handler)).variables == variables


async def test_a_line_break_in_a_value_begins_no_command() -> None:
    async def handler(session: Session) -> None:
        await session.set_variables({"ROUTE_REASON": 'a\r\nHANGUP\n"\0\u2028b'})

    channel = await carried_out(handler)
    assert channel.variables == {"ROUTE_REASON": 'a  HANGUP "  b'}
    assert len(channel.commands) == 1


async def test_variables_and_expressions_are_read() -> None:
    read = []

    async def handler(session: Session) -> None:
        await session.set_variables({"KNOWN": "a (b) c", "GONE": "hangup"})
        read.extend([await session.get_variable("KNOWN"), await session.get_variable("ABSENT")])
        read.append(await session.get_variable("GONE"))
        read.append(await session.evaluate("${PJSIP_DIAL_CONTACTS(ada)}"))

    await carried_out(handler)
    assert read == ["a (b) c", None, "hangup", ""]


async def test_what_calls_a_function_is_no_name_of_a_variable() -> None:
    refused = []

    async def handler(session: Session) -> None:
        with pytest.raises(ValueError, match="is no name of a variable") as error:
            await session.set_variables({"OK": "1", "SHELL(reboot)": "1"})
        refused.append(error)

    assert (await carried_out(handler)).commands == []
    assert refused


async def test_a_value_too_long_for_a_command_is_not_sent_in_half() -> None:
    refused = []

    async def handler(session: Session) -> None:
        with pytest.raises(CommandError, match="bytes long"):
            await session.set_variables({"FITS": "1", "LONG": "\N{SNOWMAN}" * 3000})
        refused.append(True)

    assert (await carried_out(handler)).commands == []
    assert refused


async def test_a_caller_who_hangs_up_ends_what_his_handler_waits_for() -> None:
    ended = asyncio.Event()
    waiting = asyncio.Event()

    async def handler(session: Session) -> None:
        try:
            async with session.until_hang_up():
                waiting.set()
                await asyncio.Event().wait()
        except HangUpError:
            ended.set()
            raise

    async with FastAgiDoor(LOCAL, handler) as door:
        channel = await AgiChannel.ask(door.port, "sales")
        await waiting.wait()
        channel.say(b"HANGUP\n")
        await asyncio.wait_for(ended.wait(), 1)
        assert await channel.command() == ""


async def test_a_hangup_in_the_middle_of_a_command_ends_the_session() -> None:
    reasons = []

    async def handler(session: Session) -> None:
        with pytest.raises(HangUpError, match="hung up") as gone:
            await session.get_variable("X")
        reasons.append(gone)

    async with FastAgiDoor(LOCAL, handler) as door:
        channel = await AgiChannel.ask(door.port, "sales")
        assert await channel.command() == 'GET VARIABLE "X"'
        channel.say(b"HANGUP\n200 result=1 (late)\n")
        assert await channel.command() == ""
    assert reasons


async def test_a_handler_that_breaks_ends_only_its_own_session() -> None:
    async def handler(session: Session) -> None:
        if session.request.script == "broken":
            raise RuntimeError("a bug")
        await session.set_variables({"ROUTE_STATUS": "DIAL"})

    async with FastAgiDoor(LOCAL, handler) as door:
        sound, broken = await AgiChannel.ask(door.port, "sales"), await AgiChannel.ask(door.port, "broken")
        await asyncio.gather(sound.carry_out(), broken.carry_out())
    assert (sound.variables, broken.variables) == ({"ROUTE_STATUS": "DIAL"}, {})


async def test_a_second_door_on_one_port_says_what_to_do() -> None:
    async with FastAgiDoor(LOCAL, silent) as door:
        with pytest.raises(DoorError, match="can't listen") as refused:
            async with FastAgiDoor(AgiSettings(port=door.port), silent):
                pass
        assert "agi.listen" in refused.value.remedy


async def test_a_header_may_come_in_pieces() -> None:
    async with FastAgiDoor(LOCAL, silent) as door:
        channel = await AgiChannel.connect(door.port)
        for byte in header(door.port, "sales"):
            channel.say(bytes([byte]))
            await channel.writer.drain()
        assert await channel.command() == ""
        assert door.status().served == 1
