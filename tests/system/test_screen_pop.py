"""What an answer brings besides the destination, on a real Asterisk: seen by phones, hidden from carriers."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from ari_app.domain import events as e
from sandbox import Answer, Phone
from sandbox.phone.incoming import IncomingCall
from sandbox.router import Config
from tests.system.rig import ADA, ANSWER, CALLER, Rig, origin, running

# One Asterisk and one router serve the calls of the whole file, one after the other.
pytestmark = pytest.mark.asyncio(loop_scope="module")

OUTSIDE = "+14155550123"
CONTACT = {"name": "Zoë Ω", "id": 4711, "url": "https://crm.example.com/c/4711?tab=calls&x=1;2"}


def with_a_screen_pop(config: Config) -> None:
    """Users `carrier` and `office` are each a number outside, the one by a carrier, the other by a trusted trunk."""
    api = origin(config)
    config["routes"]["sales"] = {
        "request": {"url": f"{api}{ANSWER}", "deadline_s": 10},
        "response": {
            "type": "user",
            "path": "to",
            "caller_name": "contact.name",
            "ring_timeout": "ring",
            "headers": {"X-Crm-Contact": "contact.id", "X-Crm-Url": "contact.url"},
            "variables": {"CONTACT": "contact.id", "URL": "contact.url"},
        },
        "fallback": [],
    }
    config["trunks"] = [
        {"name": "carrier", "endpoint": "PJSIP/trunk", "caller_id": "caller"},
        {"name": "office", "endpoint": "PJSIP/trunk", "trusted": True},
    ]
    config["directory"]["users"] += [
        {"id": trunk, "devices": [{"external": OUTSIDE, "trunk": trunk}]} for trunk in ("carrier", "office")
    ]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig() -> AsyncIterator[Rig]:
    async with running(with_a_screen_pop) as rig:
        yield rig


def answers(rig: Rig, to: str = ADA, **more: Any) -> None:
    rig.api.answers[ANSWER] = Answer(body={"to": to, "contact": CONTACT, **more})


async def seen_by(rig: Rig, phone: Phone, *, name: str = "", withheld: bool = False) -> IncomingCall:
    """What the phone that rings sees; it is busy."""
    call = await rig.call(caller_name=name, withheld=withheld)
    ringing = await phone.next_call()
    await ringing.reject(486)
    await call.final_status()
    await rig.idle()
    return ringing


async def names(rig: Rig) -> list[str]:
    """The names of Asterisk's channels."""
    listed = await rig.asterisk.cli("core show channels concise")
    return [line.partition("!")[0] for line in listed.splitlines() if line.startswith("PJSIP/")]


async def described(rig: Rig) -> list[e.CallerDescribed]:
    """What went with the last call, by its trace."""
    trace = await rig.router.trace((await rig.router.records())[-1].call_id)
    return [event for event in trace if isinstance(event, e.CallerDescribed)]


async def test_a_phone_shows_the_name_that_the_answer_gives_and_gets_the_headers(rig: Rig) -> None:
    answers(rig)
    async with rig.user("ada") as ada:
        for _ in range(2):  # its contact is not known at first, and remembered then
            seen = await seen_by(rig, ada, name="+1 415 555")
            assert (seen.caller_number, seen.caller_name) == (CALLER, "Zoë Ω")
            assert seen.headers.get("X-Crm-Contact") == "4711"
            assert seen.headers.get("X-Crm-Url") == CONTACT["url"]
    record = (await rig.router.records())[-1]
    assert (record.caller_name, record.caller_number) == ("Zoë Ω", CALLER)


async def test_an_answer_that_brings_nothing_leaves_the_caller_as_he_is(rig: Rig) -> None:
    answers(rig, contact={})
    async with rig.user("ada") as ada:
        seen = await seen_by(rig, ada, name="Grace Hopper")
    assert (seen.caller_number, seen.caller_name) == (CALLER, "Grace Hopper")
    assert b"X-Crm" not in bytes(seen.invite)
    assert await described(rig) == []


async def test_a_carrier_is_told_neither_name_nor_headers(rig: Rig) -> None:
    answers(rig, "carrier")
    async with Phone.provider(rig.asterisk.layout) as provider:
        seen = await seen_by(rig, provider, name="Grace Hopper")
    assert (seen.caller_number, seen.caller_name) == (CALLER, "Grace Hopper")
    invite = bytes(seen.invite).decode()
    assert "X-Crm" not in invite
    assert "4711" not in invite
    assert "Zo" not in invite


async def test_a_trusted_trunk_is_told_both(rig: Rig) -> None:
    answers(rig, "office")
    async with Phone.provider(rig.asterisk.layout) as provider:
        seen = await seen_by(rig, provider)
    assert (seen.caller_number, seen.caller_name) == (CALLER, "Zoë Ω")
    assert seen.headers.get("X-Crm-Contact") == "4711"


async def test_a_withheld_caller_stays_withheld_whatever_the_answer_says(rig: Rig) -> None:
    answers(rig)
    async with rig.user("ada") as ada:
        seen = await seen_by(rig, ada, withheld=True)
    assert seen.caller_number == "anonymous"
    assert "Zo" not in bytes(seen.invite).decode()
    assert seen.headers.get("X-Crm-Contact") == "4711"
    record = (await rig.router.records())[-1]
    assert (record.caller_withheld, record.caller_name) == (True, "")


async def test_values_that_would_break_out_are_harmless(rig: Rig) -> None:
    evil = 'a\r\nX-Evil: 1\r\n\r\n"<sip:x>${SHELL(id)}\0'
    answers(rig, contact={"name": evil, "id": evil})
    async with rig.user("ada") as ada:
        seen = await seen_by(rig, ada)
    harmless = 'a X-Evil: 1 "<sip:x>${SHELL(id)}'
    assert seen.headers.get("X-Crm-Contact") == harmless
    assert seen.headers.get("X-Evil") is None
    assert seen.caller_number == CALLER


async def test_caller_and_leg_have_the_variables_and_the_dialplan_reads_them(rig: Rig) -> None:
    answers(rig, ring=86400)
    line = "Verbose(2,operator:${AGI_ROUTER_CRM_CONTACT}:${AGI_ROUTER_CRM_URL})"
    await rig.asterisk.cli(f"dialplan add extension s,1,{line} into agi-router-fallback replace")
    async with rig.user("ada") as ada:
        call = await rig.call()
        ringing = await ada.next_call()
        channels = await names(rig)
        assert len(channels) == 2
        for channel in channels:
            assert "AGI_ROUTER_CRM_CONTACT=4711" in await rig.asterisk.cli(f"core show channel {channel}")
        await ringing.reject(486)
        await call.final_status()
    await rig.idle()
    await rig.asterisk.cli("dialplan reload")
    await rig.asterisk.until_logged(f"operator:4711:{CONTACT['url']}")
    (told,) = await described(rig)
    assert (told.caller_name, told.ring_s) == ("Zoë Ω", 3600)
    assert told.variables["AGI_ROUTER_CRM_CONTACT"] == "4711"
    assert told.notes == ["ring_timeout: 86400 s became 3600 s"]


async def test_a_phone_that_has_answered_still_shows_the_name(rig: Rig) -> None:
    answers(rig)
    async with rig.user("ada") as ada:
        call = await rig.call(caller_name="Grace Hopper")
        ringing = await ada.next_call()
        await ringing.answer()
        await call.answered()
        assert await call.hears(1000)
        (leg,) = [name for name in await names(rig) if "ada" in name]
        told = await rig.asterisk.cli(f"core show channel {leg}")
        await call.hang_up()
        await rig.idle()
    (shown,) = [
        line.partition(": ")[2] for line in told.splitlines() if line.strip().startswith("Connected Line ID Name")
    ]
    assert shown == "Zoë Ω"
