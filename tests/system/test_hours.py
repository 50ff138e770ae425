"""A route outside its business hours on a real Asterisk: the chain for it rings, and the API is never asked."""

from ari_app.domain import events as e
from ari_app.domain.record import Disposition
from sandbox.router import Config
from tests.system.rig import Rig, running


def closed_now(config: Config) -> None:
    """Every day is a holiday, until 400 days from now and longer."""
    config["hours"] = {"office": {"zone": "Asia/Tokyo", "open": ["mon-sun 00:00-24:00"], "holidays": ["01-01..12-31"]}}
    config["routes"]["sales"] |= {
        "hours": "office",
        "closed": [{"endpoint": "bob", "timeout_s": 5}, {"endpoint": "ada-desk"}],
    }


def never_asked(rig: Rig) -> bool:
    return rig.api.requests == []


async def test_a_closed_route_rings_its_chain_without_asking_the_api() -> None:
    async with running(closed_now) as rig, rig.user("ada") as ada, rig.user("ada-desk") as desk:
        call = await rig.call()
        ringing = await desk.next_call()
        await ringing.answer()
        await call.answered()
        assert await call.hears(1000, 0.2)
        await call.hang_up()
        assert (await ringing.ended()).how == "bye"
        await rig.idle()
        assert never_asked(rig)
        assert ada.received == []
        record = await rig.record()
        assert (record.disposition, record.answered_by) == (Disposition.ANSWERED, "PJSIP/ada-desk")
        assert (record.closed_by, record.error_code) == ("office", "")
        _, closed, *steps = await rig.story()
        assert isinstance(closed, e.OutsideHours)
        assert (closed.calendar, closed.zone, closed.holiday, closed.opens) == (
            *("office", "Asia/Tokyo", "01-01..12-31"),
            "",
        )
        assert closed.local_time.endswith("+09:00")
        tried = [step.destination for step in steps if isinstance(step, e.StepStarted)]
        assert tried == ["bob", "ada-desk"]


async def test_a_caller_of_a_closed_route_who_is_found_again_stays_with_its_chain() -> None:
    async with running(closed_now) as rig, rig.user("ada") as ada, rig.user("ada-desk") as desk:
        call = await rig.call()
        first = await desk.next_call()
        await rig.router.records()
        await rig.router.kill()
        await rig.router.start()
        await first.ended()
        await (await desk.next_call()).answer()
        await call.answered()
        await call.hang_up()
        await rig.idle()
        assert never_asked(rig)
        assert ada.received == []
        record = await rig.record()
        assert (record.answered_by, record.recovered, record.closed_by) == ("PJSIP/ada-desk", True, "office")
