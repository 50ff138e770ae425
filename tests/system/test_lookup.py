"""Whatever the API does, the caller goes on to the fallback, and the record says why."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from ari_app.domain import events as e
from ari_app.domain.record import CallRecord, Disposition
from sandbox import Answer, Phone
from sandbox.api import calls_of_user
from sandbox.router import Config
from tests.patience import PATIENCE_S
from tests.system.rig import ADA, ANSWER, CALLER, Rig, origin, running

# One Asterisk and one router serve the calls of the whole file, one after the other.
pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET_BY_ROUTE = {"bearer": "bearer-of-secrets", "key": "key-of-secrets", "basic": "password-of-secrets"}
AUTH_BY_ROUTE = {
    "bearer": {"type": "bearer", "token": SECRET_BY_ROUTE["bearer"]},
    "key": {"type": "api_key", "in": "query", "name": "k", "value": SECRET_BY_ROUTE["key"]},
    "basic": {"type": "basic", "username": "router", "password": SECRET_BY_ROUTE["basic"]},
}


def with_routes(config: Config) -> None:
    """Routes named after the type of their answer, which stands at /answer; one per way to authenticate."""
    api = origin(config)
    fallback = config["routes"]["sales"]["fallback"]

    def route(type_: str = "user", **request: Any) -> dict[str, Any]:
        asked = {"url": f"{api}{ANSWER}?n={{{{callerNumber}}}}", **request}
        return {"request": asked, "response": {"type": type_, "path": "calls[0].user.id"}, "fallback": fallback}

    types = ("user", "endpoint", "external", "auto", "hangup")
    config["routes"] |= {type_: route(type_) for type_ in types}
    config["routes"] |= {name: route(auth=auth) for name, auth in AUTH_BY_ROUTE.items()}
    config["routes"]["hasty"] = route(deadline_s=0.2)
    config["routes"]["lan"] = route(url="http://127.0.0.1:9/")
    config["defaults"]["fallback"] = fallback


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig() -> AsyncIterator[Rig]:
    async with running(with_routes) as rig:
        yield rig


@dataclass(frozen=True, slots=True)
class Fallen:
    """A call that nobody but the fallback took."""

    record: CallRecord
    story: tuple[e.CallEvent, ...]

    def of(self, kind: type[e.CallEvent]) -> list[e.CallEvent]:
        return [event for event in self.story if isinstance(event, kind)]


async def fall_back(rig: Rig, route: str, *, reason: str) -> Fallen:
    """A call by this route: only the fallback's phone rings, it declines as busy, and the reason is on record."""
    await rig.asterisk.cli(f"dialplan set global AGI_ROUTER_ROUTE {route}")
    async with (
        rig.user("ada") as ada,
        rig.user("carol") as carol,
        Phone.provider(rig.asterisk.layout) as provider,
    ):
        call = await rig.call()
        await call.progressed(180)
        await (await carol.next_call()).reject(486)
        assert await call.final_status() == 486
        assert (ada.received, provider.received) == ([], [])
    await rig.idle()
    record = (await rig.router.records())[-1]
    fallen = Fallen(record, tuple(await rig.router.trace(record.call_id)))
    assert (record.route, record.caller_number, record.error_code) == (route, CALLER, reason)
    assert (record.disposition, record.ended_by, record.reason) == (Disposition.REJECTED, "router", "hangup")
    assert [(leg.endpoint, leg.outcome, leg.tech_cause) for leg in record.legs] == [("PJSIP/carol", "busy", 486)]
    return fallen


def failure(fallen: Fallen) -> e.LookupFailed:
    (failed,) = fallen.of(e.LookupFailed)
    assert isinstance(failed, e.LookupFailed)
    assert failed.code == fallen.record.error_code
    assert failed.message
    assert failed.remedy
    return failed


def found(value: object) -> Answer:
    return calls_of_user(value)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        pytest.param(Answer(status=500, body="Traceback"), "api_status", id="500"),
        pytest.param(Answer(status=401, body={"error": "who are you"}), "api_status", id="401"),
        pytest.param(Answer(body="<html>Sign in</html>", content_type="text/html"), "api_not_json", id="html"),
        pytest.param(Answer(body="", status=204), "api_not_json", id="no content"),
        pytest.param(Answer(body={"calls": []}), "path_missing", id="path missing"),
        pytest.param(found(""), "value_empty", id="empty"),
        pytest.param(found(None), "value_empty", id="null"),
        pytest.param(found({"id": ADA}), "value_not_scalar", id="object"),
        pytest.param(found("999"), "user_unknown", id="nobody"),
        pytest.param(found(f"{ADA}&PJSIP/other"), "user_unknown", id="dial string"),
        pytest.param(found(f"{ADA}\r\nX-Evil: 1"), "user_unknown", id="line break"),
        pytest.param(Answer(body={"calls": [{"user": {"id": ADA}}], "rest": "x" * 5_000_000}), "api_answer_too_large"),
    ],
)
async def test_an_answer_that_names_no_user_leads_to_the_fallback(rig: Rig, answer: Answer, reason: str) -> None:
    rig.api.answers[ANSWER] = answer
    fallen = await fall_back(rig, "user", reason=reason)
    failure(fallen)
    (received,) = fallen.of(e.AnswerReceived)
    assert isinstance(received, e.AnswerReceived)
    assert received.status == answer.status


@pytest.mark.parametrize(
    ("type_", "value", "reason"),
    [
        ("endpoint", "ada&PJSIP/other", "value_not_endpoint"),
        ("endpoint", "ada\r\nX-Evil: 1", "value_not_endpoint"),
        ("endpoint", "ada\n", "value_not_endpoint"),
        ("endpoint", "Local/911@outbound", "value_not_endpoint"),
        ("endpoint", "ada/sip:911@example.com", "value_not_endpoint"),
        ("auto", "+14155550123&PJSIP/ada", "value_not_endpoint"),
        ("external", "+14155550123\r\nX-Evil: 1", "value_not_number"),
        ("external", "+14155550123@elsewhere", "value_not_number"),
        ("external", "ada", "value_not_number"),
        ("external", "911", "policy_emergency"),
        ("external", "+911", "policy_emergency"),
        ("auto", "9-1-1", "policy_emergency"),
        ("hangup", "slowly", "value_not_cause"),
    ],
)
async def test_a_value_that_is_no_destination_is_never_dialled(rig: Rig, type_: str, value: str, reason: str) -> None:
    rig.api.answers[ANSWER] = found(value)
    failed = failure(await fall_back(rig, type_, reason=reason))
    assert failed.value == value
    assert failed.message.isprintable()


@pytest.mark.parametrize(
    ("type_", "value", "reason"),
    [
        ("external", "+5352345678", "policy_region"),  # Cuba
        ("external", "+881612345678", "policy_region"),  # a satellite
        ("auto", "+442079460958", "policy_region"),
        ("external", "+19002345678", "policy_number_type"),  # premium rate
        ("external", "380123456789", "policy_invalid_number"),
        ("endpoint", "trunk", "endpoint_is_trunk"),
        ("endpoint", "900@trunk", "endpoint_is_trunk"),
    ],
)
async def test_a_destination_that_the_policy_refuses_is_never_dialled(
    rig: Rig, type_: str, value: str, reason: str
) -> None:
    rig.api.answers[ANSWER] = found(value)
    fallen = await fall_back(rig, type_, reason=reason)
    refused, *_ = fallen.of(e.StepEnded)
    assert isinstance(refused, e.StepEnded)
    assert (refused.step, refused.outcome, refused.code) == (1, "refused", reason)
    assert refused.detail
    assert refused.remedy


async def test_an_api_slower_than_its_deadline_is_given_up(rig: Rig) -> None:
    rig.api.answers[ANSWER] = Answer(body=found(ADA).body, delay_s=30)
    fallen = await fall_back(rig, "hasty", reason="api_timeout")
    failed = failure(fallen)
    # The 0.2 s count from the question, which is older than the request that leaves, and younger than the call.
    assert 0.15 <= (failed.at - fallen.story[0].at).total_seconds() < 20  # of 30
    assert fallen.of(e.RequestSent)
    async with asyncio.timeout(PATIENCE_S):
        while rig.api.in_progress[ANSWER]:
            await asyncio.sleep(0.02)  # a server is told of a lost connection, and nobody else


async def test_an_api_that_takes_no_connection(rig: Rig) -> None:
    await rig.api.stop()
    try:
        failure(await fall_back(rig, "user", reason="api_refused"))
    finally:
        await rig.api.start()


async def test_a_redirect_is_not_followed(rig: Rig) -> None:
    rig.api.answers[ANSWER] = Answer(status=302, headers={"Location": "/elsewhere"})
    rig.api.answers["/elsewhere"] = found(ADA)
    failure(await fall_back(rig, "user", reason="api_redirect"))
    assert "/elsewhere" not in {request.path for request in rig.api.requests}


async def test_an_api_at_an_address_that_nobody_allowed_is_not_asked(rig: Rig) -> None:
    assert "allowed_networks" in failure(await fall_back(rig, "lan", reason="network_denied")).remedy


async def test_a_route_that_does_not_exist_goes_to_the_global_fallback(rig: Rig) -> None:
    asked = len(rig.api.requests)
    failed = failure(await fall_back(rig, "uzer", reason="route_unknown"))
    assert 'did you mean "user"?' in failed.remedy
    assert len(rig.api.requests) == asked


@pytest.mark.parametrize("route", AUTH_BY_ROUTE)
async def test_what_the_api_is_told_in_secret_is_written_down_nowhere(rig: Rig, route: str) -> None:
    rig.api.answers[ANSWER] = found("999")
    asked = len(rig.api.requests)
    fallen = await fall_back(rig, route, reason="user_unknown")
    (request,) = rig.api.requests[asked:]
    sent = request.headers.get("Authorization", "").rpartition(" ")[2] or request.query["k"]
    assert sent
    (told,) = fallen.of(e.RequestSent)
    assert "***" in repr(told)
    folder = rig.router.config_path.parent
    for file in set(folder.iterdir()) - {rig.router.config_path}:
        if file.is_file():
            content = file.read_bytes()
            assert not [secret for secret in (sent, SECRET_BY_ROUTE[route]) if secret.encode() in content], file
    assert CALLER not in rig.router.log_path.read_text()
