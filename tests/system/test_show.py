"""What phones see of a call by its route: a number of our own, a word before the name, headers."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from sandbox import Answer, Phone
from sandbox.phone.incoming import IncomingCall
from sandbox.router import Config
from tests.system.rig import ADA, ANSWER, CALLER, DID, Rig, origin, running

# One Asterisk and one router serve the calls of the whole file, one after the other.
pytestmark = pytest.mark.asyncio(loop_scope="module")

OWN = "+14155550111"


def with_routes(config: Config) -> None:
    sales = config["routes"]["sales"]
    sales |= {
        "request": {"url": f"{origin(config)}{ANSWER}", "deadline_s": 10},
        "response": {"type": "user", "path": "to", "caller_name": "name", "headers": {"X-Route": "route"}},
        "show": {"name_prefix": "Sales: ", "headers": {"X-route": "{{routeName}}", "X-Called": "{{calledNumber}}"}},
    }


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig() -> AsyncIterator[Rig]:
    async with running(with_routes) as rig:
        rig.api.answers[ANSWER] = Answer(body={"to": ADA})
        yield rig


async def seen_by(rig: Rig, phone: Phone, *, name: str = "", withheld: bool = False) -> IncomingCall:
    """What the phone that rings sees; it is busy, and so is whoever is rung after it."""
    call = await rig.call(caller_name=name, withheld=withheld)
    ringing = await phone.next_call()
    await ringing.reject(486)
    await call.final_status()
    await rig.idle()
    return ringing


async def test_the_prefix_stands_before_the_name_that_is_known(rig: Rig) -> None:
    async with rig.user("ada") as ada:
        named = await seen_by(rig, ada, name="Grace")
        assert (named.caller_name, named.caller_number) == ("Sales: Grace", CALLER)
        unnamed = await seen_by(rig, ada)
        assert (unnamed.caller_name, unnamed.caller_number) == (f"Sales: {CALLER}", CALLER)
        withheld = await seen_by(rig, ada, name="Grace", withheld=True)
        assert (withheld.caller_name, withheld.caller_number) == ("Sales", "anonymous")
        assert "Grace" not in str(withheld.invite)
        assert CALLER not in str(withheld.invite)


async def test_an_answer_has_the_last_word_on_name_and_headers(rig: Rig) -> None:
    rig.api.answers[ANSWER] = Answer(body={"to": ADA, "name": "Ann of Acme", "route": "vip"})
    async with rig.user("ada") as ada:
        seen = await seen_by(rig, ada, name="Grace")
    rig.api.answers[ANSWER] = Answer(body={"to": ADA})
    assert seen.caller_name == "Sales: Ann of Acme"
    assert seen.invite.headers.get("X-Route") == "vip"
    assert seen.invite.headers.get("X-Called") == DID


async def test_the_fallback_shows_the_same(rig: Rig) -> None:
    async with rig.user("carol") as carol:
        seen = await seen_by(rig, carol, name="Grace")
    assert (seen.caller_name, seen.invite.headers.get("X-Route")) == ("Sales: Grace", "sales")


async def test_a_number_of_our_own_is_all_that_a_phone_ever_sees() -> None:
    def masked(config: Config) -> None:
        config["routes"]["sales"]["show"] = {"number": OWN}

    async with running(masked) as own, own.user("ada") as ada:
        call = await own.call()
        ringing = await ada.next_call()
        assert (ringing.caller_number, ringing.caller_name) == (OWN, CALLER)
        await ringing.answer()
        assert await call.hears(1000)
        (leg,) = [line.split("!")[0] for line in await own.channels() if line.startswith("PJSIP/ada")]
        told = await own.asterisk.cli(f"core show channel {leg}")
        await call.hang_up()
        await own.idle()
    assert f"Connected Line ID: {OWN}" in told
