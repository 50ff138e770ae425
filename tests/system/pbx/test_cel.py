"""Calls that Asterisk alone carries, as CEL and its queues tell them: one call, one entry."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
import pytest_asyncio

from ari_app.domain.parts import PartKind
from ari_app.domain.record import Direction, Disposition
from sandbox import Answer, Phone
from sandbox.layout import free_port
from sandbox.phone.incoming import IncomingCall
from sandbox.phone.outgoing import OutgoingCall
from sandbox.router import Config
from tests.command import Command
from tests.patience import PATIENCE_S
from tests.system.pbx.records import CAROL, DIALPLAN, Recorded, recorded, telling, until, with_directory
from tests.system.rig import ADA, ANSWER, CALLER, Rig, running

# One Asterisk and one router serve the calls of the whole file, one after the other.
pytestmark = pytest.mark.asyncio(loop_scope="module")

BOB = "77"
OUTSIDE = "+12015550123"
CAROLS_HZ, OUTSIDE_HZ = 1400, 700


@dataclass(frozen=True, slots=True)
class Office:
    """Ada, Bob and Carol at their phones, and the provider."""

    rig: Rig
    ada: Phone
    bob: Phone
    carol: Phone
    provider: Phone

    async def told(self, act: Callable[[], Awaitable[object]], entries: int = 1) -> Recorded:
        """What is on record of what happens in `act`, which is so many entries: the newest of them.

        What is put on record only now of a call that began before `act` does not count.
        """
        began = datetime.now(UTC)
        await act()

        def came(every: Sequence[Recorded]) -> list[Recorded]:
            return [one for one in every if one.call.started_at is not None and one.call.started_at >= began]

        def is_told(every: Sequence[Recorded]) -> bool:
            return len(came(every)) == entries and all(one.call.ended_at for one in came(every))

        try:
            await until(self.rig, is_told)
        except TimeoutError:
            happened = came(await recorded(self.rig))
            pytest.fail(f"not {entries} calls that are over: {happened}\n{self.rig.router.log_tail()}")
        return came(await recorded(self.rig))[-1]

    async def talk(
        self, caller: Phone, number: str, callee: Phone, for_s: float = 0.3
    ) -> tuple[OutgoingCall, IncomingCall]:
        """Both speak; Asterisk notes the answer some time after the phones know of it, but before they are heard."""
        call = await caller.call(number, caller=CALLER if caller is self.rig.carrier else None)
        ringing = await callee.next_call()
        await ringing.answer()
        await call.answered()
        assert await call.hears_sound()
        await asyncio.sleep(for_s)  # they have something to say
        return call, ringing


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig() -> AsyncIterator[Rig]:
    port = free_port("127.0.0.1", socket.SOCK_STREAM)

    def change(config: Config) -> None:
        with_directory(config)
        config["agi"] = {"listen": f"127.0.0.1:{port}"}

    async with running(change, extra_dialplan=DIALPLAN, configure=telling(cel=True, cdr=True), ami=True) as rig:
        await rig.asterisk.cli(f"dialplan set global AGI_ROUTER_HOST 127.0.0.1:{port}")
        await rig.router.until(lambda status: status["ami_connected"])
        yield rig


@pytest_asyncio.fixture(loop_scope="module")
async def office(rig: Rig) -> AsyncIterator[Office]:
    """Phones that nobody has called yet; with them ends what a test may have left, so that the next one starts anew."""
    async with AsyncExitStack() as phones:
        ada, bob, carol = [
            await phones.enter_async_context(rig.user(name, tone_hz))
            for name, tone_hz in (("ada", 1000), ("bob", 1000), ("carol", CAROLS_HZ))
        ]
        provider = await phones.enter_async_context(Phone.provider(rig.asterisk.layout, tone_hz=OUTSIDE_HZ))
        yield Office(rig, ada, bob, carol, provider)
        await rig.asterisk.cli("channel request hangup all")
        async with asyncio.timeout(PATIENCE_S):
            while await rig.channels():
                await asyncio.sleep(0.02)  # Asterisk has no event for "taken apart"


async def test_a_call_from_phone_to_phone_is_a_part_of_both(office: Office) -> None:
    async def act() -> None:
        call, _ = await office.talk(office.ada, "102", office.bob, for_s=1)
        await call.hang_up()

    told = await office.told(act)
    call = told.call
    assert (call.source, call.direction, call.disposition) == ("cel", Direction.INTERNAL, Disposition.ANSWERED)
    assert (call.called_number, call.agent, call.answered_by, call.ended_by) == ("102", BOB, "PJSIP/bob", "caller")
    assert call.call_id == f"pbx-{call.linkedid}"
    assert not call.recovered
    assert call.talk_s is not None
    assert 0.2 < call.talk_s < PATIENCE_S
    assert (told.user(ADA).direction, told.user(ADA).answered_by) == (Direction.OUTBOUND, BOB)
    assert (told.user(BOB).direction, told.user(BOB).outcome) == (Direction.INBOUND, "answered")
    assert len(told.parts) == 2


async def test_a_phone_that_is_not_picked_up(office: Office) -> None:
    async def act() -> None:
        call = await office.ada.call("112")
        await office.bob.next_call()
        await call.final_status(PATIENCE_S)

    told = await office.told(act)
    assert (told.call.disposition, told.call.reason) == (Disposition.UNANSWERED, "no_answer")
    bob = told.user(BOB)
    assert (bob.outcome, bob.answered_at) == ("no_answer", None)
    assert bob.waiting_s is not None
    assert 2.5 < bob.waiting_s < PATIENCE_S


async def test_a_phone_that_is_busy(office: Office) -> None:
    async def act() -> None:
        call = await office.ada.call("102")
        await (await office.bob.next_call()).reject(486)
        assert await call.final_status(PATIENCE_S) == 486

    told = await office.told(act)
    assert (told.call.disposition, told.call.reason, told.user(BOB).outcome) == (Disposition.UNANSWERED, "busy", "busy")


async def test_a_caller_who_gives_up(office: Office) -> None:
    async def act() -> None:
        call = await office.ada.call("102")
        await office.bob.next_call()
        await asyncio.sleep(0.3)  # it rings
        await call.cancel()

    told = await office.told(act)
    assert told.call.disposition is Disposition.ABANDONED
    assert told.user(BOB).outcome == "abandoned"


@pytest.mark.parametrize("group", ["200", "201"])
async def test_a_group_that_rings_together_is_a_team(office: Office, group: str) -> None:
    async def act() -> None:
        call = await office.ada.call(group)
        await office.bob.next_call()
        await (await office.carol.next_call()).answer()
        await call.answered()
        assert await call.hears(CAROLS_HZ, 0.2)
        await call.hang_up()

    told = await office.told(act)
    team = told.of(PartKind.TEAM, "7")
    assert (team.outcome, team.answered_by) == ("answered", CAROL)
    assert (told.user(BOB).outcome, told.user(CAROL).outcome) == ("answered_elsewhere", "answered")
    assert told.call.agent == CAROL


async def test_phones_that_ring_one_after_the_other_are_no_team(office: Office) -> None:
    async def act() -> None:
        call = await office.ada.call("202")
        await office.bob.next_call()
        await (await office.carol.next_call()).answer()
        await call.answered()
        assert await call.hears(CAROLS_HZ, 0.2)
        await call.hang_up()

    told = await office.told(act)
    assert [part.kind for part in told.parts] == [PartKind.USER] * 3
    assert (told.user(BOB).outcome, told.user(CAROL).outcome) == ("no_answer", "answered")


async def test_a_queue_that_is_answered(office: Office) -> None:
    async def act() -> None:
        call = await office.rig.carrier.call("9400", caller=CALLER)
        await office.bob.next_call()
        ringing = await office.carol.next_call()
        await asyncio.sleep(1)  # he waits
        await ringing.answer()
        await call.answered()
        assert await call.hears(CAROLS_HZ, 0.2)
        await asyncio.sleep(1)  # they speak
        await call.hang_up()

    told = await office.told(act)
    queue = told.of(PartKind.QUEUE, "plain")
    assert (queue.outcome, queue.answered_by) == ("answered", CAROL)
    assert queue.waiting_s is not None
    assert queue.talk_s is not None
    assert 0.4 < queue.waiting_s < PATIENCE_S
    assert 0.2 < queue.talk_s < PATIENCE_S
    assert (told.call.direction, told.call.disposition) == (Direction.INBOUND, Disposition.ANSWERED)
    assert (told.call.destination_type, told.call.destination) == ("queue", "plain")
    assert told.call.caller_number == CALLER
    assert {part.kind for part in told.parts} == {PartKind.QUEUE, PartKind.USER}


async def test_a_queue_that_is_left_by_its_caller(office: Office) -> None:
    async def act() -> None:
        call = await office.rig.carrier.call("9400", caller=CALLER)
        await office.bob.next_call()
        await office.carol.next_call()
        await asyncio.sleep(0.3)  # he waits
        await call.cancel()

    told = await office.told(act)
    assert told.call.disposition is Disposition.ABANDONED
    assert told.of(PartKind.QUEUE, "plain").outcome == "abandoned"


async def test_a_queue_that_nobody_serves_in_time(office: Office) -> None:
    async def act() -> None:
        call = await office.rig.carrier.call("9402", caller=CALLER)
        await call.final_status(PATIENCE_S)

    told = await office.told(act)
    assert told.call.disposition is Disposition.UNANSWERED
    queue = told.of(PartKind.QUEUE, "short")
    assert queue.outcome == "no_answer"
    assert queue.waiting_s is not None
    assert queue.waiting_s > 3
    bob = told.user(BOB)  # rung twice by the queue, at least
    assert bob.outcome == "no_answer"
    for phone in (office.bob, office.carol):
        await phone.next_call()
        await phone.next_call()


async def test_a_member_behind_a_local_channel_is_the_user_who_answers(office: Office) -> None:
    async def act() -> None:
        call, _ = await office.talk(office.rig.carrier, "9401", office.ada)
        await call.hang_up()

    told = await office.told(act)
    assert told.of(PartKind.QUEUE, "local").answered_by == ADA
    assert told.user(ADA).outcome == "answered"
    assert len(told.parts) == 2


async def test_a_blind_transfer_is_one_entry(office: Office) -> None:
    async def act() -> None:
        call, bobs = await office.talk(office.ada, "102", office.bob)
        await bobs.transfer("103")
        await (await office.carol.next_call()).answer()
        assert await call.hears(CAROLS_HZ, 0.5)
        await call.hang_up()

    told = await office.told(act)
    assert [(leg.endpoint, leg.outcome) for leg in told.call.legs] == [
        ("PJSIP/bob", "transferred"),
        ("PJSIP/carol", "answered"),
    ]
    assert told.call.agent == CAROL
    assert told.user(BOB).ended_at == told.user(CAROL).began_at or told.user(CAROL).outcome == "answered"


async def test_after_an_attended_transfer_whom_the_caller_speaks_with_is_part_of_his_call(office: Office) -> None:
    async def act() -> None:
        call, bobs = await office.talk(office.ada, "102", office.bob)
        await bobs.hold()
        asking, _ = await office.talk(office.bob, "103", office.carol)
        await bobs.transfer("103", replaced=asking)
        assert await call.hears(CAROLS_HZ, 0.5)
        await call.hang_up()

    await office.told(act, entries=2)
    calls = (await recorded(office.rig))[-2:]
    (ours,) = [one for one in calls if one.call.called_number == "102"]
    (asked,) = [one for one in calls if one.call.called_number == "103"]
    assert (ours.user(BOB).outcome, ours.user(CAROL).outcome) == ("answered", "answered")
    assert ours.call.agent == CAROL
    assert asked.user(BOB).direction is Direction.OUTBOUND
    assert asked.call.ended_at is not None
    assert ours.call.ended_at is not None
    assert asked.call.ended_at < ours.call.ended_at


async def test_a_call_to_a_number_outside(office: Office) -> None:
    async def act() -> None:
        call, _ = await office.talk(office.ada, OUTSIDE, office.provider)
        await call.hang_up()

    told = await office.told(act)
    assert (told.call.direction, told.call.agent, told.call.called_number) == (Direction.OUTBOUND, ADA, OUTSIDE)
    assert told.call.answered_by == "PJSIP/trunk"
    (part,) = told.parts
    assert (part.name, part.direction, part.answered_by) == (ADA, Direction.OUTBOUND, "PJSIP/trunk")


async def test_a_call_that_only_the_dialplan_answers(office: Office) -> None:
    async def act() -> None:
        call = await office.rig.carrier.call("9500", caller=CALLER)
        await call.answered()
        await call.hang_up()

    told = await office.told(act)
    assert (told.call.disposition, told.call.answered_at) == (Disposition.TO_DIALPLAN, None)


@pytest.mark.parametrize("door", ["+14155550100", "888"])
async def test_a_call_of_the_router_s_stays_one_entry_by_either_door(office: Office, door: str) -> None:
    async def act() -> None:
        call, _ = await office.talk(office.rig.carrier, door, office.ada)
        await call.hang_up()

    told = await office.told(act)
    assert told.call.source == "router"
    joined = await until_joined(office.rig, told.call.call_id)
    assert [(part.name, part.outcome) for part in joined.parts] == [(ADA, "answered")]


async def test_a_call_that_was_asked_for_stays_one_entry(office: Office) -> None:
    async def act() -> None:
        await office.rig.place(ADA, OUTSIDE)
        agent = await office.ada.next_call()
        await agent.answer()
        await (await office.provider.next_call()).answer()
        assert await agent.hears(OUTSIDE_HZ, 0.3)
        await agent.hang_up()

    told = await office.told(act)
    joined = await until_joined(office.rig, told.call.call_id)
    assert joined.call.source == "router"
    assert joined.parts == told.parts


async def until_joined(rig: Rig, call_id: str) -> Recorded:
    """The call, once Asterisk's own record of it is put to the router's."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            (found,) = [one for one in await recorded(rig) if one.call.call_id == call_id]
            if found.call.linkedid:
                return found
            await asyncio.sleep(0.1)  # it tells nobody


async def test_what_the_dialplan_does_with_a_caller_of_the_router_s_is_part_of_his_call(office: Office) -> None:
    async def act() -> None:
        office.rig.api.answers[ANSWER] = Answer(body={"to": "nobody"})
        call = await office.rig.carrier.call("777", caller=CALLER)
        ringing = await office.carol.next_call()
        await ringing.answer()
        await call.answered()
        assert await call.hears(CAROLS_HZ, 0.3)
        await call.hang_up()

    told = await office.told(act)
    joined = await until_joined(office.rig, told.call.call_id)
    assert joined.user(CAROL).outcome == "answered"


async def test_the_doctor_hears_that_asterisk_tells_of_calls(office: Office) -> None:
    ran = await Command(office.rig.router.config_path)("doctor", "--json")
    (finding,) = [finding for finding in ran.json["findings"] if finding["id"] == "history"]
    assert finding["status"] == "ok"
    assert "by CEL" in finding["found"]
    await office.rig.asterisk.cli("module unload cel_manager.so")
    await office.rig.asterisk.cli("module unload cdr_manager.so")
    try:
        ran = await Command(office.rig.router.config_path)("doctor", "--json")
        (finding,) = [finding for finding in ran.json["findings"] if finding["id"] == "history"]
        assert finding["status"] == "warning"
        assert "agi-router dialplan cel.conf" in finding["remedy"]
    finally:
        await office.rig.asterisk.cli("module load cel_manager.so")
        await office.rig.asterisk.cli("module load cdr_manager.so")
