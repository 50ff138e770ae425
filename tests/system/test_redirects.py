"""A phone forwards its calls (SIP 302): who rings instead is decided by the directory and the dial policy, once."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from ari_app.domain import events as e
from ari_app.domain.record import CallRecord
from sandbox import Phone
from sandbox.phone.incoming import IncomingCall
from sandbox.phone.outgoing import OutgoingCall
from sandbox.router import Config
from tests.system.rig import ADA, DID, Rig, running

# One Asterisk and one router serve the calls of the whole file, one after the other.
pytestmark = pytest.mark.asyncio(loop_scope="module")

OUTSIDE = "+14155550123"
STEPS = (e.StepStarted, e.StepEnded)


def with_extensions(config: Config) -> None:
    """Ada has one phone, Bob the extension 102."""
    ada, bob = config["directory"]["users"]
    ada["devices"] = ["PJSIP/ada"]
    bob["extension"] = "102"
    config["routes"]["sales"]["ringing"] = {"timeout_s": 60}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig() -> AsyncIterator[Rig]:
    async with running(with_extensions) as rig:
        yield rig


@pytest_asyncio.fixture(loop_scope="module")
async def ada(rig: Rig) -> AsyncIterator[Phone]:
    async with rig.user("ada") as ada:
        yield ada


@pytest_asyncio.fixture(loop_scope="module")
async def bob(rig: Rig) -> AsyncIterator[Phone]:
    async with rig.user("bob") as bob:
        yield bob


@pytest_asyncio.fixture(loop_scope="module")
async def carol(rig: Rig) -> AsyncIterator[Phone]:
    async with rig.user("carol") as carol:
        yield carol


async def forwarded(rig: Rig, ada: Phone, to: str, after_s: float = 0) -> OutgoingCall:
    """A customer of Ada calls, whose phone is forwarded when it has rung.

    A phone that redirects within a millisecond can be faster than Asterisk's dialling: then nobody is told to whom.
    """
    call = await rig.call()
    ringing = await ada.next_call()
    await ringing.ring()
    await rig.router.until_told(e.LegRinging)
    await asyncio.sleep(after_s)
    await ringing.redirect(f"sip:{to}@192.0.2.1")
    return call


async def ring_for(rig: Rig, seconds: float) -> None:
    """From the next call on."""
    rig.router.config["routes"]["sales"]["ringing"] = {"timeout_s": seconds}
    assert (await rig.router.reload())["taken"]


async def speak(rig: Rig, call: OutgoingCall, phone: IncomingCall) -> CallRecord:
    await phone.answer()
    await call.answered()
    assert all(await asyncio.gather(call.hears(1000, 0.2), phone.hears(500, 0.2)))
    await call.hang_up()
    await phone.ended()
    await rig.idle()
    return (await rig.router.records())[-1]


async def told(rig: Rig, record: CallRecord) -> list[tuple[str, str]]:
    """Target and refusal of each redirect on record."""
    trace = await rig.router.trace(record.call_id)
    return [(event.target, event.code) for event in trace if isinstance(event, e.LegRedirected)]


@pytest.mark.parametrize("target", ["102", "bob", "102;npdi"])
async def test_a_phone_forwarded_to_a_colleague_rings_him_in_the_same_step(
    rig: Rig, ada: Phone, bob: Phone, target: str
) -> None:
    call = await forwarded(rig, ada, target)
    record = await speak(rig, call, await bob.next_call())
    assert [(leg.endpoint, leg.outcome) for leg in record.legs] == [
        ("PJSIP/ada", "redirected"),
        ("PJSIP/bob", "answered"),
    ]
    assert (record.step, await told(rig, record)) == (1, [(target.partition(";")[0], "")])


async def test_a_phone_forwarded_to_a_number_outside_leaves_by_the_trunk_and_is_still_hers(
    rig: Rig, ada: Phone
) -> None:
    async with Phone.provider(rig.asterisk.layout, tone_hz=1000) as provider:
        call = await forwarded(rig, ada, OUTSIDE)
        ringing = await provider.next_call()
        assert (ringing.called_number, ringing.caller_number) == (OUTSIDE, DID)
        record = await speak(rig, call, ringing)
        assert (record.answered_by, record.agent) == ("PJSIP/trunk", ADA)


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("+5353001234", "policy_region"),
        ("+19005550123", "policy_number_type"),
        ("911", "policy_emergency"),
        ("trunk", "dialled_unknown"),
        ("%26PJSIP%2F+14155550123%40trunk", "dialled_unknown"),
    ],
)
async def test_a_phone_forwarded_past_the_policy_calls_nobody(
    rig: Rig, ada: Phone, carol: Phone, target: str, code: str
) -> None:
    async with Phone.provider(rig.asterisk.layout) as provider:
        call = await forwarded(rig, ada, target)
        record = await speak(rig, call, await carol.next_call())
        assert provider.received == []
    assert [leg.endpoint for leg in record.legs] == ["PJSIP/ada", "PJSIP/carol"]
    assert [refused for _, refused in await told(rig, record)] == [code]


async def test_forwarding_is_followed_once_so_that_two_phones_cannot_play_ball(
    rig: Rig, ada: Phone, bob: Phone, carol: Phone
) -> None:
    call = await forwarded(rig, ada, "102")
    at_bob = await bob.next_call()
    await at_bob.ring()
    await rig.router.until_told(e.LegRinging, 2)  # see `forwarded`
    await at_bob.redirect("sip:ada@192.0.2.1")
    record = await speak(rig, call, await carol.next_call())
    assert await told(rig, record) == [("102", ""), ("ada", "redirect_again")]
    assert (len(ada.received), len(bob.received)) == (1, 1)


async def test_a_phone_forwarded_to_itself_rings_nobody_twice(rig: Rig, ada: Phone, carol: Phone) -> None:
    call = await forwarded(rig, ada, "ada")
    await speak(rig, call, await carol.next_call())
    assert len(ada.received) == 1


async def test_whom_a_forwarded_phone_rings_shares_the_time_of_the_step(
    rig: Rig, ada: Phone, bob: Phone, carol: Phone
) -> None:
    await ring_for(rig, 10)
    call = await forwarded(rig, ada, "102", after_s=4)
    at_bob = await bob.next_call()
    await at_bob.ring()
    await at_bob.cancelled()
    await ring_for(rig, 60)
    record = await speak(rig, call, await carol.next_call())
    trace = await rig.router.trace(record.call_id)
    (begun, _), (ended, _) = ([event.at for event in trace if isinstance(event, kind)] for kind in STEPS)
    assert 9.9 < (ended - begun).total_seconds() < 13.9, "with 10 s of his own he would have rung until 14 s"
