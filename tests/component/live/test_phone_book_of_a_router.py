"""The phone book of a router that runs as a process of its own, and is killed while it reads."""

import asyncio
import signal
from pathlib import Path

from sandbox.api import bearer
from sandbox.crm import Fault, GenericCrm, Trouble
from tests.command import Command
from tests.component.live.test_reload_command import CONFIG, said, started

CRM = """
network: {allowed_networks: [127.0.0.0/8]}
crm:
  acme:
    document: generic
    properties: {Base URL: "ADDRESS", Access token: token}
    users: {every: never}
"""


async def test_contacts_that_were_read_are_there_when_router_and_crm_are_gone(tmp_path: Path) -> None:
    config = tmp_path / "agi-router.yaml"
    command = Command(config)
    async with GenericCrm() as crm:
        crm.accept(bearer("token"))
        crm.add_contact(first_name="Ben", last_name="Miller", phone="+14155550177")
        config.write_text(CONFIG + CRM.replace("ADDRESS", crm.url))
        async with started(config) as (router, log):
            await said(log, "the router serves")
            told = await command("crm", "sync", "acme")
            read = "read 1 contacts of acme: 1 were new or had changed, 0 were deleted\n"
            assert (told.status, told.out) == (0, read)

            asked = asyncio.Event()

            def hang(_method: str, _path: str) -> Fault:
                asked.set()
                return Fault(trouble=Trouble.HANG)

            crm.faults.mishap = hang
            second = asyncio.create_task(command("crm", "sync", "acme"))
            await asked.wait()
            router.send_signal(signal.SIGKILL)
            await router.wait()
            assert (await second).status == 1
    found = await command("contacts", "mill", "--json")
    assert [each["id"] for each in found.json["items"]] == ["c1"]
    async with started(config) as (router, log):
        await said(log, "the router serves")
        status = (await command("crm", "status")).out
    assert "acme: all contacts were last read into the phone book at 2" in status
    assert "the last run broke off: the router ended while it read the CRM's contacts [router_ended]" in status
