"""What was missed is shown, and filled in from the table that Asterisk writes itself: no call is there twice."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from ari_app.calls.clock import now
from ari_app.domain.gaps import Gap
from ari_app.domain.parts import PartKind
from ari_app.domain.record import Disposition
from ari_app.live.pbx_history import MARK_EVERY
from ari_app.storage.gaps import read_gaps
from sandbox import Phone
from sandbox.router import Config
from tests.command import Command
from tests.fakes.wire import Wire
from tests.patience import PATIENCE_S
from tests.system.pbx.records import DIALPLAN, newest, recorded, telling, until, with_directory
from tests.system.rig import CALLER, Rig, running

BOB = "77"


@asynccontextmanager
async def office(table: str = "", *, cdr: bool = False) -> AsyncIterator[tuple[Rig, Phone, Phone]]:
    """A router that fills gaps from this table, "" from none; Ada and Bob."""
    async with running(
        with_directory, extra_dialplan=DIALPLAN, configure=telling(cel=not cdr, cdr=cdr), ami=True
    ) as rig:
        if table:
            config: Config = rig.router.config
            url = f"sqlite:///{rig.asterisk.log_path.parent / table}.db"
            config["history"] = {"fill_from": {"url": url, "table": table}}
            await rig.router.stop()
            await rig.router.start()
        await rig.router.until(lambda status: status["ami_connected"])
        async with rig.user("ada") as ada, rig.user("bob") as bob:
            yield rig, ada, bob


async def talk(ada: Phone, bob: Phone) -> None:
    """A call that comes and goes."""
    call = await ada.call("102")
    await (await bob.next_call()).answer()
    await call.answered()
    assert await call.hears_sound()
    await call.hang_up()


async def gaps(rig: Rig) -> Sequence[Gap]:
    return await read_gaps(rig.router.storage, 100)


async def until_gaps(rig: Rig, count: int, *, filled: bool = False) -> Sequence[Gap]:
    """They are written in the background, and tell nobody."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            found = await gaps(rig)
            if len(found) == count and all(gap.ended_at and gap.filled is filled for gap in found):
                return found
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("kill", [False, True])
async def test_what_happens_while_no_router_runs_is_a_gap_that_is_filled(kill: bool) -> None:
    async with office("cel") as (rig, ada, bob):
        await talk(ada, bob)
        first = await newest(rig, 1)
        known = await until_gaps(rig, 1, filled=True)  # of the start with another configuration
        await (rig.router.kill() if kill else rig.router.stop())
        await talk(ada, bob)
        queued = await rig.carrier.call("9400", caller=CALLER)
        await bob.next_call()
        await asyncio.sleep(0.5)  # he waits
        await queued.cancel()
        await rig.router.start()
        found = await until_gaps(rig, 2, filled=True)
        assert found[0].source == "cel"
        assert known[0] in found
        await until(rig, lambda all_: len(all_) == 3)
        before, missed, waiting = await recorded(rig)
        assert before == first
        assert (missed.call.disposition, missed.call.agent) == (Disposition.ANSWERED, BOB)
        assert missed.user(BOB).outcome == "answered"
        assert waiting.call.disposition is Disposition.ABANDONED
        assert waiting.of(PartKind.QUEUE, "plain").outcome == "abandoned"
        command = Command(rig.router.config_path)
        again = (await command("history", "fill", "--json")).json
        assert len(again["filled"]) == 2
        assert await recorded(rig) == [before, missed, waiting]
        shown = (await command("history", "gaps", "--json")).json
        assert [gap["filled"] for gap in shown["gaps"]] == [True, True]


async def test_a_gap_is_filled_from_call_detail_records_too() -> None:
    async with office("cdr", cdr=True) as (rig, ada, bob):
        await talk(ada, bob)
        await newest(rig, 1)
        await rig.router.kill()
        await talk(ada, bob)
        await rig.router.start()
        await until(rig, lambda all_: len(all_) == 2)
        missed = (await recorded(rig))[-1]
        assert (missed.call.source, missed.call.disposition) == ("cdr", Disposition.ANSWERED)
        assert missed.user(BOB).outcome == "answered"


async def test_a_call_that_outlives_a_killed_router_is_one_entry_with_both_ends() -> None:
    async with office() as (rig, ada, bob):
        call = await ada.call("102")
        await (await bob.next_call()).answer()
        await call.answered()
        assert await call.hears_sound()
        await until(rig, lambda all_: len(all_) == 1)  # written while it goes on
        (going_on,) = await recorded(rig)
        assert going_on.call.disposition is Disposition.IN_PROGRESS
        killed_at = now()
        await rig.router.kill()
        await rig.router.start()
        await rig.router.until(lambda status: status["ami_connected"])
        await call.hang_up()
        told = await newest(rig, 1)
        assert (told.call.disposition, told.call.called_number) == (Disposition.ANSWERED, "102")
        assert (told.call.started_at, told.call.answered_at) == (going_on.call.started_at, going_on.call.answered_at)
        assert told.call.recovered
        assert told.user(BOB).answered_at == going_on.user(BOB).answered_at
        assert told.user(BOB).ended_at is not None
        (gap,) = await until_gaps(rig, 1)
        assert gap.ended_at is not None
        # It begins with the last mark; one is due every MARK_EVERY, and may be late where the machine is busy.
        assert killed_at - 2 * MARK_EVERY < gap.began_at <= killed_at < gap.ended_at


async def test_calls_of_an_asterisk_that_is_killed_are_over() -> None:
    async with office() as (rig, ada, bob):
        call = await ada.call("102")
        await (await bob.next_call()).answer()
        await call.answered()
        assert await call.hears_sound()
        await until(rig, lambda all_: len(all_) == 1)
        await rig.asterisk.kill()
        await rig.router.until(lambda status: not status["ami_connected"])
        await rig.asterisk.start()
        told = await newest(rig, 1)
        assert (told.call.disposition, told.call.ended_by) == (Disposition.ANSWERED, "unknown")
        assert told.call.talk_s is None
        assert (await until_gaps(rig, 1))[0].ended_at is not None


async def test_without_a_table_a_fill_says_what_to_do() -> None:
    async with office() as (rig, _, _):
        command = Command(rig.router.config_path)
        ran = await command("history", "fill")
        assert ran.status != 0
        assert "history.fill_from" in ran.err


async def test_an_asterisk_that_hangs_is_a_gap_from_its_last_answer_on() -> None:
    async with office("cel") as (rig, ada, bob):
        known = len(await until_gaps(rig, 1, filled=True))
        began_at = datetime.now(UTC)
        call = await ada.call("102")
        await (await bob.next_call()).answer()
        await call.answered()
        assert await call.hears_sound()
        await until(rig, lambda all_: len(all_) == 1)  # so Asterisk was heard since
        os.kill(rig.asterisk.pid, signal.SIGSTOP)
        try:
            await rig.router.until(lambda status: not status["ami_connected"], PATIENCE_S)
            lost_at = datetime.now(UTC)
        finally:
            os.kill(rig.asterisk.pid, signal.SIGCONT)
        await rig.router.until(lambda status: status["ami_connected"], PATIENCE_S)
        found = await until_gaps(rig, known + 1, filled=True)
        # It is given up when it has not answered for 5 s.
        assert began_at < found[0].began_at < lost_at - timedelta(seconds=2)
        await call.hang_up()
        told = await newest(rig, 1)
        assert (told.call.disposition, told.user(BOB).outcome) == (Disposition.ANSWERED, "answered")


async def test_a_cut_link_loses_no_call_and_shows_none_twice() -> None:
    async with running(with_directory, extra_dialplan=DIALPLAN, configure=telling(cel=True), ami=True) as rig:
        ami = rig.router.config["asterisk"]["ami"]
        async with Wire(f"http://{ami['host']}:{ami['port']}") as wire:
            ami["port"] = int(wire.url.rpartition(":")[2])
            url = f"sqlite:///{rig.asterisk.log_path.parent / 'cel.db'}"
            rig.router.config["history"] = {"fill_from": {"url": url, "table": "cel"}}
            await rig.router.stop()
            await rig.router.start()
            await rig.router.until(lambda status: status["ami_connected"])
            async with rig.user("ada") as ada, rig.user("bob") as bob:
                await talk(ada, bob)
                await newest(rig, 1)
                await wire.cut()
                await rig.router.until(lambda status: not status["ami_connected"])
                await talk(ada, bob)
                over = await ada.call("102")
                await (await bob.next_call()).answer()
                await over.answered()
                assert await over.hears_sound()
                await wire.mend()
                await rig.router.until(lambda status: status["ami_connected"], PATIENCE_S)
                await asyncio.sleep(0.5)  # they go on to speak
                await over.hang_up()
                await until(rig, lambda all_: len(all_) == 3 and all(one.call.ended_at for one in all_))
                assert {one.call.disposition for one in await recorded(rig)} == {Disposition.ANSWERED}
                assert all(one.user(BOB).outcome == "answered" for one in await recorded(rig))
                await Command(rig.router.config_path)("history", "fill")
                calls = [one.call for one in await recorded(rig)]
                assert [call.recovered for call in calls] == [False] * 3
                assert all(call.answered_at for call in calls)
