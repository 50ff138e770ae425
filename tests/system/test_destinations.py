"""Every kind of destination, reached on a real Asterisk, and what comes after one that cannot be reached."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from ari_app.domain import events as e
from ari_app.domain.record import CallRecord, Disposition
from sandbox import Answer, Phone
from sandbox.phone.incoming import IncomingCall
from sandbox.phone.outgoing import OutgoingCall
from sandbox.router import Config
from tests.patience import PATIENCE_S
from tests.system.rig import ANSWER, CALLER, DID, Rig, origin, running

# One Asterisk and one router serve the calls of the whole file, one after the other.
pytestmark = pytest.mark.asyncio(loop_scope="module")

OUTSIDE = "+14155550123"


def with_routes(config: Config) -> None:
    """One route per kind of answer; users 1 to 3 are each a number outside, by a trunk of their own."""
    api = origin(config)

    def route(type_: str, *fallback: dict[str, Any], **more: Any) -> dict[str, Any]:
        request = {"deadline_s": 10} | more.pop("request", {"url": f"{api}{ANSWER}?n={{{{callerNumber}}}}"})
        response = {"type": type_, "path": "to"}
        return {"request": request, "response": response, "fallback": [*fallback], **more}

    to_carol: dict[str, Any] = {"endpoint": "carol"}
    config["routes"] |= {
        "user": route("user", to_carol),
        "endpoint": route("endpoint", to_carol),
        "external": route("external", to_carol),
        "auto": route("auto", to_carol),
        "hangup": route("hangup", to_carol),
        "text": route("user", to_carol, response={"type": "user", "format": "text"}),
        "chain": route(
            "user",
            {"endpoint": "PJSIP/bob", "timeout_s": 6},
            {"external": OUTSIDE, "trunk": "digits"},
            {"hangup": "congestion"},
            ringing={"timeout_s": 5},
        ),
        "impatient": route("user", to_carol, ringing={"timeout_s": 5}),
        "nothing-after": route("user", {"endpoint": "bob"}),
        "json": route(
            "user",
            to_carol,
            request={
                "url": f"{api}{ANSWER}",
                "body": {"filters": [{"property": "phone", "value": "{{callerNumberDigits}}"}], "limit": 1},
            },
        ),
        "form": route(
            "user",
            to_carol,
            request={
                "url": f"{api}{ANSWER}?from=pbx",
                "send": "form",
                "fields": {"caller": "{{callerNumber}}", "called": "{{calledNumber}}"},
            },
        ),
    }
    config["trunks"] += [
        {"name": "transparent", "endpoint": "PJSIP/trunk", "caller_id": "caller"},
        {"name": "digits", "endpoint": "PJSIP/trunk", "number_format": "digits", "caller_id": DID},
        {"name": "national", "endpoint": "PJSIP/trunk", "number_format": "national", "caller_id": DID},
        {"name": "dead", "endpoint": "PJSIP/trunk-dead"},
    ]
    config["directory"]["users"] += [
        {"id": name, "devices": [{"external": OUTSIDE, "trunk": name}]}
        for name in ("main", "transparent", "digits", "national", "dead")
    ]
    config["policy"]["regions"] += ["UA"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig() -> AsyncIterator[Rig]:
    async with running(with_routes) as rig:
        yield rig


async def call(rig: Rig, route: str, value: object) -> OutgoingCall:
    """A customer calls, and the API of this route names `value`."""
    rig.api.answers[ANSWER] = Answer(body={"to": value})
    await rig.asterisk.cli(f"dialplan set global AGI_ROUTER_ROUTE {route}")
    return await rig.call()


async def speak(rig: Rig, caller: OutgoingCall, ringing: IncomingCall) -> CallRecord:
    """The phone that rings is answered, both are heard, and the call ends well."""
    await ringing.answer()
    await caller.answered()
    assert all(await asyncio.gather(caller.hears(1000, 0.2), ringing.hears(500, 0.2)))
    await caller.hang_up()
    assert (await ringing.ended()).how == "bye"
    await rig.idle()
    record = await rig.newest()
    assert (record.disposition, record.error_code) == (Disposition.ANSWERED, "")
    return record


def provider(rig: Rig) -> Phone:
    return Phone.provider(rig.asterisk.layout, tone_hz=1000)


@pytest.mark.parametrize(
    ("route", "value", "destination"),
    [
        ("user", "456", ("user", "456")),
        ("user", 456, ("user", "456")),
        ("user", "Ada@Example.com", ("user", "456")),
        ("endpoint", "ada", ("endpoint", "ada")),
        ("endpoint", "PJSIP/ada", ("endpoint", "ada")),
        ("auto", "ada", ("endpoint", "ada")),
    ],
)
async def test_a_phone_named_by_the_answer_rings(
    rig: Rig, route: str, value: object, destination: tuple[str, str]
) -> None:
    async with rig.user("ada") as ada:
        caller = await call(rig, route, value)
        record = await speak(rig, caller, await ada.next_call())
        assert (record.destination_type, record.destination) == destination
        assert record.answered_by == "PJSIP/ada"


@pytest.mark.parametrize(
    ("route", "value", "dialled"),
    [
        ("external", OUTSIDE, OUTSIDE),
        ("external", "(415) 555-0123", OUTSIDE),
        ("external", "tel:+1-415-555-0123", OUTSIDE),
        ("auto", "14155550123", OUTSIDE),
        ("auto", "3 80501234567", "+380501234567"),
    ],
)
async def test_a_number_outside_is_dialled_by_the_first_trunk_and_shows_its_caller_id(
    rig: Rig, route: str, value: str, dialled: str
) -> None:
    async with provider(rig) as outside:
        caller = await call(rig, route, value)
        ringing = await outside.next_call()
        assert ringing.called_number == dialled
        assert ringing.caller_number == DID
        assert CALLER not in str(ringing.invite)
        record = await speak(rig, caller, ringing)
        assert (record.destination_type, record.destination) == ("external", dialled)
        assert (record.answered_by, record.legs[0].contact) == ("PJSIP/trunk", f"PJSIP/{dialled}@trunk")


@pytest.mark.parametrize(
    ("trunk", "dialled", "shown"),
    [
        ("transparent", OUTSIDE, CALLER),
        ("digits", "14155550123", "14155550100"),
        ("national", "4155550123", "4155550100"),
    ],
)
async def test_each_trunk_is_given_numbers_as_it_wants_them(rig: Rig, trunk: str, dialled: str, shown: str) -> None:
    async with provider(rig) as outside:
        caller = await call(rig, "user", trunk)
        ringing = await outside.next_call()
        assert (ringing.called_number, ringing.caller_number) == (dialled, shown)
        await speak(rig, caller, ringing)


async def test_a_trunk_that_rejects_leads_to_the_next_step(rig: Rig) -> None:
    async with provider(rig) as outside, rig.user("carol") as carol:
        caller = await call(rig, "user", "main")
        await (await outside.next_call()).reject(503)
        record = await speak(rig, caller, await carol.next_call())
        assert record.answered_by == "PJSIP/carol"
        assert (record.legs[0].outcome, record.legs[0].cause, record.legs[0].tech_cause) == ("failed", 34, 503)


async def test_a_dead_trunk_leads_to_the_next_step(rig: Rig) -> None:
    async with rig.user("carol") as carol:
        caller = await call(rig, "impatient", "dead")
        record = await speak(rig, caller, await carol.next_call())
        assert record.answered_by == "PJSIP/carol"
        assert (record.legs[0].contact, record.legs[0].outcome) == (f"PJSIP/{OUTSIDE}@trunk-dead", "no_answer")


@pytest.mark.parametrize(
    ("cause", "status", "q850"),
    [
        ("normal", 603, 16),
        ("busy", 486, 17),
        ("no_answer", 480, 19),
        ("congestion", 503, 34),
        ("unallocated", 404, 1),
        ("rejected", 403, 21),
    ],
)
async def test_a_hangup_tells_the_caller_its_cause(rig: Rig, cause: str, status: int, q850: int) -> None:
    async with rig.user("carol") as carol:
        caller = await call(rig, "hangup", cause)
        assert await caller.final_status() == status
        await rig.idle()
        assert carol.received == []
    record = await rig.newest()
    assert (record.disposition, record.ended_by, record.cause) == (Disposition.REJECTED, "router", q850)
    assert (record.destination_type, record.destination, record.legs) == ("hangup", cause, ())


async def test_a_plain_text_answer(rig: Rig) -> None:
    async with rig.user("ada") as ada:
        rig.api.answers[ANSWER] = Answer(body="456\r\n", content_type="text/plain")
        await rig.asterisk.cli("dialplan set global AGI_ROUTER_ROUTE text")
        await speak(rig, await rig.call(), await ada.next_call())


async def test_a_question_asked_by_a_json_document(rig: Rig) -> None:
    async with rig.user("ada") as ada:
        asked = len(rig.api.requests)
        await speak(rig, await call(rig, "json", "456"), await ada.next_call())
    (request,) = rig.api.requests[asked:]
    assert (request.method, request.path, request.headers["Content-Type"]) == ("POST", ANSWER, "application/json")
    assert json.loads(request.body) == {"filters": [{"property": "phone", "value": "14155550177"}], "limit": 1}


async def test_a_question_asked_by_a_form(rig: Rig) -> None:
    async with rig.user("ada") as ada:
        asked = len(rig.api.requests)
        await speak(rig, await call(rig, "form", "456"), await ada.next_call())
    (request,) = rig.api.requests[asked:]
    assert (request.method, request.query) == ("POST", {"from": "pbx"})
    assert set(request.body.split("&")) == {"caller=%2B14155550177", "called=%2B14155550100"}


async def test_each_step_of_a_chain_rings_for_its_own_time(rig: Rig) -> None:
    async with rig.user("ada") as ada, rig.user("bob") as bob, provider(rig) as outside:
        caller = await call(rig, "chain", "456")
        at_ada = await ada.next_call()
        await at_ada.ring()
        await at_ada.cancelled()
        at_bob = await bob.next_call()
        await at_bob.cancelled()
        at_provider = await outside.next_call()
        assert at_provider.called_number == "14155550123"
        await at_provider.reject(486)
        assert await caller.final_status() == 503
        await rig.idle()
    record = await rig.newest()
    assert [(leg.endpoint, leg.outcome) for leg in record.legs] == [
        ("PJSIP/ada", "no_answer"),
        ("PJSIP/bob", "no_answer"),
        ("PJSIP/trunk", "busy"),
    ]
    assert (record.step, record.destination_type, record.destination) == (4, "hangup", "congestion")
    trace = await rig.router.trace(record.call_id)
    begun = {event.step: event.at for event in trace if isinstance(event, e.StepStarted)}
    ended = [event for event in trace if isinstance(event, e.StepEnded)]
    assert [(event.step, event.outcome) for event in ended] == [(1, "no_answer"), (2, "no_answer"), (3, "busy")]
    first_s, second_s, _ = [(event.at - begun[event.step]).total_seconds() for event in ended]
    assert 4.9 < first_s < 10
    assert 5.9 < second_s < 11


async def test_after_the_last_step_the_dialplan_goes_on_and_knows_why(rig: Rig) -> None:
    line = "Verbose(2,operator:${AGI_ROUTER_CALLED}:${STASISSTATUS}:${AGI_ROUTER_RESULT})"
    await rig.asterisk.cli(f"dialplan add extension s,1,{line} into agi-router-fallback replace")
    async with rig.user("ada") as ada:
        caller = await call(rig, "nothing-after", "456")
        await (await ada.next_call()).reject(603)
        assert await caller.final_status() == 480
        await rig.idle()
    record = await rig.newest()
    assert (record.disposition, record.reason) == (Disposition.TO_DIALPLAN, "no step was answered")
    assert [(leg.endpoint, leg.outcome) for leg in record.legs] == [("PJSIP/ada", "declined")]  # bob is not registered
    async with asyncio.timeout(PATIENCE_S):  # Asterisk writes its log a moment later
        while f"operator:{DID}:SUCCESS:no step was answered" not in rig.asterisk.log_path.read_text():
            await asyncio.sleep(0.02)
    await rig.asterisk.cli("dialplan reload")
