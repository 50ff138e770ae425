"""Both doors side by side: the same call is decided the same way, and is on record the same, but for the mark."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from ari_app.domain import events as e
from sandbox import Answer, Phone
from sandbox.phone.outgoing import OutgoingCall
from sandbox.router import Config
from tests.patience import PATIENCE_S
from tests.system.doors import Door, running_by
from tests.system.rig import ANSWER, Change, Rig

DECIDED = (e.StepStarted, e.StepEnded, e.DestinationFound, e.LookupFailed, e.OutsideHours, e.NumberRefused)
MOBILE = "+14155550123"


@dataclass(frozen=True, slots=True)
class Scene:
    """The phones that are there, and the call."""

    rig: Rig
    phones: dict[str, Phone]
    call: OutgoingCall

    async def rings(self, name: str) -> Any:
        """The call that has come to this phone, which rings."""
        incoming = await self.phones[name].next_call()
        await incoming.ring()
        return incoming


Play = Callable[[Scene], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """`answer` is what the API says, after `delay_s`; `queue` is written into queues.conf."""

    name: str
    play: Play
    phones: tuple[str, ...] = ()
    answer: Any = None
    change: Change | None = None
    dialplan: str = ""
    queue: str = ""
    delay_s: float = 0

    def configure(self, config: Config) -> None:
        """Change the router's configuration."""
        config["routes"]["sales"]["request"]["deadline_s"] = 1 if self.delay_s and self.phones else 10
        if self.answer is not None:
            request = config["routes"]["sales"]["request"]
            request["url"] = request["url"].split("/v1/")[0] + ANSWER
            config["routes"]["sales"]["response"] = {"type_path": "type", "path": "to"}
        if self.change is not None:
            self.change(config)


async def told(case: Case, door: Door) -> tuple[dict[str, Any], list[Any]]:
    """The record and the trace of this call by this door, without what differs from call to call."""
    async with running_by(door, case.configure, case.dialplan) as rig, AsyncExitStack() as stack:
        phones = {name: await stack.enter_async_context(rig.user(name)) for name in case.phones if name != "provider"}
        if "provider" in case.phones:
            phones["provider"] = await stack.enter_async_context(Phone.provider(rig.asterisk.layout, tone_hz=700))
        if case.answer is not None:
            rig.api.answers[ANSWER] = Answer(body=case.answer, delay_s=case.delay_s)
        if case.queue:
            (rig.asterisk.config_dir / "queues.conf").write_text(case.queue)
            await rig.asterisk.cli("queue reload all")
        await case.play(Scene(rig, phones, await rig.call()))
        await rig.router.until(lambda status: status["live_calls"] == 0)
        async with asyncio.timeout(PATIENCE_S):
            while (await rig.record()).ended_at is None:
                await asyncio.sleep(0.02)
        await rig.nothing_is_left()
        record, trace = await rig.record(), await rig.story()
        assert record.door == ("agi" if door is Door.AGI else "ari")
        kept = ("route", "called_number", "caller_number", "disposition", "destination_type", "destination", "step")
        fields = {name: getattr(record, name) for name in (*kept, "answered_by", "agent", "error_code", "ended_by")}
        fields |= {"talked": record.talk_s is not None}
        legs = sorted((leg.endpoint, leg.user, leg.outcome) for leg in record.legs)
        decided = [
            (type(event).__name__, getattr(event, "destination", ""), getattr(event, "outcome", ""))
            for event in trace
            if isinstance(event, DECIDED)
        ]
        return fields | {"legs": legs}, decided


async def user_answers(scene: Scene) -> None:
    first = await scene.rings("ada")
    second = await scene.rings("ada-desk")
    await second.answer()
    await scene.call.answered()
    await first.cancelled()
    await second.hang_up()
    await scene.call.ended()


async def nobody_there(scene: Scene) -> None:
    await scene.call.final_status()


async def user_is_busy_and_carol_answers(scene: Scene) -> None:
    await (await scene.rings("ada")).reject(486)
    await carol_answers(scene)


async def carol_answers(scene: Scene) -> None:
    carol = await scene.rings("carol")
    await carol.answer()
    await scene.call.answered()
    assert await scene.call.hears(1000, 0.3)
    await scene.call.hang_up()


async def caller_gives_up(scene: Scene) -> None:
    await scene.rings("ada")
    await scene.call.progressed(180)
    await scene.call.cancel()


async def caller_gives_up_while_the_api_thinks(scene: Scene) -> None:
    await scene.call.progressed(180)
    await scene.rig.router.until_told(e.RequestSent)
    await scene.call.cancel()


async def number_answers(scene: Scene) -> None:
    await (await scene.rings("provider")).answer()
    await scene.call.answered()
    assert await scene.call.hears(700, 0.3)
    await scene.call.hang_up()


async def first_trunk_fails(scene: Scene) -> None:
    await (await scene.phones["provider"].next_call()).reject(503)
    await number_answers(scene)


async def one_after_the_other(scene: Scene) -> None:
    await (await scene.rings("bob")).reject(486)
    await (await scene.rings("carol")).answer()
    await scene.call.answered()
    assert await scene.call.hears(1000, 0.3)
    await scene.call.hang_up()


async def all_at_once(scene: Scene) -> None:
    bob, carol = await scene.rings("bob"), await scene.rings("carol")
    await carol.answer()
    await scene.call.answered()
    await bob.cancelled()
    assert await scene.call.hears(1000, 0.3)
    await carol.hang_up()
    await scene.call.ended()


async def a_member_serves(scene: Scene) -> None:
    bob = await scene.rings("bob")
    await bob.answer()
    assert await scene.call.hears(1000, 0.3)
    await bob.hang_up()
    await scene.call.ended()


async def hears_the_dialplan(scene: Scene) -> None:
    await scene.call.answered()
    await scene.call.hang_up()


async def hears_it_and_is_rejected(scene: Scene) -> None:
    assert (await scene.call.ended()).how == "bye"


async def one_of_two_numbers(scene: Scene) -> None:
    await number_answers(scene)
    assert len(scene.phones["provider"].received) == 1


def one_number_at_a_time(config: Config) -> None:
    config["policy"]["limits"] = {"concurrent": 1}
    config["directory"]["users"][0]["devices"] = [{"external": MOBILE}, {"external": "+14155550124"}]


def two_trunks(config: Config) -> None:
    config["trunks"].append({"name": "second", "endpoint": "PJSIP/trunk", "caller_id": "+14155550101"})


def team(order: str) -> Change:
    """Bob and Carol, in this order."""

    def change(config: Config) -> None:
        config["directory"]["users"].append({"id": "3", "name": "Carol", "devices": ["PJSIP/carol"]})
        config["directory"]["teams"] = [{"id": "7", "members": ["77", "3"], "order": order, "ring_each_s": 20}]

    return change


def with_queue(config: Config) -> None:
    config["directory"]["queues"] = [{"id": "support", "name": "support-queue", "timeout_s": 60}]


def with_ivr(config: Config) -> None:
    config["policy"]["dialplan_contexts"] = ["ivr"]


def api_is_down(config: Config) -> None:
    url = config["routes"]["sales"]["request"]["url"]
    config["routes"]["sales"]["request"]["url"] = url.replace(url.split("/")[2], url.split("/")[2].split(":")[0] + ":9")


def always_closed(config: Config) -> None:
    config["hours"] = {"never": {"zone": "UTC", "open": ["mon-sun 00:00-24:00"], "holidays": ["01-01..12-31"]}}
    config["routes"]["sales"] |= {"hours": "never", "closed": [{"hangup": "busy"}]}


IVR = """
[ivr]
exten => s,1,Answer()
 same => n,Wait(5)
 same => n,Hangup()
"""
ADA = {"type": "user", "to": "456"}

CASES = [
    Case(name="two_of_three_devices", phones=("ada", "ada-desk"), play=user_answers),
    Case(name="fallback", phones=("ada", "carol"), play=user_is_busy_and_carol_answers),
    Case(name="nobody_registered", play=nobody_there),
    Case(name="caller_gives_up", phones=("ada",), play=caller_gives_up),
    Case(name="caller_gives_up_early", play=caller_gives_up_while_the_api_thinks, answer=ADA, delay_s=60),
    Case(name="external", phones=("provider",), play=number_answers, answer={"type": "external", "to": MOBILE}),
    Case(
        name="failover",
        phones=("provider",),
        play=first_trunk_fails,
        answer={"type": "external", "to": MOBILE},
        change=two_trunks,
    ),
    Case(name="limit_of_the_policy", phones=("provider",), play=one_of_two_numbers, change=one_number_at_a_time),
    Case(name="refused", play=nobody_there, answer={"type": "external", "to": "+442079460000"}),
    Case(
        name="team_in_turn",
        phones=("bob", "carol"),
        play=one_after_the_other,
        answer={"type": "team", "to": "7"},
        change=team("sequential"),
    ),
    Case(
        name="team_at_once",
        phones=("bob", "carol"),
        play=all_at_once,
        answer={"type": "team", "to": "7"},
        change=team("simultaneous"),
    ),
    Case(
        name="queue",
        phones=("bob",),
        play=a_member_serves,
        answer={"type": "queue", "to": "support"},
        change=with_queue,
        queue="[support-queue]\nmember => PJSIP/bob\nsetinterfacevar = yes\n",
    ),
    Case(
        name="queue_unknown",
        play=hears_it_and_is_rejected,
        answer={"type": "queue", "to": "support"},
        change=with_queue,
    ),
    Case(
        name="dialplan",
        play=hears_the_dialplan,
        answer={"type": "dialplan", "to": "ivr,s,1"},
        change=with_ivr,
        dialplan=IVR,
    ),
    Case(name="dialplan_missing", play=nobody_there, answer={"type": "dialplan", "to": "ivr,s,1"}, change=with_ivr),
    Case(name="voicemail", play=hears_the_dialplan, answer={"type": "voicemail", "to": "101"}),
    Case(name="voicemail_missing", play=nobody_there, answer={"type": "voicemail", "to": "999"}),
    Case(name="announcement", play=hears_it_and_is_rejected, answer={"type": "announcement", "to": "beep"}),
    Case(name="announcement_missing", play=hears_it_and_is_rejected, answer={"type": "announcement", "to": "nope"}),
    Case(name="closed", play=nobody_there, change=always_closed),
    Case(name="api_down", phones=("carol",), play=carol_answers, change=api_is_down),
    Case(name="api_slow", phones=("carol",), play=carol_answers, answer=ADA, delay_s=60),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_both_doors_do_the_same_with(case: Case) -> None:
    assert await told(case, Door.AGI) == await told(case, Door.ARI)
