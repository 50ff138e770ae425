"""Who spoke with a caller last, whatever the log of calls does when it is asked."""

import asyncio
from collections.abc import Collection
from datetime import UTC, datetime, timedelta

import pytest

from agi_router.decide import Router, RoutingSettings
from agi_router.directory.users import EndpointDevice, User
from agi_router.lookup.guard import NetworkGuard
from agi_router.routing.destination import DestinationType, LastAgentDestination
from agi_router.routing.errors import Failure, RoutingError
from agi_router.routing.last_agent import LastAgent, Talk, TalkLog, forms_of, within_seconds
from agi_router.routing.meaning import destination
from agi_router.routing.order import IfBusy
from agi_router.routing.policy import DialPolicy
from agi_router.routing.step import EndpointTarget, FindLastAgent, Member, Refused, Ring
from agi_router.routing.understood import Understood

POLICY = DialPolicy(frozenset({"US"}), "US")
ADA = User(id="456", name="Ada", devices=(EndpointDevice("ada"),))
YESTERDAY = datetime.now(UTC) - timedelta(days=1)
WEEK = FindLastAgent(604_800, IfBusy.SKIP)


class Log(TalkLog):
    """Tells this of every caller."""

    def __init__(self, told: Talk | None) -> None:
        self.told = told
        self.asked: list[tuple[Collection[str], datetime]] = []

    async def last_talk(self, caller_numbers: Collection[str], since: datetime) -> Talk | None:
        self.asked.append((caller_numbers, since))
        return self.told


class BrokenLog(TalkLog):
    """Cannot be read."""

    async def last_talk(self, caller_numbers: Collection[str], since: datetime) -> Talk | None:
        raise OSError("disk I/O error")


class HungLog(TalkLog):
    """Never answers."""

    async def last_talk(self, caller_numbers: Collection[str], since: datetime) -> Talk | None:
        await asyncio.Event().wait()
        return None


def router(talks: TalkLog | None) -> Router:
    settings = RoutingSettings(routes=(), users=(ADA,), trunks=(), policy=POLICY, guard=NetworkGuard())
    return Router(settings, talks=talks)


async def code(talks: TalkLog | None, number: str = "+14155550177") -> str:
    found = await router(talks).last_agent(number, WEEK)
    assert isinstance(found, Failure)
    assert found.remedy
    return found.code


async def test_the_user_who_spoke_last_rings_at_all_his_devices() -> None:
    log = Log(Talk("456", YESTERDAY))
    found = await router(log).last_agent("4155550177", WEEK)
    member = Member("456", (EndpointTarget("ada"),), "Ada")
    assert found == LastAgent("456", "Ada", YESTERDAY, Ring((member,), if_busy=IfBusy.SKIP))
    ((forms, since),) = log.asked
    assert {"4155550177", "+14155550177", "14155550177"} == set(forms)
    assert datetime.now(UTC) - since == pytest.approx(timedelta(days=7), abs=timedelta(minutes=1))


async def test_a_user_who_is_gone_is_refused_and_named() -> None:
    found = await router(Log(Talk("77", YESTERDAY))).last_agent("+14155550177", WEEK)
    assert isinstance(found, LastAgent)
    assert isinstance(found.action, Refused)
    assert (found.name, found.action.failure.code) == ("77", "user_unknown")


async def test_nobody_is_found_without_a_talk_a_log_or_a_number() -> None:
    assert await code(Log(None)) == await code(None) == "last_agent_none"
    log = Log(Talk("456", YESTERDAY))
    assert await code(log, number="") == "last_agent_no_number"
    assert log.asked == []


@pytest.mark.parametrize("log", [BrokenLog(), HungLog()], ids=["broken", "hung"])
async def test_a_log_that_is_broken_or_slow_keeps_no_caller(log: TalkLog) -> None:
    began = asyncio.get_running_loop().time()
    assert await code(log) == "last_agent_unknown"
    assert asyncio.get_running_loop().time() - began < 2


def test_what_is_no_telephone_number_has_one_form() -> None:
    assert forms_of("alice.smith", "US") == {"alice.smith"}


def test_an_answer_says_how_far_to_look_back() -> None:
    meant = destination(Understood(value="3600", type=DestinationType.LAST_AGENT), router(None)._directory, POLICY)
    assert meant == LastAgentDestination(3600)


@pytest.mark.parametrize("value", ["", "0", "-1", "1.5", "a week", "9" * 10, "\u0661"])
def test_what_is_no_time_to_look_back_is_refused(value: str) -> None:
    with pytest.raises(RoutingError, match="no time to look back"):
        within_seconds(value)
