from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ari_app.calls.ids import bridge_id, consult_bridge_id, leg_channel_id, new_call_id
from ari_app.calls.ports import PresentChannel, Snapshot
from ari_app.calls.survey import Survey, survey
from ari_app.domain.record import CallRecord, Direction, LegRecord

CALL = new_call_id()
LEG = leg_channel_id(CALL, "leg-1")
BRIDGE = bridge_id(CALL)
NOBODY: frozenset[str] = frozenset()


def channel(channel_id: str) -> PresentChannel:
    return PresentChannel(
        channel_id=channel_id,
        name=f"PJSIP/{channel_id}",
        up=True,
        entered=True,
        args=("sales",),
        caller_number="",
        caller_name="",
    )


def holding(*channel_ids: str, bridges: dict[str, frozenset[str]] | None = None) -> Snapshot:
    return Snapshot(channels={i: channel(i) for i in channel_ids}, bridges=bridges or {})


RECORD = CallRecord(call_id=CALL, channel_id="caller")
TALKED = replace(RECORD, answered_at=datetime(2026, 3, 1, 9, 30, tzinfo=UTC))


def test_a_bridge_of_two_is_a_talk_that_went_on() -> None:
    snapshot = holding("caller", LEG, bridges={BRIDGE: frozenset({"caller", LEG})})
    assert survey(snapshot, [RECORD], NOBODY) == Survey(talks=((CALL, channel("caller"), channel(LEG)),))


@pytest.mark.parametrize(
    ("caller", "other"),
    [
        ("caller", "1772357400.9"),
        (LEG, leg_channel_id(CALL, "leg-2")),
        ("caller", leg_channel_id(new_call_id(), "leg-1")),
    ],
    ids=["with a channel of the dialplan", "with a leg in the caller's place", "with the leg of another call"],
)
def test_a_bridge_of_two_after_a_transfer_is_a_talk_that_went_on(caller: str, other: str) -> None:
    record = CallRecord(call_id=CALL, channel_id=caller)
    snapshot = holding(caller, other, bridges={BRIDGE: frozenset({caller, other})})
    assert survey(snapshot, [record], NOBODY) == Survey(talks=((CALL, channel(caller), channel(other)),))


def test_a_caller_whose_transfer_was_ringing_goes_on_to_the_fallback_and_the_phones_that_he_left_end() -> None:
    rings = leg_channel_id(CALL, "leg-2")
    found = survey(holding("caller", LEG, rings, bridges={BRIDGE: frozenset({LEG})}), [RECORD], NOBODY)
    assert found == Survey(end_channels=(LEG, rings), drop_bridges=(BRIDGE,), waiting=((RECORD, channel("caller")),))


def test_a_caller_who_has_just_left_his_call_to_others_is_no_new_one() -> None:
    other = leg_channel_id(CALL, "leg-2")
    left = LegRecord(leg="caller", endpoint="bob", contact="", dialled_at=datetime.now(UTC), channel_id="caller")
    record = CallRecord(call_id=CALL, channel_id=LEG, legs=(left,))
    snapshot = holding("caller", LEG, other, bridges={BRIDGE: frozenset({LEG, other})})
    found = survey(snapshot, [record], NOBODY)
    assert found == Survey(end_channels=("caller",), talks=((CALL, channel(LEG), channel(other)),))


@pytest.mark.parametrize("away", ["caller", LEG], ids=["caller", "leg"])
def test_whoever_consulted_somebody_goes_back_and_who_was_consulted_ends(away: str) -> None:
    consulted, consult = leg_channel_id(CALL, "leg-2"), consult_bridge_id(CALL)
    left = {"caller", LEG} - {away}
    bridges = {BRIDGE: frozenset(left), consult: frozenset({away, consulted})}
    found = survey(holding("caller", LEG, consulted, bridges=bridges), [TALKED], NOBODY)
    assert found == Survey(
        end_channels=(consulted,), drop_bridges=(consult,), talks=((CALL, channel("caller"), channel(LEG)),)
    )


def test_an_agent_who_left_while_he_consulted_has_left_the_talk_to_who_was_consulted() -> None:
    consulted, consult = leg_channel_id(CALL, "leg-2"), consult_bridge_id(CALL)
    bridges = {BRIDGE: frozenset({"caller"}), consult: frozenset({consulted})}
    found = survey(holding("caller", consulted, bridges=bridges), [TALKED], NOBODY)
    assert found == Survey(drop_bridges=(consult,), talks=((CALL, channel("caller"), channel(consulted)),))


def test_a_bridge_of_one_ends_and_its_record_is_closed() -> None:
    for left in ("caller", LEG):
        snapshot = holding(left, bridges={BRIDGE: frozenset({left})})
        assert survey(snapshot, [TALKED], NOBODY) == Survey(
            end_channels=(left,), drop_bridges=(BRIDGE,), close=(TALKED,)
        )


IN_QUEUE = CallRecord(call_id=CALL, channel_id="caller", destination_type="queue", destination="support")


@pytest.mark.parametrize("args", [(), ("sales", "+14155550100", "allowed", "queue-return", "TIMEOUT")])
def test_a_caller_in_a_queue_or_just_back_from_it_is_taken_on(args: tuple[str, ...]) -> None:
    caller = replace(channel("caller"), entered=bool(args), args=args)
    elsewhere = Snapshot(channels={}, bridges={}, elsewhere={"caller": caller})
    ours = Snapshot(channels={"caller": caller}, bridges={})
    for snapshot in (ours,) if args else (ours, elsewhere):
        assert survey(snapshot, [IN_QUEUE], NOBODY) == Survey(queued=((IN_QUEUE, caller),))
        assert survey(snapshot, [IN_QUEUE], frozenset({CALL})) == Survey()


def test_a_caller_on_his_way_to_a_queue_waits_still() -> None:
    assert survey(holding("caller"), [IN_QUEUE], NOBODY) == Survey(waiting=((IN_QUEUE, channel("caller")),))


def test_a_caller_whom_the_dialplan_has_for_good_is_closed_on_record() -> None:
    gone = Snapshot(channels={}, bridges={}, elsewhere={"caller": channel("caller")})
    assert survey(gone, [RECORD], NOBODY) == Survey(close=(RECORD,))


def test_a_caller_who_heard_a_trunk_before_its_answer_waits_on_and_the_leg_ends() -> None:
    leg = replace(channel(LEG), up=False)
    snapshot = Snapshot(channels={"caller": channel("caller"), LEG: leg}, bridges={BRIDGE: frozenset({"caller", LEG})})
    assert survey(snapshot, [RECORD], NOBODY) == Survey(
        end_channels=(LEG,), drop_bridges=(BRIDGE,), waiting=((RECORD, channel("caller")),)
    )


def test_a_caller_whose_trunk_failed_before_its_answer_waits_on() -> None:
    snapshot = holding("caller", bridges={BRIDGE: frozenset({"caller"})})
    assert survey(snapshot, [RECORD], NOBODY) == Survey(drop_bridges=(BRIDGE,), waiting=((RECORD, channel("caller")),))


def test_a_leg_that_was_answered_while_nobody_looked_is_a_talk() -> None:
    snapshot = holding("caller", LEG, bridges={BRIDGE: frozenset({"caller", LEG})})
    assert survey(snapshot, [RECORD], NOBODY).talks == ((CALL, channel("caller"), channel(LEG)),)


def test_an_empty_bridge_is_dropped() -> None:
    assert survey(holding(bridges={BRIDGE: frozenset()}), [], NOBODY) == Survey(drop_bridges=(BRIDGE,))


def test_a_waiting_caller_goes_on_to_the_fallback_and_the_legs_that_rang_for_him_end() -> None:
    snapshot = holding("caller", LEG, bridges={BRIDGE: frozenset()})
    assert survey(snapshot, [RECORD], NOBODY) == Survey(
        end_channels=(LEG,), drop_bridges=(BRIDGE,), waiting=((RECORD, channel("caller")),)
    )


def test_a_caller_who_is_not_on_record_is_routed_as_new() -> None:
    assert survey(holding("caller"), [], NOBODY) == Survey(unknown_callers=(channel("caller"),))


def test_a_record_without_channels_is_closed() -> None:
    assert survey(holding(), [RECORD], NOBODY) == Survey(close=(RECORD,))


def test_nothing_of_a_running_call_is_touched() -> None:
    live = frozenset({CALL})
    for bridges in ({}, {BRIDGE: frozenset({"caller"})}, {BRIDGE: frozenset({"caller", LEG})}):
        assert survey(holding("caller", LEG, bridges=bridges), [RECORD], live) == Survey()


def test_a_bridge_of_another_program_in_our_application_is_left_alone() -> None:
    snapshot = holding("caller", bridges={"theirs": frozenset({"caller"})})
    assert survey(snapshot, [], NOBODY) == Survey()


ASKED_FOR = CallRecord(call_id=CALL, direction=Direction.OUTBOUND, first="agent")
PICKED_UP = replace(ASKED_FOR, channel_id=LEG)
SECOND = leg_channel_id(CALL, "leg-2")


def test_phones_that_ring_for_a_call_that_was_asked_for_stop_and_nobody_has_called_them() -> None:
    assert survey(holding(LEG, SECOND), [ASKED_FOR], NOBODY) == Survey(end_unnoticed=(LEG, SECOND), close=(ASKED_FOR,))


def test_a_customer_who_was_called_first_was_called() -> None:
    customer_first = replace(ASKED_FOR, first="customer")
    assert survey(holding(LEG), [customer_first], NOBODY) == Survey(end_channels=(LEG,), close=(customer_first,))


def test_who_has_picked_up_a_call_that_was_asked_for_is_told_and_whom_he_was_to_speak_with_rings_no_more() -> None:
    found = survey(holding(LEG, SECOND), [PICKED_UP], NOBODY)
    assert found == Survey(end_channels=(SECOND,), alone=((PICKED_UP, channel(LEG)),))


def test_who_hears_the_customers_carrier_before_the_answer_is_alone_as_well() -> None:
    ringing = replace(channel(SECOND), up=False)
    bridges = {BRIDGE: frozenset({LEG, SECOND})}
    snapshot = Snapshot(channels={LEG: channel(LEG), SECOND: ringing}, bridges=bridges)
    found = survey(snapshot, [PICKED_UP], NOBODY)
    assert found == Survey(end_channels=(SECOND,), drop_bridges=(BRIDGE,), alone=((PICKED_UP, channel(LEG)),))


def test_a_customer_who_answered_while_the_router_was_away_speaks_with_the_agent() -> None:
    snapshot = holding(LEG, SECOND, bridges={BRIDGE: frozenset({LEG, SECOND})})
    assert survey(snapshot, [PICKED_UP], NOBODY) == Survey(talks=((CALL, channel(LEG), channel(SECOND)),))


def test_a_call_that_was_asked_for_and_goes_on_here_is_left_alone() -> None:
    assert survey(holding(LEG, SECOND), [PICKED_UP], frozenset({CALL})) == Survey()
