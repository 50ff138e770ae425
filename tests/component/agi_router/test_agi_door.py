"""The AGI door over real sockets, asked as Asterisk asks."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from ipaddress import ip_network

import pytest
import uvloop

from agi_router.fastagi import AgiSettings, CommandError, DoorError, FastAgiDoor, HangUpError, Session
from agi_router.fastagi.door import SWEEP_S
from tests.clock import StandingClock
from tests.fakes.agi import AgiChannel, header
from tests.patience import PATIENCE_S

LOCAL = AgiSettings(port=0, header_deadline_s=2 * PATIENCE_S, answer_deadline_s=2 * PATIENCE_S)
"""Nobody is too slow for this door."""


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


async def test_very_many_variables_are_all_set() -> None:
    variables = {f"V{number}": str(number) for number in range(120)}

    async def handler(session: Session) -> None:
        await session.set_variables(variables)

    assert (await carried_out(handler)).variables == variables


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
            task = asyncio.current_task()
            assert task is not None
            assert task.cancelling() == 0, "what comes after it is not cancelled"
            ended.set()
            raise

    async with FastAgiDoor(LOCAL, handler) as door:
        channel = await AgiChannel.ask(door.port, "sales")
        await waiting.wait()
        channel.say(b"HANGUP\n")
        await asyncio.wait_for(ended.wait(), PATIENCE_S)
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


async def test_a_request_that_a_callers_name_smuggles_in_is_cut_off() -> None:
    smuggled = "Eve\nagi_threadid: 1\nagi_arg_1: +19005550123\n"
    heard = []

    async def handler(session: Session) -> None:
        heard.append(await session.get_variable("X"))

    async with FastAgiDoor(LOCAL, handler) as door:
        channel = await AgiChannel.ask(door.port, "sales", "+14155550100", caller_name=smuggled)
        await channel.carry_out()
        assert door.status().last_refusal.endswith("a value has a line break, and an empty line after it")
    assert heard == []


async def test_who_says_nothing_is_cut_off() -> None:
    async with FastAgiDoor(AgiSettings(port=0, header_deadline_s=0.05), silent) as door:
        channel = await AgiChannel.connect(door.port)
        channel.say(b"agi_network: yes\n")
        assert await channel.command() == ""
        assert door.status().last_refusal == "127.0.0.1: the peer is too slow"


async def test_a_command_that_is_not_answered_ends_the_session() -> None:
    reasons = []

    async def handler(session: Session) -> None:
        with pytest.raises(HangUpError) as gone:
            await session.get_variable("X")
        reasons.append(str(gone.value))

    async with FastAgiDoor(AgiSettings(port=0, answer_deadline_s=0.05), handler) as door:
        channel = await AgiChannel.ask(door.port, "sales")
        assert await channel.command() == 'GET VARIABLE "X"'
        assert await channel.command() == ""
    assert reasons == ["the peer is too slow"]


async def test_the_time_that_a_handler_takes_is_not_the_peers() -> None:
    clock = StandingClock()

    async def handler(session: Session) -> None:
        await session.get_variable("X")
        for _ in range(20):  # as many looks at who is too slow
            await clock.passes(SWEEP_S)
        await session.set_variables({"ROUTE_STATUS": "DIAL"})

    async with FastAgiDoor(AgiSettings(port=0), handler) as door:
        channel = await AgiChannel.ask(door.port, "sales")
        await channel.carry_out()
    assert channel.variables == {"ROUTE_STATUS": "DIAL"}


@pytest.mark.parametrize(
    "said",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\n\n",
        b"\n\n",
        b"agi_network_script: sales\n\n",
        b"agi_padding: x\n" * 2000,
        b"\x00\xff" * 10_000,
    ],
)
async def test_what_is_no_request_of_asterisks_is_cut_off_at_once(said: bytes) -> None:
    async def handler(session: Session) -> None:
        raise AssertionError("no handler is called")

    async with FastAgiDoor(LOCAL, handler) as door:
        channel = await AgiChannel.connect(door.port)
        channel.say(said)
        assert await asyncio.wait_for(channel.command(), PATIENCE_S) == ""
        assert (door.status().refused, door.status().broken) == (1, 0)


@pytest.mark.parametrize(
    ("answer", "gone"),
    [
        (b"\n", "as no Asterisk does"),
        (b"OK\n", "as no Asterisk does"),
        (b"200 " + b"a" * 60_000 + b"\n", "as no Asterisk does"),
        (b"200 result=1 (" + b"=(" * 40_000, "longer than"),
        (b"200 result=1 (\n" * 6_000, "longer than"),
        (b"511 Command Not Permitted on a dead channel or intercept routine\n", "hung up"),
        (b"HANGUP\n", "hung up"),
    ],
)
async def test_an_answer_that_is_none_ends_the_session_at_once(answer: bytes, gone: str) -> None:
    reasons = []

    async def handler(session: Session) -> None:
        with pytest.raises(HangUpError) as ended:
            await session.get_variable("X")
        reasons.append(str(ended.value))

    async with FastAgiDoor(LOCAL, handler) as door:
        channel = await AgiChannel.ask(door.port, "sales")
        await channel.command()
        channel.say(answer)
        assert await asyncio.wait_for(channel.command(), PATIENCE_S) == ""
    assert len(reasons) == 1
    assert gone in reasons[0]


async def test_lines_that_nobody_asked_for_are_no_answers_and_not_read_for_ever() -> None:
    read = []
    more = asyncio.Event()

    async def handler(session: Session) -> None:
        await more.wait()
        read.append(await session.get_variable("X"))
        with pytest.raises(HangUpError, match="nobody asked"):
            async with session.until_hang_up():
                await asyncio.Event().wait()
        read.append("cut off")

    async with FastAgiDoor(LOCAL, handler) as door:
        channel = await AgiChannel.ask(door.port, "sales")
        channel.say(b"200 result=1 (early)\n" * 50)
        await channel.writer.drain()
        while not door.status().sessions:
            await asyncio.sleep(0)
        more.set()
        assert await channel.command() == 'GET VARIABLE "X"'
        channel.say(b"100 Trying\n200 result=1 (right)\n" + b"200 result=1 (late)\n" * 200)
        assert await channel.command() == ""
    assert read == ["right", "cut off"]


async def test_who_has_asked_keeps_his_place_and_who_says_nothing_loses_it() -> None:
    going_on = asyncio.Event()

    async def handler(session: Session) -> None:
        await going_on.wait()
        await session.set_variables({"ROUTE_STATUS": session.request.script})

    async with FastAgiDoor(replace(LOCAL, max_connections=3), handler) as door:

        async def until(*stands: int) -> None:
            while stands != (door.status().connections, door.status().sessions, door.status().refused):
                await asyncio.sleep(0.001)

        quiet = await AgiChannel.connect(door.port)
        first, second = await AgiChannel.ask(door.port, "first"), await AgiChannel.ask(door.port, "second")
        await until(3, 2, 0)
        third = await AgiChannel.ask(door.port, "third")
        assert await quiet.command() == ""
        await until(3, 3, 1)
        late = await AgiChannel.ask(door.port, "late")
        assert await late.command() == ""
        assert door.status().last_refusal == "127.0.0.1: all places are taken"
        going_on.set()
        await asyncio.gather(*(channel.carry_out() for channel in (first, second, third)))
    assert [channel.variables["ROUTE_STATUS"] for channel in (first, second, third)] == ["first", "second", "third"]


async def test_one_address_leaves_room_for_others() -> None:
    networks = (ip_network("192.0.2.0/24"),)
    async with FastAgiDoor(replace(LOCAL, max_connections=4, allowed_networks=networks), silent) as door:
        quiet = [await AgiChannel.connect(door.port) for _ in range(4)]
        assert await quiet[0].command() == ""
        other = await AgiChannel.connect(door.port, local="127.0.0.2")
        other.say(header(door.port, "sales"))
        await other.carry_out()
        assert door.status().served == 1
        assert door.status().connections == 3
        others = [await AgiChannel.connect(door.port, local="127.0.0.2") for _ in range(2)]
        assert await quiet[1].command() == "", "the oldest one of all gives its place"
        assert door.status().last_refusal == "127.0.0.1: all places are taken"
    for channel in (*quiet, *others):
        channel.writer.close()


async def test_strangers_are_sent_away() -> None:
    door = FastAgiDoor(AgiSettings(allowed_networks=(ip_network("192.0.2.0/24"),)), silent)
    allowed = ("127.0.0.1", "127.9.9.9", "::1", "192.0.2.7")
    assert all(door.lets_in(source) for source in allowed)
    assert not any(door.lets_in(source) for source in ("198.51.100.1", "192.0.3.1", "2001:db8::1", "fe80::1%eth0", ""))


async def test_a_closing_door_lets_its_sessions_come_to_their_end() -> None:
    begun, going_on = asyncio.Event(), asyncio.Event()

    async def handler(session: Session) -> None:
        begun.set()
        await going_on.wait()
        await session.set_variables({"ROUTE_STATUS": "DIAL"})

    async with FastAgiDoor(LOCAL, handler) as door:
        channel = await AgiChannel.ask(door.port, "sales")
        await begun.wait()
        asyncio.get_running_loop().call_later(0.05, going_on.set)
        carried_out = asyncio.create_task(channel.carry_out())
    await carried_out
    assert door.status().served == 1
    assert channel.variables == {"ROUTE_STATUS": "DIAL"}
    with pytest.raises(ConnectionRefusedError):
        await AgiChannel.connect(door.port)


async def test_a_session_that_does_not_end_is_ended_when_the_door_closes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agi_router.fastagi.door.DRAIN_S", 0.05)
    begun = asyncio.Event()

    async def handler(session: Session) -> None:
        begun.set()
        async with session.until_hang_up():
            await asyncio.Event().wait()

    async with FastAgiDoor(LOCAL, handler) as door:
        channel = await AgiChannel.ask(door.port, "sales")
        await begun.wait()
    assert await channel.command() == ""


async def test_a_cancelled_handler_is_not_taken_for_a_hangup() -> None:
    ended = []

    async def handler(session: Session) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                async with session.until_hang_up():
                    await asyncio.Event().wait()
        ended.append(asyncio.current_task().cancelling())  # type: ignore[union-attr]

    await carried_out(handler)
    assert ended == [0]


def test_the_door_works_on_the_routers_own_event_loop() -> None:
    async def call() -> None:
        async def handler(session: Session) -> None:
            await session.set_variables({"ROUTE_STATUS": "DIAL"})

        assert (await carried_out(handler)).variables == {"ROUTE_STATUS": "DIAL"}

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(call())
