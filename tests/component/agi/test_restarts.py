"""What becomes of the AGI door's calls after a restart, of the router or of Asterisk, and of those that nobody ends."""

from dataclasses import replace
from datetime import timedelta

import pytest

from agi_router.routing.outgoing import OutgoingCall
from agi_router.routing.volume_limits import VolumeLimits, VolumePolicy
from ari_app.agi.call import LONGEST_S
from ari_app.agi.handler import DialplanCalls
from ari_app.calls.clock import now
from ari_app.calls.ports import PresentChannel, Snapshot
from ari_app.calls.presence import Presence
from ari_app.domain import events as e
from ari_app.domain.record import Disposition
from tests.component.agi.door import ADA, BOTH, CONTACTS, MOBILE, UNIQUE_ID, Decides, Door, Log, Session


async def test_after_a_restart_no_leg_has_the_id_of_one_before() -> None:
    log = Log()
    door = Door(log, BOTH, ADA)
    door.volume.policy = VolumePolicy(VolumeLimits(to_one_number_per_hour=1))
    door.volume.admit(OutgoingCall("before", "+14155550123", "sales"), now())
    door.volume.ended("before", now())
    told = await door.ask("+14155550100")
    assert told["ROUTE_DIAL"] == CONTACTS["ada"]  # leg-1; leg-2 was refused
    door.volume.policy = VolumePolicy()
    told = await door.ask("next", door.call_id, "dial=BUSY", "cause=17")
    assert [leg.leg for leg in log.only.legs] == ["leg-1", "leg-3"]
    door.calls = DialplanCalls(Decides(), log, Presence(), log, door.volume)
    await door.ask("next", door.call_id, "dial=NOANSWER")
    assert [leg.leg for leg in log.only.legs] == ["leg-1", "leg-3", "leg-4"]


async def test_after_a_restart_a_call_goes_on_with_the_rest_of_its_fallback() -> None:
    log = Log()
    before = Door(log, ADA)
    await before.ask("+14155550100")
    after = Door(log)
    after.variables = before.variables
    told = await after.ask("next", before.call_id, "dial=NOANSWER")
    assert (told["ROUTE_DIAL"], log.only.recovered) == ("PJSIP/+14155550123@trunk", True)
    (events,) = log.events.values()
    assert [event.found for event in events if isinstance(event, e.CallRecovered)] == ["dialled"]
    again = Door(log)
    again.variables = before.variables
    assert (await again.ask("next", before.call_id, "dial=NOANSWER"))["ROUTE_STATUS"] == "HANGUP"
    assert [leg.outcome for leg in log.only.legs] == ["no_answer", "no_answer"]


async def test_a_call_of_which_nothing_is_heard_expires() -> None:
    log = Log()
    door = Door(log, ADA)
    await door.ask("+14155550100")
    await door.calls.expire()
    assert log.only.ended_at is None
    (events,) = log.events.values()
    long_ago = now() - timedelta(seconds=LONGEST_S + 1)
    events[0] = e.CallArrived(
        at=long_ago,
        route="sales",
        called_number="",
        caller_number="",
        caller_name="",
        caller_withheld=False,
        channel_id="1.1",
        door="agi",
    )
    log.committed = log.events
    await door.calls.expire()
    assert (log.only.disposition, door.calls.count) == (Disposition.INTERRUPTED, 0)


async def test_where_more_calls_are_open_than_can_be_remembered_the_oldest_is_known_by_the_log() -> None:
    log = Log()
    door = Door(log, ADA, most_calls=1)
    await door.ask("+14155550100")
    oldest = door.call_id
    assert (await door.ask("+14155550100"))["ROUTE_STATUS"] == "DIAL"
    assert (door.calls.count, door.call_id == oldest) == (1, False)
    told = await door.ask("next", oldest, "dial=NOANSWER")
    assert (told["ROUTE_ID"], told["ROUTE_DIAL"]) == (oldest, "PJSIP/+14155550123@trunk")


class Channels:
    """A switch that has these channels."""

    def __init__(self, *ids: str) -> None:
        self._ids = ids

    async def snapshot(self) -> Snapshot:
        """Those of the dialplan are elsewhere."""
        channels = {
            id_: PresentChannel(
                channel_id=id_, name="", up=True, entered=False, args=(), caller_number="", caller_name=""
            )
            for id_ in self._ids
        }
        return Snapshot(channels={}, bridges={}, elsewhere=channels)


@pytest.mark.parametrize("is_restarted", [False, True], ids=["asterisk", "router as well"])
async def test_calls_that_an_asterisk_took_with_it_hold_no_place_and_others_do(*, is_restarted: bool) -> None:
    log = Log()
    door = Door(log, MOBILE)
    await door.ask("+14155550100")
    call_id = door.call_id
    await door.ask("answered", call_id, "PJSIP/trunk-00000002")
    if is_restarted:
        door.calls = DialplanCalls(Decides(MOBILE), log, Presence(), log, door.volume)
    await door.calls.lose_gone(Channels(UNIQUE_ID))
    assert (door.concurrent, log.only.ended_at) == (1, None)
    await door.calls.lose_gone(Channels("1.2"))
    assert (door.concurrent, door.calls.count) == (0, 0)
    assert log.only.ended_by == "unknown"
    before = list(log.events[call_id])
    await door.ask("report", call_id, "dial=ANSWER", "answered_ms=1000")
    assert log.events[call_id] == before


async def test_after_a_restart_a_step_dials_nobody_of_the_one_before() -> None:
    log = Log()
    before = Door(log, ADA)
    await before.ask("+14155550100")
    after = Door(log)
    after.variables = before.variables | {"ROUTE_DIAL_2": "&PJSIP/bob/sip:bob@192.0.2.2"}
    assert (await after.ask("next", before.call_id, "dial=NOANSWER"))["ROUTE_DIAL_2"] == ""


async def test_an_answer_that_another_channel_tells_after_a_restart_leaves_the_caller_his_channel() -> None:
    log = Log()
    before = Door(log, MOBILE)
    await before.ask("+14155550100")
    after = Door(log)
    after.variables = before.variables
    peer = "PJSIP/trunk-00000002"
    telling = Session(after.variables, "answered", before.call_id, peer)
    telling.request = replace(telling.request, channel="Local/tell@agi-router-agi-answered-00000003;2")
    await after.calls.handle(telling)
    by = "by=PJSIP/carrier-00000001"
    await after.ask("report", before.call_id, "dial=ANSWER", "answered_ms=1000", f"peer={peer}", by, f"keys={peer}")
    assert log.only.ended_by == "caller"
