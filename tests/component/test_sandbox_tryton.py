"""The sandbox's CRM: a real Tryton."""

import asyncio
import signal
import socket
import sys

import pytest

from sandbox.errors import SandboxError
from sandbox.tryton import Server, Tryton, seeds, tryton_installation
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.long


def place(url: str) -> tuple[str, int]:
    """Host and port of a URL."""
    host, _, port = url.removeprefix("http://").rpartition(":")
    return host, int(port)


async def test_people_are_in_it_and_their_numbers_are_found_in_one_form() -> None:
    async with Tryton() as tryton:
        numbers = {party.name: party.numbers for party in await tryton.records.parties()}
    assert numbers[seeds.GRACE] == (seeds.GRACES_NUMBER,)
    assert numbers[seeds.KONRAD] == (seeds.KONRADS_NUMBER,)
    assert numbers[seeds.HEDY] == ("(415) 555-0166",)
    assert [name for name in numbers if seeds.SHARED_NUMBER in numbers[name]] == [seeds.JEAN, seeds.KAY, seeds.ENIAC]


async def test_what_is_attached_to_a_party_is_seen() -> None:
    async with Tryton() as tryton:
        grace = await tryton.records.party(seeds.GRACE)
        resource = f"party.party,{grace.id}"
        await tryton.records.create("ir.attachment", name="Call", description="Spoke of COBOL", resource=resource)
        (attachment,) = await tryton.records.attachments([["resource", "=", resource]])
    assert (attachment.name, attachment.description, attachment.data) == ("Call", "Spoke of COBOL", None)


async def test_it_goes_away_and_comes_back_with_what_was_in_it() -> None:
    async with Tryton() as tryton:
        await tryton.records.create("party.party", name="Ida Rhodes")
        await tryton.server.stop()
        with pytest.raises(OSError):
            await asyncio.open_connection(*place(tryton.url))
        await tryton.server.start()
        assert (await tryton.records.party("Ida Rhodes")).numbers == ()


async def test_two_at_once_know_nothing_of_each_other() -> None:
    async with Tryton() as one, Tryton() as other:
        await one.records.create("party.party", name="Ida Rhodes")
        with pytest.raises(SandboxError, match="0 parties are called Ida Rhodes"):
            await other.records.party("Ida Rhodes")


async def test_it_listens_at_its_address_alone() -> None:
    async with Tryton("127.0.77.1") as tryton:
        _, port = place(tryton.url)
        with socket.create_server(("127.0.77.2", port)):  # somebody else's, were it at all addresses
            assert await tryton.records.parties()
    with pytest.raises(SandboxError, match=r"0\.0\.0\.0 is none of 127"):
        Server(tryton_installation(), tryton_installation(), "0.0.0.0")


async def test_it_dies_with_its_owner() -> None:
    script = """
import asyncio
from sandbox.tryton import Tryton

async def main():
    async with Tryton() as tryton:
        print(tryton.url, flush=True)
        await tryton.server.wait()

asyncio.run(main())
"""
    owner = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE)
    assert owner.stdout is not None
    listening = place((await owner.stdout.readline()).decode())
    _, writer = await asyncio.open_connection(*listening)
    writer.close()
    owner.send_signal(signal.SIGKILL)
    await owner.wait()
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                _, writer = await asyncio.open_connection(*listening)
            except OSError:
                return
            writer.close()
