"""Whether an agent can take a call that is asked for: by his phones, his calls, and his queues."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from agi_router.routing.click_to_dial import DEFAULT_REFUSE_WHEN, First, PlannedCall, Unready
from agi_router.routing.destination import ExternalDestination, TeamDestination, UserDestination
from agi_router.routing.errors import Failure
from agi_router.routing.step import EndpointTarget, Member, Refused, Ring, Step, TrunkTarget
from agi_router.routing.treatment import Treatment
from ari_app.calls.agents import agent_unready, unready, unready_now, without_unready
from ari_app.calls.memberships import Membership
from ari_app.calls.presence import Presence
from ari_app.calls.roster import Person, Roster
from ari_app.domain import events as e
from tests.patience import PATIENCE_S

ADA = Member("1", (EndpointTarget("ada"), EndpointTarget("desk")), "Ada")
BOB = Member("2", (EndpointTarget("bob"),), "Bob")
MOBILE = TrunkTarget(number="+14155550177", via=())
PEOPLE = {
    "1": Person("Ada", ("PJSIP/ada", "PJSIP/desk"), "Custom:DND101", {"7": 60}, ("PJSIP/ada", "PJSIP/desk", "101")),
    "2": Person("Bob", ("PJSIP/bob",), None, {}, ("PJSIP/bob",)),
}
DEVICES = ("PJSIP/ada", "PJSIP/desk", "PJSIP/bob", "Custom:DND101")
OUTSIDE = Step(destination=ExternalDestination("+14155550123"), timeout_s=30, action=Ring(()))


def planned(
    *members: Member, queue: str = "", refuse_when: Iterable[Unready] = DEFAULT_REFUSE_WHEN, team: str = ""
) -> PlannedCall:
    where = TeamDestination(team) if team else UserDestination(members[0].user)
    return PlannedCall(
        first=First.CUSTOMER if team else First.AGENT,
        user="" if team else members[0].user,
        user_name=members[0].name,
        extension="",
        agent=Step(destination=where, timeout_s=30, action=Ring(members, team=team)),
        customer=OUTSIDE,
        number="+14155550123",
        name="",
        caller_id="",
        campaign="",
        parameters={},
        treatment=Treatment(),
        announcements={},
        key="",
        queue=queue,
        refuse_when=frozenset(refuse_when),
    )


@pytest.fixture
def presence() -> Presence:
    """Everybody is registered and free; no link tells of queues."""
    presence = Presence(Roster(PEOPLE, frozenset(DEVICES)))
    for device in DEVICES:
        presence.device_changed(device, "NOT_INUSE")
    return presence


def in_queues(presence: Presence, *members: Membership) -> None:
    presence.memberships.replace(["sales", "support"], members)


def member(queue: str, interface: str = "PJSIP/ada", *, paused: bool = False, reason: str = "") -> Membership:
    return Membership(queue=queue, interface=interface, paused=paused, reason=reason)


def code(failure: Failure | None) -> str:
    return failure.code if failure else ""


def test_who_is_registered_and_free_is_ready(presence: Presence) -> None:
    assert list(unready(presence, ADA)) == []
    assert unready_now(presence, planned(ADA)) is None


@pytest.mark.parametrize(
    ("ada", "desk", "expected"),
    [
        ("UNAVAILABLE", "UNAVAILABLE", "agent_not_registered"),
        ("UNAVAILABLE", "INVALID", "agent_not_registered"),
        ("UNAVAILABLE", "NOT_INUSE", ""),
        ("UNAVAILABLE", "UNKNOWN", ""),
        ("INUSE", "UNAVAILABLE", "agent_in_call"),
        ("RINGING", "NOT_INUSE", ""),
        ("NOT_INUSE", "ONHOLD", "agent_in_call"),
    ],
)
def test_the_states_of_his_phones_decide(presence: Presence, ada: str, desk: str, expected: str) -> None:
    presence.device_changed("PJSIP/ada", ada)
    presence.device_changed("PJSIP/desk", desk)
    assert code(unready_now(presence, planned(ADA))) == expected


def test_what_asterisk_has_not_told_refuses_nobody() -> None:
    assert unready_now(Presence(Roster(PEOPLE)), planned(ADA, queue="sales")) is None


def test_a_phone_outside_can_always_be_reached(presence: Presence) -> None:
    presence.device_changed("PJSIP/bob", "UNAVAILABLE")
    assert code(unready_now(presence, planned(BOB))) == "agent_not_registered"
    assert unready_now(presence, planned(replace(BOB, targets=(*BOB.targets, MOBILE)))) is None


@pytest.mark.parametrize(
    ("memberships", "queue", "expected"),
    [
        ([], "", ""),
        ([], "sales", "agent_not_logged_in"),
        ([], "unknown-queue", ""),
        ([member("support")], "sales", "agent_not_logged_in"),
        ([member("sales")], "sales", ""),
        ([member("sales", paused=True)], "sales", "agent_paused"),
        ([member("sales", paused=True), member("sales", "Local/101@x/n")], "sales", ""),
        ([member("sales"), member("support", paused=True)], "sales", ""),
        ([member("sales"), member("support", paused=True)], "", ""),
        ([member("sales", paused=True), member("support", paused=True)], "", "agent_paused"),
        ([member("sales", "PJSIP/bob", paused=True)], "", ""),
    ],
)
def test_his_queues_decide(presence: Presence, memberships: list[Membership], queue: str, expected: str) -> None:
    in_queues(presence, *memberships)
    assert code(unready_now(presence, planned(ADA, queue=queue))) == expected
    presence.memberships.forget()
    assert unready_now(presence, planned(ADA, queue=queue)) is None


def test_the_reason_of_a_break_is_told(presence: Presence) -> None:
    in_queues(presence, member("sales", paused=True, reason="lunch"))
    refused = unready_now(presence, planned(ADA))
    assert refused is not None
    assert refused.message == "Ada is on break: lunch"


def end_a_talk(presence: Presence) -> None:
    at = datetime.now(UTC)
    for event in (
        e.CallRequested(at=at, first="agent", user="1", user_name="Ada", number="+14155550123"),
        e.LegDialled(at=at, leg="leg-1", endpoint="PJSIP/ada", contact="", user="1"),
        e.LegAnswered(at=at, leg="leg-1"),
        e.CallAnswered(at=at, leg="leg-1"),
        e.CallEnded(at=at, by="caller", cause=16),
    ):
        presence.write("c1", event)


def test_wrap_up_and_dnd_refuse_only_where_it_is_wanted(presence: Presence) -> None:
    end_a_talk(presence)
    presence.device_changed("Custom:DND101", "INUSE")
    assert unready_now(presence, planned(ADA)) is None
    assert code(unready_now(presence, planned(ADA, refuse_when=[Unready.DND]))) == "agent_dnd"
    assert code(unready_now(presence, planned(ADA, refuse_when=[Unready.WRAP_UP]))) == "agent_wrap_up"


def test_nothing_refuses_where_nothing_is_to(presence: Presence) -> None:
    presence.device_changed("PJSIP/bob", "INUSE")
    assert unready_now(presence, planned(BOB, refuse_when=())) is None


async def test_a_phone_that_registers_at_this_moment_is_waited_for(
    presence: Presence, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ari_app.calls.agents.SETTLE_S", 2 * PATIENCE_S)  # nobody waits for its end
    presence.device_changed("PJSIP/bob", "UNAVAILABLE")
    asking = asyncio.create_task(agent_unready(presence, planned(BOB)))
    await asyncio.sleep(0)
    presence.device_changed("PJSIP/bob", "NOT_INUSE")
    async with asyncio.timeout(PATIENCE_S):
        assert await asking is None


async def test_a_refusal_comes_soon(presence: Presence) -> None:
    presence.device_changed("PJSIP/bob", "UNAVAILABLE")
    async with asyncio.timeout(PATIENCE_S):
        refused = await agent_unready(presence, planned(BOB))
    assert refused is not None
    assert (refused.step, refused.why.code) == (planned(BOB).agent, "agent_not_registered")


def test_a_team_refuses_when_nobody_of_it_is_free_and_says_why(presence: Presence) -> None:
    presence.device_changed("PJSIP/bob", "INUSE")
    assert unready_now(presence, planned(ADA, BOB, team="7")) is None
    presence.device_changed("Custom:DND101", "INUSE")
    refused = unready_now(presence, planned(ADA, BOB, team="7"))
    assert refused is not None
    assert refused.code == "agents_not_free"
    assert refused.message == "nobody of team 7 can take the customer: 1 not to be disturbed, 1 in a call"


def test_members_on_break_are_left_out_of_their_team_and_those_who_are_busy_are_not(presence: Presence) -> None:
    in_queues(presence, member("sales", paused=True), member("sales", "PJSIP/bob"))
    presence.device_changed("PJSIP/bob", "INUSE")
    step = without_unready(presence, planned(ADA, BOB, team="7").agent, "sales")
    assert isinstance(step.action, Ring)
    assert step.action.members == (BOB,)
    assert [unable.failure.code for unable in step.action.unable] == ["agent_paused"]


def test_a_team_all_of_whom_have_gone_is_refused(presence: Presence) -> None:
    in_queues(presence)
    step = without_unready(presence, planned(ADA, BOB, team="7").agent, "sales")
    assert isinstance(step.action, Refused)
    assert step.action.failure.code == "agent_not_logged_in"
