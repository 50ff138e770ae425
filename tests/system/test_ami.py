"""The link to a real AMI: what it knows of queues, and that it comes back after whatever cuts it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import pytest_asyncio

from ari_app.asterisk.ami import AmiLink, ami_link
from ari_app.asterisk.ami_breaks import AmiBreaks
from ari_app.asterisk.ami_connection import ami_connection
from ari_app.asterisk.ami_inspection import list_queues, may_pause
from ari_app.asterisk.ami_protocol import Name
from ari_app.asterisk.settings import AmiSettings
from ari_app.calls.agent_changes import LONGEST_REASON
from ari_app.calls.memberships import Membership, Memberships
from ari_app.calls.ports import RefusedError, UnreachableError
from sandbox import Asterisk
from tests.clock import leap
from tests.fakes.wire import Wire
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.asyncio(loop_scope="module")

ADA = "Local/ada@agi-router-member/n"
QUEUES = f"""
[support-queue]
member => {ADA},0,Ada,PJSIP/ada
[empty-queue]
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def asterisk() -> AsyncIterator[Asterisk]:
    async with Asterisk() as asterisk:
        await configure(asterisk, QUEUES)
        yield asterisk


async def configure(asterisk: Asterisk, queues: str) -> None:
    (asterisk.config_dir / "queues.conf").write_text(queues)
    await asterisk.cli("queue reload all")


def settings(asterisk: Asterisk) -> AmiSettings:
    return AmiSettings(
        host=asterisk.address,
        port=asterisk.layout.ami_port,
        username=asterisk.ami_username,
        secret=asterisk.ami_secret,
        ping_s=0.5,
        request_timeout_s=10,
    )


def hasty(asterisk: Asterisk) -> AmiSettings:
    """For a link that falls silent: it is given up so soon."""
    return replace(settings(asterisk), request_timeout_s=0.5)


@asynccontextmanager
async def linked(ami: AmiSettings) -> AsyncIterator[tuple[AmiLink, Memberships]]:
    memberships = Memberships()
    async with ami_link(ami, memberships) as link:
        yield link, memberships


async def until(condition: Callable[[], object]) -> None:
    """The link tells nobody: it is asked."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.01)


def of_ada(memberships: Memberships) -> list[Membership]:
    return list(memberships.of(["PJSIP/ada"]))


async def test_members_are_listed_and_followed(asterisk: Asterisk) -> None:
    async with linked(settings(asterisk)) as (link, members):
        await until(lambda: members.known and link.trouble == "")
        assert link.connected
        assert members.queues == {"support-queue", "empty-queue"}
        assert of_ada(members) == [Membership(queue="support-queue", interface=ADA, state_interface="PJSIP/ada")]
        await asterisk.cli(f"queue pause member {ADA} queue support-queue reason lunch")
        await until(lambda: of_ada(members)[0].paused)
        assert of_ada(members)[0].reason == "lunch"
        await asterisk.cli(f"queue unpause member {ADA} queue support-queue")
        await until(lambda: not of_ada(members)[0].paused)
        await asterisk.cli("queue add member PJSIP/bob to empty-queue penalty 0 as Bob")
        await until(lambda: members.of(["PJSIP/bob"]))
        await asterisk.cli("queue remove member PJSIP/bob from empty-queue")
        await until(lambda: not members.of(["PJSIP/bob"]))


async def test_members_that_a_reload_brings_are_listed_anew_though_asterisk_tells_no_event(asterisk: Asterisk) -> None:
    async with linked(settings(asterisk)) as (_, members):
        await until(lambda: members.known)
        await configure(asterisk, QUEUES + "member => PJSIP/carol,0,Carol\n")
        await until(lambda: members.of(["PJSIP/carol"]))
        await configure(asterisk, QUEUES)
        await until(lambda: not members.of(["PJSIP/carol"]))


async def test_a_link_that_is_cut_forgets_at_once_and_later_knows_what_has_changed(asterisk: Asterisk) -> None:
    async with Wire(f"http://{asterisk.address}:{asterisk.layout.ami_port}") as wire:
        async with linked(through(wire, settings(asterisk))) as (link, members):
            await until(lambda: members.known)
            await wire.cut()
            await until(lambda: not members.known)
            assert not link.connected
            assert "refused" in link.trouble or "lost" in link.trouble
            await asterisk.cli(f"queue pause member {ADA} queue support-queue")
            await wire.mend()
            await until(lambda: members.known)
            assert of_ada(members)[0].paused
            await asterisk.cli(f"queue unpause member {ADA} queue support-queue")
            await until(lambda: not of_ada(members)[0].paused)


def through(wire: Wire, ami: AmiSettings) -> AmiSettings:
    return replace(ami, port=int(wire.url.rpartition(":")[2]))


async def test_a_half_open_link_is_noticed_by_the_deadline_of_its_ping(asterisk: Asterisk) -> None:
    async with Wire(f"http://{asterisk.address}:{asterisk.layout.ami_port}") as wire:
        async with linked(through(wire, hasty(asterisk))) as (link, members):
            await until(lambda: members.known)
            wire.silence()
            await until(lambda: not members.known and "no answer" in link.trouble)
            assert "no answer within 0.5 s" in link.trouble
            await wire.mend()
            await until(lambda: members.known)


async def test_nothing_that_was_asked_while_the_link_was_down_is_sent_later(asterisk: Asterisk) -> None:
    async with Wire(f"http://{asterisk.address}:{asterisk.layout.ami_port}") as wire:
        ami = through(wire, settings(asterisk))
        async with ami_connection(ami, lambda _: None) as connection:
            wire.silence()
            asked = asyncio.create_task(connection.ask(Name.QUEUE_STATUS))
            await asyncio.sleep(0)  # it is on its way
            leap(ami.request_timeout_s)
            with pytest.raises(UnreachableError, match="no answer within"):
                await asked
            await wire.cut()
            with pytest.raises(UnreachableError, match="lost"):
                await connection.stays_for(PATIENCE_S)
            with pytest.raises(UnreachableError, match="lost"):
                await connection.ask(Name.PING)
        await wire.mend()
        told: list[str] = []
        async with ami_connection(ami, lambda message: told.append(str(message.event))) as connection:
            await connection.ask(Name.PING)
            await connection.ask(Name.PING)
        assert "QueueStatusComplete" not in told


async def test_a_wrong_secret_is_told_and_not_tried_again_at_once(asterisk: Asterisk) -> None:
    def tries() -> int:
        return asterisk.log_path.read_text().count("failed to authenticate as 'router'")

    wrong, before = replace(settings(asterisk), secret="guessed"), tries()
    async with linked(wrong) as (link, members):
        await until(lambda: "Authentication failed" in link.trouble)
        assert not members.known
        await until(lambda: tries() > before)  # Asterisk writes its log a moment later
        await asyncio.sleep(1)  # four tries, were it a lost connection
    assert tries() == before + 1


async def test_a_secret_can_not_begin_another_action(asterisk: Asterisk) -> None:
    sneaking = replace(settings(asterisk), secret=f"{asterisk.ami_secret}\r\n\r\nAction: Ping")
    with pytest.raises(RefusedError, match="Authentication failed"):
        async with ami_connection(sneaking, lambda _: None):
            pytest.fail("the first line alone was taken for the secret")


async def test_the_user_of_the_sample_may_change_queues_and_nothing_else(asterisk: Asterisk) -> None:
    reader, writer = await asyncio.open_connection(asterisk.address, asterisk.layout.ami_port)
    writer.write(
        f"Action: Login\r\nUsername: {asterisk.ami_username}\r\nSecret: {asterisk.ami_secret}\r\nEvents: off\r\n\r\n"
        "Action: Originate\r\nChannel: Local/s@nowhere\r\nApplication: Wait\r\n\r\n"
        "Action: Setvar\r\nVariable: DEVICE_STATE(Custom:DND101)\r\nValue: INUSE\r\n\r\n"
        "Action: Command\r\nCommand: core show channels\r\n\r\n"
        "Action: Logoff\r\n\r\n".encode()
    )
    said = (await reader.read()).decode()
    writer.close()
    assert said.count("Permission denied") == 3


async def test_what_a_user_may_counts_at_once_also_for_a_link_that_was_there_before(asterisk: Asterisk) -> None:
    manager = asterisk.config_dir / "manager.conf"
    whole = manager.read_text()
    member = Membership(queue="support-queue", interface=ADA)
    breaks = AmiBreaks(settings(asterisk))
    async with linked(settings(asterisk)) as (_, members):
        await until(lambda: members.known)
        manager.write_text(whole + "write =\n")
        await asterisk.cli("manager reload")
        assert not await may_pause(settings(asterisk))
        with pytest.raises(RefusedError, match="refuses QueuePause: Permission denied"):
            await breaks.set_break(member, paused=True, reason="")
        manager.write_text(whole)
        await asterisk.cli("manager reload")
        assert await may_pause(settings(asterisk))
        await breaks.set_break(member, paused=True, reason="lunch")
        await until(lambda: of_ada(members)[0].paused)
        assert of_ada(members)[0].reason == "lunch"
        assert f"{ADA} from PJSIP/ada) (ringinuse enabled) (paused:lunch" in await asterisk.cli("queue show")
        await breaks.set_break(member, paused=False, reason="")
        await until(lambda: not of_ada(members)[0].paused)
        with pytest.raises(RefusedError, match="Interface not found"):
            await breaks.set_break(replace(member, interface="PJSIP/nobody"), paused=True, reason="")


async def test_a_reason_can_not_begin_another_action_nor_be_longer_than_asterisk_keeps_it(asterisk: Asterisk) -> None:
    member = Membership(queue="support-queue", interface=ADA)
    breaks = AmiBreaks(settings(asterisk))
    async with linked(settings(asterisk)) as (_, members):
        await until(lambda: members.known)
        await breaks.set_break(member, paused=True, reason="x\r\nPaused: false\r\n\r\nAction: Ping")
        await until(lambda: of_ada(members)[0].paused)
        assert of_ada(members)[0].reason.split() == ["x", "Paused:", "false", "Action:", "Ping"]
        longest = "y" * LONGEST_REASON
        await breaks.set_break(member, paused=True, reason=longest)
        await until(lambda: of_ada(members)[0].reason == longest)
        await breaks.set_break(member, paused=True, reason=longest + "z")
        await breaks.set_break(member, paused=False, reason="")
        await until(lambda: not of_ada(members)[0].paused)


async def test_the_doctor_asks_once_and_is_told_all(asterisk: Asterisk) -> None:
    known = await list_queues(settings(asterisk))
    assert known.queues == {"support-queue", "empty-queue"}
    assert of_ada(known)
    with pytest.raises(RefusedError, match="refuses Login: Authentication failed"):
        await list_queues(replace(settings(asterisk), secret="guessed"))


async def test_the_link_comes_back_after_a_restart_of_asterisk(asterisk: Asterisk) -> None:
    async with linked(settings(asterisk)) as (_, members):
        await until(lambda: members.known)
        lost = asyncio.create_task(until(lambda: not members.known))
        await asterisk.restart()
        await lost
        await until(lambda: members.known)
        assert of_ada(members)


async def test_without_queues_the_link_is_up_and_says_what_is_missing(asterisk: Asterisk) -> None:
    await asterisk.cli("module unload app_queue.so")
    try:
        async with linked(settings(asterisk)) as (link, members):
            await until(lambda: "app_queue" in link.trouble or "QueueStatus" in link.trouble)
            assert link.connected
            assert not members.known
            await asterisk.cli("module load app_queue.so")
            await until(lambda: members.known and link.trouble == "")
    finally:
        await asterisk.cli("module load app_queue.so")
