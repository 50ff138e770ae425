"""A program that was written for VoIPline is told of the calls that Asterisk carries without the router, too."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from sandbox.layout import free_port
from sandbox.router import Config
from tests.clients.voipline import VoiplineClient
from tests.clients.voipline_rows import CallType, GroupCall, GroupStatus
from tests.system.faces.vendors import HOST, address, made_key
from tests.system.pbx.records import DIALPLAN, newest, telling, with_directory
from tests.system.rig import Rig, running

pytestmark = pytest.mark.asyncio(loop_scope="module")


def with_face(config: Config) -> None:
    with_directory(config)
    for user, extension in zip(config["directory"]["users"], ("101", "102", "103"), strict=True):
        user["extension"] = extension
    config["web"] = {"listen": [f"{HOST}:{free_port(HOST, socket.SOCK_STREAM)}"], "faces": {"voipline": {}}}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig() -> AsyncIterator[Rig]:
    async with running(with_face, extra_dialplan=DIALPLAN, configure=telling(cel=True), ami=True) as rig:
        await rig.router.until(lambda status: status["ami_connected"])
        yield rig


async def test_calls_of_asterisks_own_dialplan_are_rows_like_others(rig: Rig) -> None:
    async with AsyncExitStack() as phones:
        ada, bob, carol = [await phones.enter_async_context(rig.user(name)) for name in ("ada", "bob", "carol")]
        for number, entries in (("102", 1), ("200", 2), ("400", 3)):
            call = await ada.call(number)
            ringing = await bob.next_call()
            if number != "102":
                await (await carol.next_call()).ring()
            await ringing.answer()
            await call.answered()
            assert await call.hears_sound()  # Asterisk has noted by now that they speak
            await asyncio.sleep(1.2)  # they have something to say, a whole second of it
            await call.hang_up()
            told = await newest(rig, entries)
    async with VoiplineClient(address(rig), await made_key(rig, "reports", "face:voipline")) as client:
        (first,) = await client.get_user_calls(users=["Bob"], offset=2)
        mine = await client.get_user_calls(users=["Ada"], sort_by="oldest_first")
        (group,) = await client.get_ringgroup_calls(ring_groups=["Sales"])
        (queue,) = await client.get_queue_calls(queues=["plain-queue"])
        of_queue = await client.get_user_calls(unique_call_id=queue.unique_call_id)
    assert (first.type, first.caller_id, first.dest_number) == (CallType.USER_INBOUND_ANSWERED, "ada", "102")
    assert [(row.type, row.dest_number) for row in mine] == [
        (CallType.USER_OUTBOUND_ANSWERED, number) for number in ("102", "200", "400")
    ]
    assert queue.unique_call_id == told.call.linkedid.replace(".", "")
    assert {row.user_name for row in of_queue} == {"Ada", "Bob", "Carol"}
    served_by_bob(group)
    served_by_bob(queue)


def served_by_bob(row: GroupCall) -> None:
    assert (row.status, row.user_name, row.user_number) == (GroupStatus.ANSWERED, "Bob", "102")
    assert row.conversation_duration >= 1
