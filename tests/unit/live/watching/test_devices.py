"""Phones and trunks that come and go: told once each, never by a link that is lost, and in no storm."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from agi_router.decide import RoutingSettings
from ari_app.domain.link import Link
from ari_app.domain.notices import About, NoticeType
from ari_app.live.watching.devices import DeviceWatch
from tests.clock import leap
from tests.fakes.notices import ToldNotices

SETTLE_S = 0.03
ON, OFF = NoticeType.DEVICE_ONLINE, NoticeType.DEVICE_OFFLINE


@pytest.fixture
def link() -> Link:
    link = Link()
    link.came_up()
    link.settle()
    return link


@pytest.fixture
async def watch(notices: ToldNotices, link: Link, routing: RoutingSettings) -> AsyncIterator[DeviceWatch]:
    """Ada's phone is there, Bob's is not."""
    watch = DeviceWatch(notices, link, SETTLE_S, quiet_s=0)
    watch.know(routing)
    watch.see("PJSIP/ada", "NOT_INUSE")
    watch.see("PJSIP/bob", "UNAVAILABLE")
    watch.see("PJSIP/trunk", "NOT_INUSE")
    yield watch
    watch.close()


async def settled() -> None:
    await asyncio.sleep(SETTLE_S * 3)  # nothing is to happen: there is no event to wait for


async def test_a_phone_that_comes_and_goes_is_told_with_its_user(watch: DeviceWatch, notices: ToldNotices) -> None:
    watch.see("PJSIP/ada", "UNAVAILABLE")
    await notices.until(1)
    watch.see("PJSIP/ada", "NOT_INUSE")
    gone, back = await notices.until(2)
    assert (gone.type, back.type) == (OFF, ON)
    assert gone.subject == back.subject == "device/PJSIP/ada"
    assert gone.about == About(users=frozenset({"456"}), teams=frozenset({"7"}))
    assert gone.at < back.at
    assert gone.data == {
        "device": {
            "endpoint": "PJSIP/ada",
            "kind": "phone",
            "user": "456",
            "trunk": None,
            "call_state": "UNAVAILABLE",
        }
    }


async def test_a_trunk_that_does_not_answer_is_told_by_its_name(watch: DeviceWatch, notices: ToldNotices) -> None:
    watch.see("PJSIP/trunk", "UNAVAILABLE")
    (told,) = await notices.until(1)
    assert (told.type, told.data["device"]["kind"], told.data["device"]["trunk"]) == (OFF, "trunk", "main")


async def test_the_state_at_the_start_and_calls_are_no_change(watch: DeviceWatch, notices: ToldNotices) -> None:
    for state in ("INUSE", "RINGING", "ONHOLD", "NOT_INUSE", "UNKNOWN"):
        watch.see("PJSIP/ada", state)
    watch.see("PJSIP/bob", "INVALID")
    watch.see("PJSIP/somebody", "NOT_INUSE")
    watch.see("PJSIP/somebody", "UNAVAILABLE")
    await settled()
    assert notices.told == []


async def test_a_phone_that_registers_anew_was_never_gone(watch: DeviceWatch, notices: ToldNotices) -> None:
    watch.see("PJSIP/ada", "UNAVAILABLE")
    watch.see("PJSIP/ada", "NOT_INUSE")
    await settled()
    assert notices.told == []


async def test_a_phone_that_flaps_is_told_now_and_then_and_how_it_ends(
    notices: ToldNotices, link: Link, routing: RoutingSettings
) -> None:
    watch = DeviceWatch(notices, link, settle_s=0, quiet_s=20)
    watch.know(routing)
    watch.see("PJSIP/ada", "NOT_INUSE")
    for _ in range(20):
        for state in ("UNAVAILABLE", "NOT_INUSE", "UNAVAILABLE"):
            watch.see("PJSIP/ada", state)
            await asyncio.sleep(0.001)
    watch.see("PJSIP/ada", "NOT_INUSE")
    assert [notice.type for notice in notices.told] == [OFF]
    leap(20)
    assert [notice.type for notice in await notices.until(2)] == [OFF, ON]
    watch.close()


async def test_a_lost_link_takes_no_device_with_it(watch: DeviceWatch, notices: ToldNotices, link: Link) -> None:
    watch.see("PJSIP/ada", "UNAVAILABLE")  # an Asterisk that goes down tells this, at times
    link.lose()
    await settled()
    assert notices.told == []
    link.came_up()
    watch.see("PJSIP/ada", "NOT_INUSE")
    watch.see("PJSIP/bob", "UNAVAILABLE")
    link.settle()
    await settled()
    assert notices.told == []


async def test_what_is_otherwise_after_a_lost_link_is_told(
    watch: DeviceWatch, notices: ToldNotices, link: Link
) -> None:
    link.lose()
    link.came_up()
    watch.see("PJSIP/ada", "UNAVAILABLE")
    watch.see("PJSIP/bob", "NOT_INUSE")
    await settled()
    assert notices.told == []
    link.settle()
    told = await notices.until(2)
    assert {(notice.type, notice.subject) for notice in told} == {(OFF, "device/PJSIP/ada"), (ON, "device/PJSIP/bob")}


async def test_a_device_that_leaves_the_directory_is_not_told_of(
    watch: DeviceWatch, notices: ToldNotices, routing: RoutingSettings
) -> None:
    watch.see("PJSIP/ada", "UNAVAILABLE")
    watch.know(replace(routing, users=routing.users[1:]))
    await settled()
    assert notices.told == []
