"""A number outside by several trunks: a failure of one leads to the next, and no word of the called party does."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from ari_app.domain import events as e
from ari_app.domain.record import CallRecord, Disposition
from sandbox import Answer, Phone
from sandbox.phone.incoming import IncomingCall
from sandbox.phone.outgoing import OutgoingCall
from sandbox.router import Config
from tests.patience import PATIENCE_S
from tests.system.rig import DID, Rig, origin, running

# One Asterisk and one router serve the calls of the whole file, one after the other.
pytestmark = pytest.mark.asyncio(loop_scope="module")

ANSWER = "/answer"
OUTSIDE = "+14155550123"
ELSEWHERE = "+14155550124"
SETUP_TIMEOUT_S = 1.0  # where nothing is said in time
UNHURRIED_S = 4.0  # where something is said in time, also by a machine that is busy


def by_two_trunks(config: Config) -> None:
    """The two trunks write numbers differently, so that the provider behind both sees by which one a call comes."""
    api = origin(config)
    config["routes"]["sales"] = {
        "request": {"url": f"{api}{ANSWER}"},
        "response": {"type": "user", "path": "to"},
        "ringing": {"timeout_s": 25},
        "fallback": [{"endpoint": "carol", "timeout_s": 20}],
    }
    one = {"endpoint": "PJSIP/trunk", "caller_id": DID, "setup_timeout_s": 60}
    config["trunks"] = [
        {**one, "name": "first"},
        {**one, "name": "second", "number_format": "digits"},
        {**one, "name": "hasty", "setup_timeout_s": SETUP_TIMEOUT_S},
        {**one, "name": "hasty-second", "number_format": "digits", "setup_timeout_s": SETUP_TIMEOUT_S},
        {**one, "name": "unhurried", "setup_timeout_s": UNHURRIED_S},
        {**one, "name": "silent", "endpoint": "PJSIP/trunk-dead", "setup_timeout_s": SETUP_TIMEOUT_S},
        {**one, "name": "ghost", "endpoint": "PJSIP/ghost"},
    ]
    ways = {
        "two": ["first", "second"],
        "hasty": ["hasty", "second"],
        "hasty-last": ["first", "hasty-second"],
        "unhurried": ["unhurried", "second"],
        "silent": ["silent", "second"],
        "ghost": ["ghost", "second"],
        "silents": ["silent"],
        "last": ["second", "first"],
    }
    config["directory"]["users"] = [
        {"id": name, "devices": [{"external": OUTSIDE, "trunk": trunks}]} for name, trunks in ways.items()
    ] + [{"id": "mixed", "devices": ["PJSIP/ada", {"external": OUTSIDE, "trunk": ["first", "second"]}]}]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig() -> AsyncIterator[Rig]:
    async with running(by_two_trunks) as rig:
        yield rig


@pytest_asyncio.fixture(loop_scope="module")
async def provider(rig: Rig) -> AsyncIterator[Phone]:
    async with Phone.provider(rig.asterisk.layout, tone_hz=1000) as provider:
        yield provider


async def call(rig: Rig, user: str = "two") -> OutgoingCall:
    rig.api.answers[ANSWER] = Answer(body={"to": user})
    return await rig.call()


async def next_at(provider: Phone, dialled: str) -> IncomingCall:
    """The provider's next call, which is for this form of the number."""
    ringing = await provider.next_call()
    assert ringing.called_number == dialled
    return ringing


async def speak(rig: Rig, caller: OutgoingCall, ringing: IncomingCall) -> CallRecord:
    """The call is answered, both are heard, and it ends well."""
    await ringing.answer()
    await caller.answered()
    assert all(await asyncio.gather(caller.hears(1000, 0.2), ringing.hears(500, 0.2)))
    await rig.router.until_told(e.CallAnswered)  # a trunk's 200 lets them speak without the router
    await caller.hang_up()
    await ringing.ended()
    await rig.idle()
    record = (await rig.router.records())[-1]
    assert (record.disposition, record.step) == (Disposition.ANSWERED, 1)
    return record


async def nobody(rig: Rig, caller: OutgoingCall) -> CallRecord:
    """No step is answered, and the dialplan ends the call."""
    assert await caller.final_status(PATIENCE_S) == 480
    await rig.idle()
    return (await rig.router.records())[-1]


def attempts(record: CallRecord) -> list[tuple[str, str, int | None]]:
    """Each leg's number as it was dialled, its outcome and its SIP status."""
    return [(leg.contact.split("/")[1], leg.outcome, leg.tech_cause) for leg in record.legs]


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (503, "failed"),
        (500, "failed"),
        (502, "failed"),
        (504, "failed"),
        (403, "declined"),
        (402, "failed"),
        (407, "declined"),
        (408, "unavailable"),
        (480, "unavailable"),
        (488, "failed"),
        (484, "not_found"),
    ],
)
async def test_a_trunk_that_fails_leads_to_the_next_one(rig: Rig, provider: Phone, status: int, outcome: str) -> None:
    caller = await call(rig)
    await (await next_at(provider, OUTSIDE)).reject(status)
    record = await speak(rig, caller, await next_at(provider, OUTSIDE[1:]))
    assert attempts(record) == [
        (f"{OUTSIDE}@trunk", outcome, status),
        (f"{OUTSIDE[1:]}@trunk", "answered", None),
    ]
    assert record.answered_by == "PJSIP/trunk"


@pytest.mark.parametrize("status", [486, 600, 603, 404, 410])
async def test_what_the_called_party_says_is_never_tried_again(rig: Rig, provider: Phone, status: int) -> None:
    caller = await call(rig)
    await (await next_at(provider, OUTSIDE)).reject(status)
    record = await nobody(rig, caller)
    assert [leg.tech_cause for leg in record.legs] == [status]
    assert len(provider.received) == 1


@pytest.mark.parametrize("status", [408, 480])
async def test_a_phone_that_rang_is_no_fault_of_the_trunk(rig: Rig, provider: Phone, status: int) -> None:
    caller = await call(rig)
    ringing = await next_at(provider, OUTSIDE)
    await ringing.ring()
    await caller.progressed(180)
    await ringing.reject(status)
    record = await nobody(rig, caller)
    assert [leg.tech_cause for leg in record.legs] == [status]


async def test_a_trunk_that_redirects_is_not_followed_and_the_next_one_is_tried(rig: Rig, provider: Phone) -> None:
    caller = await call(rig)
    await (await next_at(provider, OUTSIDE)).redirect(f"sip:{ELSEWHERE}@{rig.asterisk.address}")
    record = await speak(rig, caller, await next_at(provider, OUTSIDE[1:]))
    assert [leg.outcome for leg in record.legs] == ["redirected", "answered"]


async def test_a_trunk_that_says_nothing_but_trying_is_left_in_time(rig: Rig, provider: Phone) -> None:
    caller = await call(rig, "hasty")
    first = await next_at(provider, OUTSIDE)
    second = await next_at(provider, OUTSIDE[1:])
    await first.cancelled()
    record = await speak(rig, caller, second)
    assert [leg.outcome for leg in record.legs] == ["setup_timeout", "answered"]
    left, _ = record.legs
    assert left.ended_at is not None
    assert (left.ended_at - left.dialled_at).total_seconds() > SETUP_TIMEOUT_S / 2


@pytest.mark.parametrize("status", [180, 183, 181])
async def test_a_trunk_that_says_more_than_trying_is_not_left(rig: Rig, provider: Phone, status: int) -> None:
    caller = await call(rig, "unhurried")
    first = await next_at(provider, OUTSIDE)
    first.progress(status)
    await asyncio.sleep(UNHURRIED_S + 1)  # nothing is to happen
    assert len(provider.received) == 1
    await speak(rig, caller, first)


@pytest.mark.parametrize("user", ["silent", "ghost"])
async def test_a_trunk_that_is_not_there_leads_to_the_next_one(rig: Rig, provider: Phone, user: str) -> None:
    caller = await call(rig, user)
    record = await speak(rig, caller, await next_at(provider, OUTSIDE[1:]))
    assert len(record.legs) == 2


async def test_the_last_trunk_is_waited_for_as_long_as_the_step_takes(rig: Rig, provider: Phone) -> None:
    caller = await call(rig, "hasty-last")
    await (await next_at(provider, OUTSIDE)).reject(503)
    last = await next_at(provider, OUTSIDE[1:])
    await asyncio.sleep(SETUP_TIMEOUT_S * 2)  # nothing is to happen
    record = await speak(rig, caller, last)
    assert [leg.outcome for leg in record.legs] == ["failed", "answered"]


async def test_trunks_are_tried_in_the_order_of_the_device(rig: Rig, provider: Phone) -> None:
    caller = await call(rig, "last")
    await (await next_at(provider, OUTSIDE[1:])).reject(503)
    await speak(rig, caller, await next_at(provider, OUTSIDE))


async def test_when_all_trunks_fail_the_next_step_comes(rig: Rig, provider: Phone) -> None:
    async with rig.user("carol") as carol:
        caller = await call(rig)
        await (await next_at(provider, OUTSIDE)).reject(503)
        await (await next_at(provider, OUTSIDE[1:])).reject(500)
        await (await carol.next_call()).answer()
        await caller.answered()
        await caller.hang_up()
        await rig.idle()


async def test_a_phone_that_rings_beside_keeps_ringing_while_the_trunks_change(rig: Rig, provider: Phone) -> None:
    async with rig.user("ada", 1000) as ada:
        caller = await call(rig, "mixed")
        at_ada = await ada.next_call()
        await at_ada.ring()
        await (await next_at(provider, OUTSIDE)).reject(503)
        second = await next_at(provider, OUTSIDE[1:])
        await second.ring()
        await speak(rig, caller, at_ada)
        assert (await second.ended()).how == "cancel"


async def test_a_caller_who_gives_up_has_no_further_trunk_tried(rig: Rig, provider: Phone) -> None:
    caller = await call(rig)
    first = await next_at(provider, OUTSIDE)
    await caller.cancel()
    await first.cancelled()
    await rig.idle()
    assert len(provider.received) == 1
    assert [leg.outcome for leg in (await rig.router.records())[-1].legs] == ["cancelled"]


async def test_a_trunk_that_is_down_by_qualify_gets_no_invite_and_the_next_one_rings_at_once() -> None:
    async with running(by_two_trunks) as rig, Phone.provider(rig.asterisk.layout, tone_hz=1000) as provider:
        pjsip = rig.asterisk.config_dir / "pjsip.conf"
        aor = "[trunk-dead](agi-router-trunk-aor)\n"
        pjsip.write_text(pjsip.read_text().replace(aor, f"{aor}qualify_frequency = 1\nqualify_timeout = 0.3\n"))
        await rig.asterisk.cli("module reload res_pjsip.so")
        async with asyncio.timeout(PATIENCE_S):
            while "Unavail" not in await rig.asterisk.cli("pjsip show contacts"):
                await asyncio.sleep(0.05)  # Asterisk's command line has no event to wait for
        caller = await call(rig, "silent")
        record = await speak(rig, caller, await next_at(provider, OUTSIDE[1:]))
        assert attempts(record) == [(f"{OUTSIDE[1:]}@trunk", "answered", None)]
        trace = await rig.router.trace(record.call_id)
        assert [event.trunk for event in trace if isinstance(event, e.TrunkSkipped)] == ["silent"]
        caller = await call(rig, "silents")
        record = await nobody(rig, caller)
        assert attempts(record) == [(f"{OUTSIDE}@trunk-dead", "failed", None)]
