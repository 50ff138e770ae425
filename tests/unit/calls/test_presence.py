"""Presence: who is free, who rings and who is busy, by what was told of devices and calls."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from agi_router.routing.order import Standing
from agi_router.routing.step import EndpointTarget, Member
from ari_app.calls.presence import Busy, Presence, Why
from ari_app.calls.roster import Person, Roster
from ari_app.domain import events as e
from ari_app.domain.record import CallRecord, fold
from tests.patience import PATIENCE_S

ADA = Member("1", (EndpointTarget("ada"), EndpointTarget("desk")), "Ada")
DAN = Member("4", (), "Dan")
PEOPLE = {
    "1": Person("Ada", ("PJSIP/ada", "PJSIP/desk"), "Custom:DND101", {"7": 20, "8": 60}),
    "4": Person("Dan", (), None, {"7": 20}),
}
DEVICES = frozenset({"PJSIP/ada", "PJSIP/desk", "Custom:DND101"})


def now() -> datetime:
    return datetime.now(UTC)


def ago(seconds: float) -> datetime:
    return now() - timedelta(seconds=seconds)


def presence() -> Presence:
    return Presence(Roster(PEOPLE, DEVICES))


def talk(user: str, *, ended_s_ago: float | None = None, team: str = "7") -> list[e.CallEvent]:
    """A call in which this user's second leg answers; `team` "" is a call to him."""
    kind, where = ("team", team) if team else ("user", user)
    happened: list[e.CallEvent] = [
        e.CallArrived(
            at=ago(99),
            route="sales",
            called_number="",
            caller_number="",
            caller_name="",
            caller_withheld=False,
            channel_id="1.1",
        ),
        e.StepStarted(at=ago(99), step=1, destination_type=kind, destination=where, timeout_s=25, team=team),
        e.LegDialled(at=ago(99), leg="leg-1", endpoint="PJSIP/x", contact="", user="9"),
        e.LegDialled(at=ago(99), leg="leg-2", endpoint="PJSIP/trunk", contact="", user=user),
        e.LegAnswered(at=ago(98), leg="leg-2"),
        e.CallAnswered(at=ago(98), leg="leg-2"),
        e.LegEnded(at=ago(98), leg="leg-1", outcome="answered_elsewhere", cause=26),
    ]
    if ended_s_ago is not None:
        happened.append(e.CallEnded(at=ago(ended_s_ago), by="caller", cause=16))
        happened.append(e.LegEnded(at=now(), leg="leg-2", outcome="answered", cause=16))
    return happened


def heard(*happened: e.CallEvent) -> Presence:
    known = presence()
    for event in happened:
        known.write("call", event)
    return known


@pytest.mark.parametrize(
    ("state", "why"),
    [
        ("INUSE", Why.IN_CALL),
        ("BUSY", Why.IN_CALL),
        ("ONHOLD", Why.IN_CALL),
        ("RINGINUSE", Why.IN_CALL),
        ("RINGING", None),
        ("NOT_INUSE", None),
        ("UNAVAILABLE", None),
        ("UNKNOWN", None),
    ],
)
def test_a_device_in_a_call_makes_its_user_busy_and_one_that_rings_does_not(state: str, why: Why | None) -> None:
    known = presence()
    known.device_changed("PJSIP/desk", state)
    assert known.busy(ADA) == (why and Busy(why))
    assert known.busy(DAN) is None


def test_a_phone_that_a_call_names_itself_is_busy_as_its_device_is() -> None:
    known = presence()
    known.device_changed("PJSIP/desk", "INUSE")
    assert known.standing(Member("", (EndpointTarget("desk"),))) is Standing.BUSY
    assert known.standing(Member("", (EndpointTarget("ada"),))) is Standing.FREE


def test_do_not_disturb_is_a_device_of_its_own() -> None:
    known = presence()
    known.device_changed("Custom:DND101", "INUSE")
    assert known.busy(ADA) == Busy(Why.DND)
    known.device_changed("Custom:DND101", "NOT_INUSE")
    assert known.busy(ADA) is None


def test_who_speaks_in_a_call_of_ours_is_busy_whatever_device_he_speaks_on() -> None:
    known = heard(*talk("4"))
    assert known.busy(DAN) == Busy(Why.IN_CALL)
    assert known.busy(ADA) is None
    known.write("call", e.LegEnded(at=ago(50), leg="leg-2", outcome="answered", cause=16))
    assert known.busy(DAN) is None


def test_wrap_up_lasts_from_the_end_of_the_talk_as_long_as_the_team_says_that_was_called() -> None:
    busy = heard(*talk("1", ended_s_ago=5)).busy(ADA)
    assert busy is not None
    assert busy.why is Why.WRAP_UP
    assert busy.for_s == pytest.approx(15, abs=1)
    assert heard(*talk("1", ended_s_ago=21)).busy(ADA) is None


def test_after_a_call_to_the_user_himself_the_longest_of_his_teams_counts() -> None:
    busy = heard(*talk("1", ended_s_ago=5, team="")).busy(ADA)
    assert busy is not None
    assert busy.for_s == pytest.approx(55, abs=1)


def test_who_was_rung_and_did_not_speak_has_no_wrap_up() -> None:
    assert heard(*talk("9", ended_s_ago=1)).busy(ADA) is None


def test_a_transfer_leaves_the_one_in_wrap_up_and_keeps_the_other_busy() -> None:
    known = heard(*talk("1"))
    known.write("call", e.LegJoined(at=now(), leg="leg-3", endpoint="x", contact="", channel_id="1.2", user="4"))
    assert [(busy.why if busy else None) for busy in map(known.busy, (ADA, DAN))] == [Why.IN_CALL, Why.IN_CALL]
    known.write("call", e.Transferred(at=now(), by="leg-2", leg="leg-3"))
    known.write("call", e.LegEnded(at=now(), leg="leg-2", outcome="transferred", cause=16))
    assert [(busy.why if busy else None) for busy in map(known.busy, (ADA, DAN))] == [Why.WRAP_UP, Why.IN_CALL]
    known.write("call", e.CallEnded(at=now(), by="caller", cause=16))
    assert [(busy.why if busy else None) for busy in map(known.busy, (ADA, DAN))] == [Why.WRAP_UP, Why.WRAP_UP]


def test_the_log_brings_back_wrap_up_and_talks_that_go_on() -> None:
    ended = fold("one", talk("1", ended_s_ago=5))
    goes_on = fold("two", talk("4"))
    known = presence()
    known.restore([ended], [goes_on, CallRecord(call_id="three")])
    assert [(busy.why if busy else None) for busy in map(known.busy, (ADA, DAN))] == [Why.WRAP_UP, Why.IN_CALL]
    known.write("two", e.CallEnded(at=ago(3), by="unknown", cause=0))
    busy = known.busy(DAN)
    assert busy is not None
    assert busy.for_s == pytest.approx(17, abs=1)
    assert set(known.history("7", (ADA, DAN)).last_talk) == {"1", "4"}


def test_a_member_rings_from_the_moment_of_his_turn_until_its_end() -> None:
    known = presence()
    with known.ringing([ADA], "7"), known.ringing([ADA], "8"):
        assert known.standing(ADA) is Standing.RINGING
    assert known.standing(ADA) is Standing.FREE
    assert set(known.history("7", (ADA, DAN)).last_rung) == {"1"}
    assert known.history("9", (ADA, DAN)).last_rung == {}


def test_who_was_not_rung_since_the_start_had_his_last_turn_with_his_last_talk() -> None:
    known = heard(*talk("4", ended_s_ago=60))
    with known.ringing([ADA], "7"):
        pass
    rung = known.history("7", (ADA, DAN)).last_rung
    assert rung["4"] < rung["1"]


def test_what_is_told_of_a_call_after_its_end_makes_nobody_busy() -> None:
    known = heard(*talk("9", ended_s_ago=1))
    known.write("call", e.LegDialled(at=now(), leg="leg-3", endpoint="PJSIP/trunk", contact="", user="4"))
    known.write("call", e.LegAnswered(at=now(), leg="leg-3"))
    assert known.busy(DAN) is None


async def test_who_waits_is_woken_by_a_device_that_is_free_again() -> None:
    known = presence()
    known.device_changed("PJSIP/ada", "INUSE")
    waiting = asyncio.create_task(known.until(lambda: known.busy(ADA) is None, [ADA]))
    await asyncio.sleep(0)
    known.device_changed("PJSIP/ada", "ONHOLD")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not waiting.done()
    known.device_changed("PJSIP/ada", "NOT_INUSE")
    async with asyncio.timeout(PATIENCE_S):
        await waiting


async def test_who_waits_is_woken_by_the_end_of_a_wrap_up_which_nothing_tells() -> None:
    known = heard(*talk("1", ended_s_ago=19))
    assert known.busy(ADA) is not None
    async with asyncio.timeout(PATIENCE_S):
        await known.until(lambda: known.busy(ADA) is None, [ADA])


def test_a_changed_roster_forgets_the_devices_that_nobody_follows_any_more() -> None:
    known = presence()
    known.device_changed("PJSIP/ada", "INUSE")
    known.know(Roster(PEOPLE, frozenset()))
    assert known.busy(ADA) is None
