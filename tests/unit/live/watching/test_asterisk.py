"""Asterisk that is out of sight for long, and is back."""

import asyncio

import pytest

from ari_app.domain.link import Link
from ari_app.domain.notices import NoticeType
from ari_app.live.watching.asterisk import AsteriskWatch
from tests.fakes.notices import ToldNotices

GRACE_S = 0.03


@pytest.fixture
def link() -> Link:
    return Link()


def connect(link: Link) -> None:
    link.came_up()
    link.settle()


async def test_it_is_told_once_that_asterisk_is_lost_and_once_that_it_is_back(notices: ToldNotices, link: Link) -> None:
    connect(link)
    watch = AsteriskWatch(notices, link, GRACE_S)
    for _ in range(3):  # each attempt to connect tells that it is down
        link.lose()
    await notices.until(1)
    link.lose()
    connect(link)
    lost, back = await notices.until(2)
    assert (lost.type, back.type) == (NoticeType.ASTERISK_LOST, NoticeType.ASTERISK_BACK)
    assert lost.subject == back.subject == "router"
    assert back.data["asterisk"]["since"] == lost.data["asterisk"]["since"]
    assert back.data["asterisk"]["lost_s"] >= GRACE_S
    watch.close()


async def test_a_link_that_comes_back_at_once_was_never_gone(notices: ToldNotices, link: Link) -> None:
    connect(link)
    watch = AsteriskWatch(notices, link, GRACE_S)
    link.lose()
    connect(link)
    await asyncio.sleep(GRACE_S * 3)  # nothing is to happen
    assert notices.told == []
    watch.close()


async def test_an_asterisk_that_is_not_there_at_the_start_is_told(notices: ToldNotices, link: Link) -> None:
    watch = AsteriskWatch(notices, link, GRACE_S)
    assert [notice.type for notice in await notices.until(1)] == [NoticeType.ASTERISK_LOST]
    watch.close()


async def test_a_router_that_stops_has_lost_nothing(notices: ToldNotices, link: Link) -> None:
    connect(link)
    AsteriskWatch(notices, link, GRACE_S).close()
    link.lose()
    await asyncio.sleep(GRACE_S * 3)  # nothing is to happen
    assert notices.told == []
