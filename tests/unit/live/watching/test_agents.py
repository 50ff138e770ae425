"""Agents that stand otherwise than before: told once each, and only when somebody listens."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from agi_router.decide import RoutingSettings
from ari_app.calls.memberships import Membership
from ari_app.calls.presence import Presence
from ari_app.domain import events as e
from ari_app.domain.notices import About, NoticeType
from ari_app.domain.webhooks import NoticeFilter, Receivers
from ari_app.live.roster import roster
from ari_app.live.watching.agents import AgentWatch
from ari_app.live.watching.telling import now
from tests.fakes.notices import ToldNotices

GATHER_S = 0.01
ADA = "PJSIP/ada"


@pytest.fixture
def presence(routing: RoutingSettings) -> Presence:
    presence = Presence(roster(routing))
    for device in roster(routing).watched:
        presence.device_changed(device, "NOT_INUSE")
    return presence


@pytest.fixture
def receivers() -> Receivers:
    return Receivers({"s": NoticeFilter(types=frozenset({NoticeType.AGENT_CHANGED}))})


@asynccontextmanager
async def watching(
    presence: Presence, notices: ToldNotices, receivers: Receivers, routing: RoutingSettings
) -> AsyncIterator[None]:
    watch = AgentWatch(
        presence,
        notices,
        is_wanted=lambda: receivers.may_want(NoticeType.AGENT_CHANGED),
        listeners_changed=lambda: receivers.changed,
        gather_s=GATHER_S,
    )
    watch.know(routing)
    task = asyncio.create_task(watch.run())
    await quiet()
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def quiet() -> None:
    await asyncio.sleep(GATHER_S * 5)  # nothing is to happen: there is no event to wait for


def states(notices: ToldNotices) -> list[tuple[str, str]]:
    return [(notice.data["agent"]["user"], notice.data["agent"]["state"]) for notice in notices.told]


async def test_a_talk_is_told_at_its_beginning_and_its_end(
    presence: Presence, notices: ToldNotices, receivers: Receivers, routing: RoutingSettings
) -> None:
    async with watching(presence, notices, receivers, routing):
        presence.device_changed(ADA, "RINGING")
        await quiet()
        presence.device_changed(ADA, "INUSE")
        await notices.until(1)
        presence.device_changed(ADA, "NOT_INUSE")
        first, _ = await notices.until(2)
    assert states(notices) == [("456", "in_call"), ("456", "free")]
    assert first.subject == "agent/456"
    assert first.about == About(users=frozenset({"456"}), teams=frozenset({"7"}))
    assert first.data["before"] == {"state": "free", "dnd": False}


async def test_do_not_disturb_and_a_break_are_told(
    presence: Presence, notices: ToldNotices, receivers: Receivers, routing: RoutingSettings
) -> None:
    member = Membership(queue="support-queue", interface=ADA)
    presence.memberships.replace(["support-queue"], [member])
    async with watching(presence, notices, receivers, routing):
        presence.device_changed("Custom:DND101", "INUSE")
        await notices.until(1)
        presence.memberships.put(Membership(queue="support-queue", interface=ADA, paused=True, reason="lunch"))
        dnd, paused = await notices.until(2)
    assert (dnd.data["agent"]["dnd"], dnd.data["agent"]["state"]) == (True, "dnd")
    assert paused.data["agent"]["queues"] == [{"queue": "support-queue", "paused": True, "reason": "lunch"}]
    assert paused.about.queues == {"support"}


async def test_a_link_that_is_lost_and_back_ends_no_break(
    presence: Presence, notices: ToldNotices, receivers: Receivers, routing: RoutingSettings
) -> None:
    paused = Membership(queue="support-queue", interface=ADA, paused=True)
    async with watching(presence, notices, receivers, routing):
        presence.memberships.replace(["support-queue"], [paused])  # the first that is heard of queues
        await quiet()
        presence.memberships.forget()
        await quiet()
        presence.memberships.replace(["support-queue"], [paused])
        await quiet()
    assert notices.told == []


async def test_a_wrap_up_is_told_and_its_end(
    presence: Presence, notices: ToldNotices, receivers: Receivers, routing: RoutingSettings
) -> None:
    async with watching(presence, notices, receivers, routing):
        for event in (
            e.CallRequested(at=now(), first="agent", user="456", user_name="Ada", number="+14155550188"),
            e.LegDialled(at=now(), leg="leg-1", endpoint="ada", contact="", user="456"),
            e.LegAnswered(at=now(), leg="leg-1"),
            e.FirstAnswered(at=now(), leg="leg-1", channel_id="c"),
            e.CallAnswered(at=now(), leg="leg-2"),
        ):
            presence.write("c-1", event)
        await notices.until(1)
        presence.write("c-1", e.CallEnded(at=now(), by="caller", cause=16))
        await notices.until(2)
        presence.end_wrap_up("456")
        await notices.until(3)
    assert states(notices) == [("456", "in_call"), ("456", "wrap_up"), ("456", "free")]


async def test_nobody_is_looked_at_while_nobody_listens(
    presence: Presence, notices: ToldNotices, routing: RoutingSettings
) -> None:
    receivers = Receivers()
    async with watching(presence, notices, receivers, routing):
        presence.device_changed(ADA, "INUSE")
        await quiet()
        receivers.know({"s": NoticeFilter()})
        await quiet()
        assert notices.told == []
        presence.device_changed(ADA, "NOT_INUSE")
        await notices.until(1)
    assert states(notices) == [("456", "free")]
