"""Steering on a switch that refuses, and calls that end at the worst moment."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from ari_app.calls.consultation import Consultation
from ari_app.calls.holding import on_record
from ari_app.calls.leg import Leg
from ari_app.calls.ports import ChannelDestroyed, ChannelLeft, NotFoundError, RefusedError, UnreachableError
from ari_app.calls.steering_request import HangUp, Hold, Mute, Resume, SendDigits, SteeringRequested
from ari_app.domain import events as e
from tests.fakes.switch import CALLER, Exchange, entered
from tests.patience import PATIENCE_S

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


@asynccontextmanager
async def talking() -> AsyncIterator[tuple[Exchange, str, str]]:
    """A caller speaks with Ada; the call's id, and the channel of her leg."""
    async with Exchange("ada") as exchange:
        exchange.arrive()
        await exchange.until("dial")
        await asyncio.sleep(0)
        leg = exchange.switch.dialled[0]
        exchange.pick_up(leg)
        await exchange.until("add_to_bridge")
        (call,) = exchange.supervisor.live.values()
        async with asyncio.timeout(PATIENCE_S):
            while not call.talking:
                await asyncio.sleep(0)
        yield exchange, call.call_id, leg


async def test_a_hold_that_fails_leaves_the_talk_as_it_was_and_can_be_asked_for_again() -> None:
    async with talking() as (exchange, call_id, _):
        exchange.switch.errors["play_music"] = [RefusedError("500 Internal Server Error")]
        refused = await exchange.supervisor.steer(call_id, Hold())
        assert refused is not None
        assert refused.code == "asterisk_refused"
        assert exchange.switch.requests.count("mute") == exchange.switch.requests.count("unmute") > 0
        assert await exchange.supervisor.steer(call_id, Hold()) is None
        assert exchange.switch.requests.count("play_music") == 1


async def test_an_asterisk_that_does_not_answer_is_told() -> None:
    async with talking() as (exchange, call_id, _):
        exchange.switch.errors["send_digits"] = [UnreachableError("no answer in time")]
        refused = await exchange.supervisor.steer(call_id, SendDigits("1"))
        assert refused is not None
        assert refused.code == "asterisk_unreachable"


async def test_a_request_that_misses_a_party_is_answered_by_the_end_of_the_call() -> None:
    async with talking() as (exchange, call_id, leg):
        exchange.switch.errors["mute"] = [NotFoundError("404 Channel not found")]
        asking = asyncio.create_task(exchange.supervisor.steer(call_id, Mute()))
        await exchange.until("mute")
        await asyncio.sleep(0)
        assert not asking.done()
        exchange.switch.deliver(ChannelDestroyed(leg, 16))
        refused = await asking
        assert refused is not None
        assert refused.code == "call_over"
        (end,) = exchange.ends()
        assert isinstance(end, e.CallEnded)
        assert end.by == "callee"


async def test_a_hangup_that_was_asked_for_twice_is_one_end_by_request() -> None:
    async with talking() as (exchange, call_id, _):
        both = asyncio.gather(*(exchange.supervisor.steer(call_id, HangUp()) for _ in range(2)))
        await exchange.until("hang_up")
        exchange.switch.deliver(ChannelLeft(CALLER))
        assert await both == [None, None]
        await exchange.over()
        (end,) = exchange.ends()
        assert isinstance(end, e.CallEnded)
        assert end.by == "command"


async def test_a_call_that_cannot_be_hung_up_goes_on_and_ends_by_its_own() -> None:
    async with talking() as (exchange, call_id, leg):
        exchange.switch.errors["hang_up"] = [UnreachableError("no answer in time")]
        refused = await exchange.supervisor.steer(call_id, HangUp())
        assert refused is not None
        exchange.switch.deliver(ChannelDestroyed(leg, 16))
        await exchange.over()
        (end,) = exchange.ends()
        assert isinstance(end, e.CallEnded)
        assert end.by == "callee"


async def test_a_part_of_an_id_that_fits_two_calls_is_refused() -> None:
    async with talking() as (exchange, _, _):
        exchange.switch.deliver(entered("1772357400.2"))
        refused = await exchange.supervisor.steer("-", Hold())
        assert refused is not None
        assert refused.code == "ambiguous_call"


@pytest.mark.parametrize(
    ("actions", "held_by", "muted"),
    [
        ([("hold", "leg-1"), ("mute", "caller")], {"leg-1"}, {"caller"}),
        ([("hold", "leg-1"), ("hold", "caller"), ("resume", "leg-1")], {"caller"}, set()),
        ([("mute", "leg-1"), ("unmute", "leg-1")], set(), set()),
    ],
)
def test_the_record_tells_who_holds_and_who_is_muted(
    actions: list[tuple[str, str]], held_by: set[str], muted: set[str]
) -> None:
    trace = [e.Steered(at=NOW, action=action, party=party) for action, party in actions]
    assert on_record(trace) == (held_by, muted, set())


def test_a_transfer_ends_holds() -> None:
    trace: list[e.CallEvent] = [
        e.Steered(at=NOW, action="hold", party="leg-1"),
        e.TransferAsked(at=NOW, by="leg-1", kind="blind", target="102"),
    ]
    assert on_record(trace) == (set(), set(), set())


async def test_an_agent_who_resumes_stays_on_hold_of_the_other() -> None:
    async with talking() as (exchange, call_id, _):
        for action in (Hold(), Hold("caller"), Resume()):
            assert await exchange.supervisor.steer(call_id, action) is None
        assert exchange.switch.requests.count("play_music") == 2
        assert exchange.switch.requests.count("stop_music") == 1
        assert "unmute" not in exchange.switch.requests


async def test_a_party_who_does_not_speak_is_told_who_does() -> None:
    async with talking() as (exchange, call_id, _):
        refused = await exchange.supervisor.steer(call_id, Hold("leg-9"))
        assert refused is not None
        assert refused.code == "unknown_party"
        assert refused.remedy.startswith("those who do are caller and leg-1;")


async def test_whoever_consults_is_told_how_to_end_that() -> None:
    consultation = Consultation(Leg(role="leg-1", channel_id="1.2", endpoint="PJSIP/ada", dial_string="PJSIP/ada"))
    for action in (Hold(), HangUp("leg-1")):
        request = SteeringRequested.of(action)
        consultation.take(request)
        refused = await request.answered
        assert refused is not None
        assert refused.code == "in_transfer"
        assert "complete or cancel" in refused.remedy
