"""The configuration changes while calls look up, ring and talk: each ends by the one it began with; none is lost."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest

from ari_app.control.settings import ControlError
from sandbox import Answer, Phone
from sandbox.api import calls_of_user
from sandbox.phone.incoming import IncomingCall
from sandbox.phone.outgoing import OutgoingCall
from sandbox.router import Config
from tests.patience import PATIENCE_S
from tests.system.rig import ADA, Rig, running


@dataclass(frozen=True, slots=True)
class Generation:
    """A configuration that can be told from the others: by what is asked, by who rings, and by how a call ends."""

    path: str
    phone: str
    cause: str
    status: int
    calls: int

    def configure(self, config: Config, api_url: str) -> None:
        """Make this the configuration."""
        route = config["routes"]["sales"]
        route["request"] = {"url": f"{api_url}{self.path}", "deadline_s": 10}  # that is the longest
        route["ringing"] = {"timeout_s": 300}
        route["fallback"] = [{"hangup": self.cause}]
        config["directory"]["users"] = [{"id": ADA, "devices": [f"PJSIP/{self.phone}"]}]


FIRST, SECOND, THIRD, LAST = GENERATIONS = (
    Generation("/first", "phone001", "busy", 486, 17),
    Generation("/second", "phone002", "congestion", 503, 17),
    Generation("/third", "phone003", "unallocated", 404, 16),
    Generation("/last", "phone004", "rejected", 403, 1),
)


@dataclass(frozen=True, slots=True)
class Begun:
    """The calls that began with one generation, by what they do while the next one comes."""

    generation: Generation
    phone: Phone
    talking: Sequence[OutgoingCall]
    ringing: Sequence[tuple[OutgoingCall, IncomingCall]]
    looking_up: Sequence[OutgoingCall]

    async def end(self) -> None:
        """Those who looked up have their answer: their generation's phone rings. All but the talks are declined."""
        rung = [await self.phone.next_call() for _ in self.looking_up]
        await asyncio.gather(*(call.reject(486) for call in [*rung, *(ringing for _, ringing in self.ringing)]))
        for call in [*self.looking_up, *(calling for calling, _ in self.ringing)]:
            assert await call.final_status() == self.generation.status
        assert not any(call.is_over for call in self.talking)
        assert await self.talking[0].hears(self.phone_tone_hz, 0.2)
        await asyncio.gather(*(call.hang_up() for call in self.talking))

    @property
    def phone_tone_hz(self) -> int:
        """What the talking callers hear."""
        return TONES_HZ[self.generation.phone]


TONES_HZ = {generation.phone: 800 + 200 * number for number, generation in enumerate(GENERATIONS)}


async def begin(rig: Rig, generation: Generation, phone: Phone, after_it: Generation) -> Begun:
    """A third of the calls talks, a third rings, and a third waits for the API while the next configuration comes."""
    answer = asyncio.Event()
    third = generation.calls // 3
    rig.api.answers[generation.path] = calls_of_user(ADA)
    talking = [await rig.call() for _ in range(third)]
    for _ in talking:
        await (await phone.next_call()).answer()
    for call in talking:
        await call.answered()
    ringing = []
    for _ in range(third):
        calling = await rig.call()
        rung = await phone.next_call()
        await rung.ring()
        ringing.append((calling, rung))
    rig.api.answers[generation.path] = Answer(body=calls_of_user(ADA).body, after=answer)
    after_it.configure(rig.router.config, rig.api.url)
    async with rig.router.reloading():  # no call waits for more than 10 s, and a busy machine may take as long to read
        looking_up = [await rig.call() for _ in range(generation.calls - 2 * third)]
        async with asyncio.timeout(PATIENCE_S):
            while rig.api.in_progress[generation.path] < len(looking_up):
                await rig.api.next_request()
    answer.set()
    return Begun(generation, phone, talking, ringing, looking_up)


async def test_fifty_calls_end_by_the_configuration_that_they_began_with() -> None:
    async with running(numbered_phones=4) as rig, AsyncExitStack() as stack:
        phones = [await stack.enter_async_context(rig.user(name, tone)) for name, tone in TONES_HZ.items()]
        FIRST.configure(rig.router.config, rig.api.url)
        assert (await rig.router.reload())["taken"]
        changes = zip(GENERATIONS, phones, GENERATIONS[1:], strict=False)
        begun = [await begin(rig, generation, phone, after_it) for generation, phone, after_it in changes]
        status = await rig.router.until(lambda status: status["live_calls"] == 50)
        assert status["configs_in_use"] == 4
        await asyncio.gather(*(calls.end() for calls in begun))
        await rig.idle()
        await rig.router.until(lambda status: status["configs_in_use"] == 1)

        rig.api.answers[LAST.path] = calls_of_user(ADA)
        afterwards = await rig.call()
        await (await phones[3].next_call()).reject(486)
        assert await afterwards.final_status() == LAST.status
        await rig.idle()

        assert Counter(request.path for request in rig.api.requests) == {g.path: g.calls for g in GENERATIONS}
        records = await rig.router.records()
        assert Counter(record.disposition for record in records) == {"answered": 15, "rejected": 36}
        talks = Counter(record.answered_by for record in records if record.answered_by)
        assert talks == {f"PJSIP/{generation.phone}": 5 for generation in GENERATIONS[:3]}


async def test_a_broken_configuration_is_refused_and_the_next_call_goes_by_the_one_before() -> None:
    async with running(numbered_phones=4) as rig, rig.user("ada") as ada, rig.user("phone001") as phone:
        right = dict(rig.router.config)
        rig.router.config = right | {"routes": {"sales": {"request": {"url": "https://nowhere.example"}}}}
        refused = await rig.router.reload()
        assert (refused["taken"], refused["problems"][0]["key"]) == (False, "routes.sales")
        assert "has no response" in refused["problems"][0]["message"]
        assert await ends_with(rig, ada) == 486

        rig.router.config = right | {"policy": {"regions": ["EN"]}}
        rig.router.reload_by_signal()
        status = await rig.router.until(lambda status: "policy" in str(status["reload_refused"]))
        assert "is not a region" in status["reload_refused"]["problems"][0]["message"]
        assert await ends_with(rig, ada) == 486

        rig.router.config = right
        FIRST.configure(right, rig.api.url)
        right["routes"]["support"] = right["routes"]["sales"] | {"fallback": [{"hangup": "congestion"}]}
        rig.api.answers[FIRST.path] = calls_of_user(ADA)
        rig.router.reload_by_signal()
        await rig.router.until(lambda status: status["reload_refused"] is None)
        await rig.asterisk.cli("dialplan set global AGI_ROUTER_ROUTE support")
        assert await ends_with(rig, phone) == 503


async def ends_with(rig: Rig, phone: Phone) -> int:
    """A call for which this phone rings and is busy, and so is whoever comes after it."""
    call = await rig.call()
    await (await phone.next_call()).reject(486)
    status = await call.final_status()
    await rig.idle()
    return status


async def test_a_router_that_stops_loads_nothing_while_its_last_calls_come_to_their_end() -> None:
    async with running() as rig, rig.user("ada") as ada:
        call = await rig.call()
        ringing = await ada.next_call()
        stopping = asyncio.create_task(rig.router.stop())
        with pytest.raises(ControlError, match="the router stops"):
            while True:  # until it has seen the signal
                await rig.router.reload()
        await ringing.answer()
        await call.answered()
        assert await stopping == 0
        assert not call.is_over
        await call.hang_up()
