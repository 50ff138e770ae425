"""The AGI door's include, and a router that fails in the middle: no caller is stuck, and nobody is dialled twice."""

import asyncio

import pytest

from agi_router.fastagi import FastAgiDoor, Session
from ari_app.domain import events as e
from sandbox import Asterisk, Phone
from sandbox.router import Config
from tests.patience import PATIENCE_S
from tests.system.doors import Door, running_by
from tests.system.rig import CALLER, DID
from tests.system.test_agi import MOBILE, ended
from tests.system.test_agi_door import PATIENT

DIALPLAN = """
[globals](+)
AGI_ROUTER_HOST = 127.0.0.1:{port}
[from-carrier]
exten => {did},1,Goto(agi-router-agi,${{EXTEN}},1)
"""


async def test_what_a_router_said_before_it_broke_off_is_not_done_once_more() -> None:
    requests: list[str] = []
    reported = asyncio.Event()

    async def handler(session: Session) -> None:
        words = session.request.arguments
        requests.append(words[0])
        match words[0]:
            case "next":
                raise RuntimeError("breaks off")
            case "report":
                reported.set()
            case _:
                told = {"ROUTE_STATUS": "DIAL", "ROUTE_DIAL": "PJSIP/nobody", "ROUTE_TIMEOUT": "5", "ROUTE_ID": "1"}
                await session.set_variables({**told, "ROUTE_OPTIONS": "i"})

    async with FastAgiDoor(PATIENT, handler) as door:
        async with Asterisk(extra_dialplan=DIALPLAN.format(did=DID, port=door.port)) as asterisk:
            async with Phone.carrier(asterisk.layout) as carrier:
                call = await carrier.call(DID, caller=CALLER)
                assert await call.final_status() == 503, "the fallback, by which a carrier tries another way"
                await asyncio.wait_for(reported.wait(), PATIENCE_S)
    assert requests == [DID, "next", "report"]


def by_a_mobile(config: Config) -> None:
    config["directory"]["users"][0]["devices"] = [{"external": MOBILE}]


async def test_a_number_outside_speaks_though_the_router_is_frozen_as_it_picks_up() -> None:
    async with running_by(Door.AGI, by_a_mobile) as rig, Phone.provider(rig.asterisk.layout, tone_hz=700) as provider:
        call = await rig.call()
        ringing = await provider.next_call()
        await rig.router.until_told(e.LegDialled)
        rig.router.freeze()
        try:
            await ringing.answer()
            await call.answered(5)
            assert await call.hears(700, 3)
            await call.hang_up()
        finally:
            rig.router.thaw()
        record = await ended(rig)
        assert (record.answered_by, record.ended_by) == ("PJSIP/trunk", "caller")


@pytest.mark.parametrize(
    "told",
    [{"ROUTE_STATUS": "GOTO", "ROUTE_GOTO": f"agi-router-agi,{DID},1"}, {"ROUTE_STATUS": "END"}],
    ids=["goto", "end"],
)
async def test_a_place_that_leads_to_the_router_again_is_no_loop_without_end(told: dict[str, str]) -> None:
    asked = 0

    async def handler(session: Session) -> None:
        nonlocal asked
        asked += 1
        await session.set_variables(told)

    async with FastAgiDoor(PATIENT, handler) as door:
        async with Asterisk(extra_dialplan=DIALPLAN.format(did=DID, port=door.port)) as asterisk:
            await asterisk.cli(f"dialplan set global AGI_ROUTER_FALLBACK_PLACE agi-router-agi,{DID},1")
            async with Phone.carrier(asterisk.layout) as carrier:
                call = await carrier.call(DID, caller=CALLER)
                assert await call.final_status(PATIENCE_S) >= 480
    assert asked == 50
