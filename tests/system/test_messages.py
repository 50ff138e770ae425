"""Text messages on a real Asterisk: to all phones of a user, and from phones, one by sipp among them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sipmessage import Address

from sandbox import Layout, Phone
from sandbox.router import Config
from sandbox.sipp import Sipp
from tests.patience import PATIENCE_S
from tests.system.click_to_dial.clicking import clickable
from tests.system.rig import ADA, Rig, running
from tests.system.told.receiver import reachable, subscribed
from tests.system.web.rest import Program, program, with_web

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOT_FOUND, ACCEPTED = 404, 202
LONG = "0123456789abcdef" * 256
ODD = [
    "Grüße, Здравствуйте, 你好 👩‍👩‍👧",
    "first\nsecond\n\n  last",
    """a;b=c "quoted" 'single' \\ back & % %0D%0A <sip:x@y> {{name}} ${EXTEN} ,""",
    LONG,
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig() -> AsyncIterator[Rig]:
    def change(config: Config) -> None:
        clickable(config)
        reachable(config)

    async with running(with_web(change)) as rig:
        yield rig


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def crm(rig: Rig) -> AsyncIterator[Program]:
    async with program(rig) as crm:
        yield crm


async def received(
    crm: Program, least: int, *, patience_s: float = PATIENCE_S, **wanted: object
) -> list[dict[str, Any]]:
    """The newest inbound messages, once there are so many that are like this."""
    async with asyncio.timeout(patience_s):
        while True:
            listed = await crm.ask("GET", "/messages?direction=inbound&limit=200")
            found = [each for each in listed.body["items"] if wanted.items() <= each.items()]
            if len(found) >= least:
                return found
            await asyncio.sleep(0.02)  # nobody tells of what arrived from outside


async def heard(rig: Rig, crm: Program, phone: Phone) -> None:
    """Wait until the router hears the messages of phones.

    That Asterisk accepts one is no proof: after a router that was killed it does, and tells nobody.
    """
    async with asyncio.timeout(PATIENCE_S):
        for number in count():
            probe = f"{phone.contact} {number}"
            if await phone.send_message("probe", probe) == ACCEPTED:
                with suppress(TimeoutError):
                    await received(crm, 1, to="probe", text=probe, patience_s=2)
                    return
            await asyncio.sleep(0.1)


async def test_a_text_reaches_every_contact_of_every_device_of_the_user(rig: Rig, crm: Program) -> None:
    async with rig.user("ada") as one, rig.user("ada") as two, rig.user("ada-desk") as desk, rig.user("bob") as bob:
        sent = await crm.ask("POST", "/messages", {"to": "ada@example.com", "text": "Come down.", "from": "102"})
        assert sent.status == ACCEPTED, sent.body
        for phone in (one, two, desk):
            message = await phone.next_message()
            sender = message.from_address.uri
            assert (message.body, message.headers["Content-Type"]) == (b"Come down.", "text/plain")
            assert (sender.user, sender.host) == ("102", rig.asterisk.address)
        with pytest.raises(TimeoutError):
            await bob.next_message(0.2)
        assert sent.headers["location"] == f"/api/v1/messages/{sent.body['id']}"
        assert {(each["endpoint"], each["contact"], each["status"]) for each in sent.body["contacts"]} == {
            (f"PJSIP/{phone.name}", str(phone.contact.uri), "sent") for phone in (one, two, desk)
        }
    found = await crm.ask("GET", f"/messages/{sent.body['id']}")
    assert found.body == sent.body
    assert (found.body["status"], found.body["user"], found.body["key"]) == ("sent", ADA, "test")


@pytest.mark.parametrize("text", ODD, ids=["letters of the world", "lines", "syntax", "4096 bytes"])
async def test_a_text_arrives_as_it_was_written(rig: Rig, crm: Program, text: str) -> None:
    async with rig.user("bob") as bob:
        sent = await crm.ask("POST", "/messages", {"to": "102", "text": text})
        assert sent.status == ACCEPTED, sent.body
        assert (await bob.next_message()).body.decode() == text
    assert (await crm.ask("GET", f"/messages/{sent.body['id']}")).body["text"] == text


@pytest.mark.parametrize("answer", [(486, "Busy Here"), (404, "Not Found"), None], ids=["busy", "unknown", "silent"])
async def test_what_a_phone_answers_changes_nothing(rig: Rig, crm: Program, answer: tuple[int, str] | None) -> None:
    async with rig.user("bob") as bob:
        bob.message_answer = answer
        sent = await crm.ask("POST", "/messages", {"to": "77", "text": "hello"})
        await bob.next_message()
    assert (sent.status, sent.body["status"]) == (ACCEPTED, "sent")
    assert (await crm.ask("GET", f"/messages/{sent.body['id']}")).body["status"] == "sent"


async def test_a_user_without_a_registered_phone_gets_nothing_which_is_told_and_on_record(crm: Program) -> None:
    refused = await crm.ask("POST", "/messages", {"to": "77", "text": "nobody is there"})
    assert (refused.status, refused.body["code"]) == (409, "not_registered")
    listed = await crm.ask("GET", "/messages?user=102&direction=outbound&limit=1")
    (failed,) = listed.body["items"]
    assert (failed["status"], failed["reason"], failed["text"]) == ("failed", "not_registered", "nobody is there")


async def test_a_message_of_a_phone_is_on_record_as_its_users(rig: Rig, crm: Program) -> None:
    async with rig.user("ada-desk") as desk:
        await heard(rig, crm, desk)
        assert await desk.send_message("crm", "first\r\nsecond ü\x1b[31m") == ACCEPTED
        (message,) = await received(crm, 1, to="crm", endpoint="PJSIP/ada-desk")
    told = (message["user"], message["endpoint"], message["text"], message["status"])
    assert told == (ADA, "PJSIP/ada-desk", "first\nsecond ü[31m", "received")
    assert message["from"] == f"sip:ada-desk@{rig.asterisk.address}"


async def test_webhooks_tell_of_messages_in_the_shape_of_the_api(rig: Rig, crm: Program) -> None:
    async with rig.user("bob") as bob, subscribed(rig, "--type", "message.*") as receiver:
        await heard(rig, crm, bob)
        sent = await crm.ask("POST", "/messages", {"to": "102", "text": "Where are you?"})
        assert await receiver.of("message.sent") == {"message": sent.body}
        await bob.next_message()
        assert await bob.send_message("agi-router", "On my way.") == ACCEPTED
        told = await receiver.until(lambda body: body["data"]["message"]["text"] == "On my way.")
        assert (told["type"], told["data"]["message"]["user"]) == ("message.received", "77")
        (answer,) = await received(crm, 1, text="On my way.")
        assert told["data"] == {"message": answer}
        await crm.ask("POST", "/messages", {"to": ADA, "text": "Is anybody there?"})
        failed = await receiver.of("message.failed")
        assert (failed["message"]["user"], failed["message"]["reason"]) == (ADA, "not_registered")


async def test_a_message_to_an_extension_or_number_is_no_call(rig: Rig, crm: Program) -> None:
    async with rig.user("bob") as bob:
        await heard(rig, crm, bob)
        assert await bob.send_message("101", "are you there?") == ACCEPTED
        (message,) = await received(crm, 1, to="101")
    assert message["user"] == "77"
    assert await rig.carrier.send_message("+14155550100", "hi", sender=_address("+14155550177")) == ACCEPTED
    (message,) = await received(crm, 1, to="+14155550100", text="hi")
    assert (message["user"], message["endpoint"]) == ("", "PJSIP/carrier")
    assert message["from"] == "sip:+14155550177@carrier.example"
    assert await rig.router.records() == []


@pytest.mark.parametrize("guarded", [True, False], ids=["our dialplan", "a dialplan without a guard"])
async def test_a_message_that_the_dialplan_takes_for_a_call_rings_nobody_and_holds_up_no_other(guarded: bool) -> None:
    def without_context(etc: Path, _: Layout) -> None:
        samples = etc / "agi-router" / "pjsip.conf", etc / "agi-router" / "agi-router.conf"
        for path in samples if not guarded else samples[:1]:
            lines = path.read_text().splitlines(keepends=True)
            kept = [line for line in lines if not line.startswith("message_context")]
            path.write_text("".join(kept).replace('= "Message"', '= "nothing"' if not guarded else '= "Message"'))

    async with running(with_web(), configure=without_context) as rig, program(rig) as crm:
        async with rig.user("bob") as bob, rig.user("ada") as ada:
            await heard(rig, crm, bob)
            for number in range(3):
                assert await bob.send_message("101", f"text {number}") == ACCEPTED
            assert [each["text"] for each in await received(crm, 3, to="101")] == ["text 2", "text 1", "text 0"]
            assert ada.received == []
        await rig.router.until(lambda status: status["live_calls"] == status["watched_channels"] == 0)
        assert await rig.router.records() == []


async def test_a_phone_cannot_write_in_the_name_of_another(rig: Rig, crm: Program) -> None:
    async with rig.user("ada") as ada:
        await heard(rig, crm, ada)
        assert await ada.send_message("crm", "I am Bob", sender=_address("bob")) == 401
        claims = Address.parse(f'"Bob" <sip:ada@{rig.asterisk.address}>')
        assert await ada.send_message("crm", "I am Bob, too", sender=claims) == ACCEPTED
        (message,) = await received(crm, 1, text="I am Bob, too")
    assert (message["user"], message["endpoint"]) == (ADA, "PJSIP/ada")
    assert "Bob" not in message["from"]


async def test_a_text_that_asterisk_does_not_hand_over_is_told_as_lost(rig: Rig, crm: Program) -> None:
    async with rig.user("ada") as ada:
        await heard(rig, crm, ada)
        assert await ada.send_message("long", "x" * 1023) == ACCEPTED
        assert await ada.send_message("long", "x" * 1024) == ACCEPTED
        lost, whole = await received(crm, 2, to="long")
    assert (whole["text"], whole["reason"]) == ("x" * 1023, "")
    assert (lost["text"], lost["reason"], lost["status"]) == ("", "text_lost", "received")


async def test_sipp_sends_a_message_that_is_on_record(rig: Rig, crm: Program) -> None:
    async with rig.user("ada") as ada:
        await heard(rig, crm, ada)
    async with Sipp.texter(rig.asterisk.layout, "+14155550100", texts=3) as sipp:
        result = await sipp.result()
    assert (result.successful, result.failed) == (3, 0), result.errors
    messages = await received(crm, 3, endpoint="PJSIP/carrier", text='Hello from sipp; "quoted"\nsecond line')
    assert {message["from"] for message in messages} == {f"sip:+14155550177@{rig.asterisk.layout.carrier}"}


async def test_a_flood_is_cut_off_and_others_are_heard(rig: Rig, crm: Program) -> None:
    async with rig.user("carol") as carol, rig.user("bob") as bob:
        await heard(rig, crm, bob)
        for number in range(70):
            assert await carol.send_message("flood", str(number)) == ACCEPTED
        assert await bob.send_message("after the flood", "hello") == ACCEPTED
        await received(crm, 1, endpoint="PJSIP/bob", text="hello")
        assert len(await received(crm, 60, to="flood")) == 60


async def test_after_asterisk_comes_back_messages_are_heard_again(rig: Rig, crm: Program) -> None:
    await rig.asterisk.stop()
    await rig.router.until(lambda status: not status["asterisk_connected"])
    refused = await crm.ask("POST", "/messages", {"to": "77", "text": "hello"})
    assert (refused.status, refused.body["code"]) == (503, "asterisk_unreachable")
    assert "doctor" in refused.body["remedy"]
    await rig.asterisk.start()
    await rig.router.until(lambda status: status["asterisk_connected"])
    async with rig.user("ada-mobile") as mobile:
        await heard(rig, crm, mobile)


async def test_phones_are_told_when_no_router_takes_messages(rig: Rig, crm: Program) -> None:
    async with rig.user("ada-mobile") as mobile:
        await heard(rig, crm, mobile)
        assert await rig.router.stop() == 0
        assert await mobile.send_message("crm", "hello") == NOT_FOUND
        await rig.router.start()
        await heard(rig, crm, mobile)
        await rig.router.kill()
        await rig.router.start()
        await heard(rig, crm, mobile)
        assert await rig.router.stop() == 0
        assert await mobile.send_message("crm", "hello") == NOT_FOUND
        await rig.router.start()


def _address(user: str) -> Address:
    return Address.parse(f"<sip:{user}@carrier.example>")


async def test_a_router_that_is_to_hear_no_messages_lets_asterisk_say_so() -> None:
    async with running(with_web()) as rig, program(rig) as crm, rig.user("bob") as bob:
        await heard(rig, crm, bob)
        await rig.router.kill()
        rig.router.config["asterisk"]["messages"] = False
        await rig.router.start()
        async with asyncio.timeout(PATIENCE_S):
            while await bob.send_message("crm", "hello") != NOT_FOUND:
                await asyncio.sleep(0.05)  # a subscription that is left over ends a moment after the connect
        assert (await crm.ask("POST", "/messages", {"to": "102", "text": "hello"})).status == ACCEPTED
        await bob.next_message()
