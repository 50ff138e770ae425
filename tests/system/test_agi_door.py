"""The AGI door and a real Asterisk: what is sent arrives as it was, and strangers are in nobody's way."""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path

import pytest

from agi_router.fastagi import AgiSettings, CommandError, FastAgiDoor, HangUpError, Session
from agi_router.fastagi.command import LONGEST_COMMAND
from agi_router.fastagi.door import Handler
from sandbox import Asterisk, Phone
from tests.clock import leap
from tests.fakes.agi import header
from tests.patience import PATIENCE_S
from tests.system.rig import CALLER, DID

DIALPLAN = """
[from-carrier]
exten => {did},1,AGI(agi://127.0.0.1:{port}/sales,one,,"two, three")
 same => n,Hangup(${{ROUTE_CAUSE}})
"""
PATIENT = AgiSettings(port=0, header_deadline_s=2 * PATIENCE_S, answer_deadline_s=2 * PATIENCE_S)
"""Asterisk, on a machine that has much else to do, is not too slow for this door."""
BUSY = 17  # the cause; SIP 486
ODD_TEXTS = (
    'say "no"', r"back\slash \\", r"\"", "a,b,c", "((", "))", "[", "]", "", " blanks ", "${EXTEN} $[1+1] ${SHELL(id)}",
    "'single';|&^~{}<>#%@!?*=", "ünïcödé ✓", "\\", '"', ",", "hangup", "(hangup)",
    "PJSIP/ada/sip:a@192.0.2.1;ob&PJSIP/b",
)  # fmt: skip


@contextlib.asynccontextmanager
async def answering(handler: Handler, settings: AgiSettings = PATIENT) -> AsyncIterator[tuple[FastAgiDoor, Phone]]:
    """A door with this handler, an Asterisk that asks it, and a carrier whose calls do so."""
    async with FastAgiDoor(settings, handler) as door:
        async with Asterisk(extra_dialplan=DIALPLAN.format(did=DID, port=door.port)) as asterisk:
            async with Phone.carrier(asterisk.layout) as carrier:
                yield door, carrier


async def told_by(handler: Handler) -> None:
    """One call whose handler runs to its end; raises what it raises."""
    result: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def told(session: Session) -> None:
        try:
            await handler(session)
        except Exception as error:
            result.set_exception(error)
        else:
            result.set_result(None)
            await session.set_variables({"ROUTE_CAUSE": str(BUSY)})

    async with answering(told) as (_, carrier):
        call = await carrier.call(DID, caller=CALLER)
        await asyncio.wait_for(result, PATIENCE_S)
        assert await call.final_status() == 486, "the variable was set, and the dialplan went on"


async def test_asterisk_tells_who_calls_and_what_the_dialplan_passes() -> None:
    async def handler(session: Session) -> None:
        request = session.request
        assert (request.script, request.arguments) == ("sales", ("one", "", "two, three"))
        assert (request.caller_number, request.caller_withheld, request.called_number) == (CALLER, False, DID)
        assert request.channel.startswith("PJSIP/carrier-")
        assert request.unique_id == await session.get_variable("UNIQUEID")

    await told_by(handler)


async def test_every_text_arrives_as_it_was_set() -> None:
    async def handler(session: Session) -> None:
        many = {f"V{number}": text for number, text in enumerate(ODD_TEXTS * 6)}
        await session.set_variables(many)
        assert [await session.get_variable(name) for name in many] == list(many.values())
        for text in ODD_TEXTS:
            await session.set_variables({"ALONE": text})
            assert await session.get_variable("ALONE") == text
        assert await session.evaluate("${V1}") == ODD_TEXTS[1]
        assert await session.evaluate("${LEN(${V0})}${NONE} $[6 * 7]") == f"{len(ODD_TEXTS[0])} 42"

    await told_by(handler)


async def test_the_longest_command_is_read_whole_and_a_refused_one_leaves_the_session_usable() -> None:
    async def handler(session: Session) -> None:
        longest = "x" * (LONGEST_COMMAND - len('SET VARIABLE "LONG" ""'))
        await session.set_variables({"LONG": longest})
        assert await session.evaluate("${LEN(${LONG})}") == str(len(longest))
        both = {"A": "x" * 5000, "B": ",y" * 1400}
        await session.set_variables(both)
        assert await session.evaluate("${LEN(${A})} ${B}") == f"5000 {both['B']}"
        with pytest.raises(CommandError, match="bytes long"):
            await session.set_variables({"LONG": f"{longest}x"})
        with pytest.raises(CommandError, match="Invalid command syntax"):
            await session.send("SET VARIABLE LONELY")
        with pytest.raises(CommandError, match="refused NO"):
            await session.send("NO SUCH COMMAND")
        assert await session.get_variable("NONE") is None

    await told_by(handler)


async def test_a_value_with_line_breaks_is_one_answer() -> None:
    async def handler(session: Session) -> None:
        assert await session.evaluate("${URIDECODE(a%0a200 result=1 %28b%0d%0aHANG%29)}") == "a 200 result=1 (b  HANG)"
        assert await session.evaluate("after") == "after"

    await told_by(handler)


async def test_a_caller_who_hangs_up_ends_what_his_handler_waits_for() -> None:
    waiting, ended = asyncio.Event(), asyncio.Event()

    async def handler(session: Session) -> None:
        try:
            async with session.until_hang_up():
                waiting.set()
                await asyncio.Event().wait()
        except HangUpError:
            ended.set()
            raise

    async with answering(handler) as (_, carrier):
        call = await carrier.call(DID, caller=CALLER)
        await asyncio.wait_for(waiting.wait(), PATIENCE_S)
        await call.cancel()
        await asyncio.wait_for(ended.wait(), PATIENCE_S)


HOSTILE = 300
NEWCOMERS = 20
"""So many at a time: each who comes takes the place of the oldest who has not asked, also of a call whose request is on
its way. The quiet ones among the clients have 40 places."""


async def half_open(port: int) -> None:
    """Says nothing, until it is cut off."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with contextlib.suppress(ConnectionError):
        await reader.read()
    writer.close()


async def slow(port: int) -> None:
    """Says what Asterisk says, one byte now and then."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    end = asyncio.create_task(reader.read())
    for byte in header(port, "sales"):
        writer.write(bytes([byte]))
        done, _ = await asyncio.wait([end], timeout=0.05)
        if done:
            break
    with contextlib.suppress(ConnectionError):
        await end
    writer.close()


async def garbage(port: int) -> None:
    """Speaks no AGI: HTTP, TLS, noise, an endless header, an empty one."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for said in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00", os.urandom(500), b"agi_a: b\n" * 4000, b"\n\n"):
        writer.write(said)
    with contextlib.suppress(ConnectionError):
        await reader.read()
    writer.close()


async def early_closed(port: int) -> None:
    """Goes in the middle of its header, or with its answer outstanding."""
    for said in (b"", b"agi_network: yes\n", header(port, "sales")):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(said)
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.transport.abort()


async def mute(port: int) -> None:
    """Asks, and then answers no command."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(header(port, "sales"))
    with contextlib.suppress(ConnectionError):
        await reader.read()
    writer.close()


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_calls_go_on_among_300_hostile_clients_and_nothing_is_left_of_them() -> None:
    async def busy(session: Session) -> None:
        await session.set_variables({"ROUTE_CAUSE": str(BUSY)})

    settings = replace(PATIENT, max_connections=100)
    async with answering(busy, settings) as (door, carrier):
        files, tasks = open_files(), len(asyncio.all_tasks())
        hostile = islice(cycle((half_open, slow, garbage, early_closed, mute)), HOSTILE)
        clients: list[asyncio.Task[None]] = []
        statuses = []
        while len(clients) < HOSTILE or not all(client.done() for client in clients):
            clients += [asyncio.create_task(client(door.port)) for client in islice(hostile, NEWCOMERS)]
            call = await carrier.call(DID, caller=CALLER)
            statuses.append(await call.final_status())
            if len(clients) == HOSTILE:
                leap(settings.header_deadline_s)  # while no call asks: who holds a place is too slow for it
            await asyncio.sleep(0.02)  # fifty calls a second: it is not Asterisk that is tried here
        await asyncio.gather(*clients)
        assert len(statuses) > 10
        assert set(statuses) == {486}, "every call was answered by its handler"
        while door.status().connections or len(asyncio.all_tasks()) > tasks:
            await asyncio.sleep(0.02)  # the ends of connections are told one turn of the loop later
        assert open_files() == files
        assert door.status().broken == 0


async def test_clients_who_say_nothing_cost_no_processor_time() -> None:
    async def busy(session: Session) -> None:
        await session.set_variables({"ROUTE_CAUSE": str(BUSY)})

    async with FastAgiDoor(AgiSettings(port=0, max_connections=HOSTILE, header_deadline_s=30), busy) as door:
        clients = [asyncio.create_task(half_open(door.port)) for _ in range(HOSTILE)]
        while door.status().connections < HOSTILE:
            await asyncio.sleep(0.02)
        before = time.process_time()
        await asyncio.sleep(1)
        assert time.process_time() - before < 0.5  # a loop that spins takes all of it
    await asyncio.gather(*clients)
