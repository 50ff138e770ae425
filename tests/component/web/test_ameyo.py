"""Ameyo's face, by a client that knows its page alone, by the page's own command lines, and in its corners."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from ari_app.access.scopes import Scope
from ari_app.calls.ports import ChannelUp
from ari_app.domain import events as e
from tests.clients import scenarios_ameyo, scenarios_ameyo_live
from tests.clients.ameyo import POLICY, AmeyoClient
from tests.clients.scenario import Basis, Scenario
from tests.clients.verbatim import AMEYO
from tests.component.locking import writing_beside
from tests.component.web.rig import CONFIG, TOKEN, WebRig, web_rig
from tests.component.web.vendor_calls import WORLD, failures
from tests.patience import PATIENCE_S

HOST = "crm.example.com"
HEADERS = {"hash-key": TOKEN, "requesting-host": HOST, "policy-name": POLICY}
DATA: dict[str, Any] = {"userId": "456", "campaignId": "12", "phone": "14155550188"}
REFUSED = {**DATA, "campaignId": "x"}
NOBODY_WORKS_THERE = "Agent: agent is not working in campaign: x"
PATH = "/ameyowebaccess/command"
COMMAND = f"{PATH}?command=clickToDialWithToken"

Answer = tuple[int, dict[str, Any]]


@asynccontextmanager
async def ameyo_rig(folder: Path, face: str = f"{{requesting_hosts: [{HOST}]}}") -> AsyncIterator[WebRig]:
    campaigns = 'campaigns: [{id: "12"}, {id: "13", direction: inbound}]\nroutes:'
    config = CONFIG.replace("routes:", campaigns).replace("web: {", f"web: {{faces: {{ameyo: {face}}}, ")
    async with web_rig(folder, config) as rig:
        yield rig


@pytest.fixture
async def ameyo(tmp_path: Path) -> AsyncIterator[WebRig]:
    async with ameyo_rig(tmp_path) as rig:
        yield rig


async def ask(web: WebRig, path: str = COMMAND, method: str = "POST", **options: Any) -> Answer:
    """The status and the answer, which is JSON whatever was asked."""
    options.setdefault("headers", HEADERS)
    async with web.http.request(method, f"{web.url}{path}", allow_redirects=False, **options) as answer:
        assert answer.content_type == "application/json"
        return answer.status, json.loads(await answer.text())


async def both_answer(web: WebRig) -> None:
    """The agent's phone is picked up, and then the customer's."""
    for _ in range(2):
        async with asyncio.timeout(PATIENCE_S):
            await web.switch.asked["dial"].wait()
        web.switch.asked["dial"].clear()
        web.switch.deliver(ChannelUp(web.switch.dialled[-1]))


async def end_all(web: WebRig) -> None:
    for call in list(web.supervisor.live.values()):
        await web.ask("POST", f"/live/{call.call_id}/hangup")
    web.switch.asked["dial"].clear()


async def test_the_vendors_client_is_told_all_refusals_as_the_page_promises(ameyo: WebRig) -> None:
    async with AmeyoClient(ameyo.url, TOKEN, HOST) as client:
        assert await failures(scenarios_ameyo.scenarios(WORLD), client) == []
    assert ameyo.supervisor.live == {}


def connected() -> list[Scenario[AmeyoClient]]:
    return [each for each in scenarios_ameyo_live.situations(WORLD) if "the customer answers" in each.situation]


async def test_the_vendors_client_connects_in_every_form(ameyo: WebRig) -> None:
    async with AmeyoClient(ameyo.url, TOKEN, HOST) as client:
        for scenario in connected():
            dialling = asyncio.ensure_future(scenario.run(client))
            for _ in range(2 if "twice" in scenario.situation else 1):
                await both_answer(ameyo)
                await end_when_told(ameyo)
            await dialling


async def end_when_told(web: WebRig) -> None:
    (call,) = web.supervisor.live.values()
    await call.answered.wait()
    await asyncio.sleep(0)
    await end_all(web)


async def test_a_call_that_comes_about_while_the_database_is_locked_is_told_so_and_goes_on(
    ameyo: WebRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A FAILURE, or an error, would have the CRM ask again; and a call of which nothing has come is ended."""
    monkeypatch.setattr("ari_app.live.feed.LONGEST_COMMIT_S", 0.1)
    async with writing_beside(ameyo.settings.storage.path):
        dialling = asyncio.ensure_future(ask(ameyo, json=DATA))
        await both_answer(ameyo)
        status, told = await dialling
        assert (status, told.get("result")) == (200, "SUCCESS")
        assert len(ameyo.supervisor.live) == 1
    await end_all(ameyo)


async def test_the_pages_own_lines_are_understood_by_curl(ameyo: WebRig) -> None:
    values = {
        "<Protocol>://<Domain_Name>:<Port_No>": ameyo.url,
        "<Protocol>://<Domain_Name>:<Port_Number>": ameyo.url,
        "<protocol>://<IP_Domain_Name>:<port>": ameyo.url,
        "<access_token>": TOKEN,
        "<requesting-host-API>": HOST,
        "<token-based-authorization-policy>": POLICY,
        "{API_Parameters}": json.dumps(REFUSED, separators=(",", ":")),
        "<Campaign_Id>": "x",
        "<User_Id>": "456",
        "<User_Id_of_Agent>": "456",
        "<Phone_Number_of_Customer>": "14155550188",
        **dict.fromkeys(("<Case_Id>", "<Lead_Id>", "<Contact_Id>"), "1"),
    }
    for line in AMEYO:
        words = [*line.argv(values), "-w", "\n%{http_code}"]
        curl = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE)
        out, _ = await curl.communicate()
        body, _, status = out.decode().rpartition("\n")
        assert int(status) in line.statuses, line.name
        assert re.fullmatch(line.body, body), (line.name, body)
        if line.basis is Basis.PAGE:
            assert json.loads(body)["reason"] == NOBODY_WORKS_THERE, line.name


async def test_a_call_is_placed_for_the_key_with_its_parameters(ameyo: WebRig) -> None:
    params = {"CaseID": "case 17", "LeadID": 18, "vip": True, "ContactID": None}
    dialling = asyncio.create_task(ask(ameyo, json={**DATA, "additionalParams": params}))
    await both_answer(ameyo)
    status, told = await dialling
    (call_id,) = ameyo.supervisor.live
    flow = f"{{node.flow.id=12,metaData={call_id}}}"
    assert (status, told) == (200, {"result": "SUCCESS", "reason": flow})
    asked = next(event for event in await ameyo.feed.happened(call_id) if isinstance(event, e.CallRequested))
    assert (asked.user, asked.number, asked.campaign, asked.key) == ("456", "+14155550188", "12", "a test")
    assert asked.parameters == {
        "AGI_ROUTER_PARAM_CaseID": "case 17",
        "AGI_ROUTER_PARAM_LeadID": "18",
        "AGI_ROUTER_PARAM_vip": "true",
        "AGI_ROUTER_PARAM_ContactID": "",
    }


async def test_what_else_programs_may_send_is_understood(ameyo: WebRig) -> None:
    ways: list[dict[str, Any]] = [
        {"data": json.dumps(REFUSED)},
        {"json": {"command": "clickToDialWithToken", "data": REFUSED}, "path": PATH},
        {"json": {"command": "clickToDialWithToken", "data": json.dumps(REFUSED)}, "path": f"{PATH}/"},
        {"data": {"data": json.dumps(REFUSED)}, "path": f"{PATH}=clickToCallWithToken"},
        {"path": f"{PATH}=clickToCallWithToken?data={json.dumps(REFUSED, separators=(',', ':'))}"},
        {"json": {**REFUSED, "userId": 456, "additionalParams": '{"CaseID": "17"}', "unheard": [1]}},
        {"json": {**REFUSED, "additionalParams": "", "shouldAddCustomer": ""}},
        {"data": "\ufeff" + json.dumps(REFUSED)},
    ]
    told = {"status": "error", "reason": NOBODY_WORKS_THERE, "details": NOBODY_WORKS_THERE}
    for how in ways:
        assert await ask(ameyo, **how) == (200, told), how


async def test_a_form_of_several_parts_is_understood(ameyo: WebRig) -> None:
    parts = '--x\r\nContent-Disposition: form-data; name="data"\r\n\r\n' + json.dumps(REFUSED) + "\r\n--x--\r\n"
    headers = {**HEADERS, "content-type": "multipart/form-data; boundary=x"}
    assert (await ask(ameyo, data=parts, headers=headers))[1]["reason"] == NOBODY_WORKS_THERE


async def test_what_the_page_has_no_words_for_is_told_in_ours(ameyo: WebRig) -> None:
    for change, part in (
        ({"phone": "911"}, "emergency"),
        ({"phone": "55"}, "55"),
        ({"userId": "nobody"}, "nobody"),
        ({"additionalParams": {"CALLERID(num)": "1"}}, "CALLERID(num)"),
        ({"additionalParams": {"1": "a digit comes first"}}, "1"),
    ):
        status, told = await ask(ameyo, json={**DATA, **change})
        assert (status, told["status"]) == (200, "error")
        assert part in told["reason"]
        assert told["details"].startswith(told["reason"] + "; "), "what to do about it"
    ameyo.switch.is_connected = False
    assert (await ask(ameyo, json=DATA))[1]["status"] == "error"


async def test_a_call_that_comes_to_nothing_in_time_is_ended(ameyo: WebRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ari_app.web.faces.ameyo.face.LONGEST_S", 0.05)
    status, told = await ask(ameyo, json=DATA)
    assert (status, told["result"]) == (200, "FAILURE")
    assert told["reason"].endswith('node.flow.error.reason=["Party.did.not.answer","agent"]}')
    await ameyo.call_log.flush()
    (record,) = await ameyo.call_log.recent(10)
    assert record.disposition == "abandoned"
    assert ameyo.supervisor.live == {}


async def test_equals_signs_are_written_as_the_page_has_them(ameyo: WebRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ari_app.web.faces.ameyo.face.LONGEST_S", 0.05)
    async with ameyo.http.post(f"{ameyo.url}{COMMAND}", json=DATA, headers=HEADERS) as answer:
        assert r"node.flow.error.reason\u003d[\"Party.did.not.answer\",\"agent\"]" in await answer.text()


async def test_a_request_that_is_wrong_is_refused_in_their_form(ameyo: WebRig) -> None:
    wrong: list[tuple[str, dict[str, Any], int]] = [
        (COMMAND, {}, 400),
        (COMMAND, {"data": "{"}, 400),
        (COMMAND, {"data": "[1]"}, 400),
        (COMMAND, {"data": "[" * 100_000}, 400),
        (COMMAND, {"data": b"{\xff}"}, 400),
        (COMMAND, {"json": {**DATA, "phone": ""}}, 400),
        (COMMAND, {"json": {**DATA, "phone": " \t"}}, 400),
        (COMMAND, {"json": {**DATA, "phone": "\ud800"}}, 400),
        (COMMAND, {"json": {**DATA, "additionalParams": {"\ud800": "1"}}}, 400),
        (COMMAND, {"json": {**DATA, "additionalParams": {"a": "\ud800"}}}, 400),
        (COMMAND, {"json": {**DATA, "additionalParams": {"a": {"b": "c"}}}}, 400),
        (COMMAND, {"json": {**DATA, "additionalParams": {f"p{number}": "1" for number in range(65)}}}, 400),
        (COMMAND, {"data": "x", "headers": {**HEADERS, "content-type": "multipart/form-data"}}, 400),
        (COMMAND, {"data": "x", "headers": {**HEADERS, "content-type": "text/json; charset=hex"}}, 400),
        (COMMAND, {"data": "x", "headers": {**HEADERS, "content-type": "text/json; charset=zz"}}, 400),
        (COMMAND, {"data": "x", "headers": {**HEADERS, "content-type": "text/json; charset*=%00''x"}}, 400),
        (COMMAND, {"json": {**DATA, "campaignId": 10**4000}}, 400),
        (COMMAND, {"data": "&" * 100}, 400),
        (COMMAND, {"data": BytesIO(b"x" * 2_000_000)}, 413),
        (f"{PATH}?command=logout", {"json": DATA}, 400),
        (PATH, {"json": DATA}, 400),
        (f"{PATH}=", {}, 400),
        (f"{PATH}=clickToDialWithToken&data=%ff", {}, 400),
        (COMMAND, {"method": "PUT"}, 405),
        ("/ameyowebaccess/else", {}, 404),
    ]
    for path, options, status in wrong:
        got, told = await ask(ameyo, path, **options)
        assert (got, sorted(told), told["status"]) == (status, ["details", "reason", "status"], "error"), (
            path,
            options,
        )
    assert ameyo.supervisor.live == {}


async def test_a_mistake_is_told_by_the_name_of_its_field(ameyo: WebRig) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({}, "data is missing"),
        ({"data": {f"f{number}": "1" for number in range(21)}}, "there are more than 20 fields"),
        ({"json": [1]}, "data: is no JSON object"),
        ({"json": {"userId": "456", "campaignId": "12"}}, "phone: is missing"),
        ({"json": {**DATA, "phone": True}}, "phone: Input should be a valid string"),
        ({"json": {**DATA, "additionalParams": "{"}}, "additionalParams: is no JSON object"),
        (
            {"json": {**DATA, "additionalParams": {"CaseID": [1]}}},
            "additionalParams.CaseID: Input should be a valid string",
        ),
    ]
    for options, reason in wrong:
        status, told = await ask(ameyo, **options)
        assert (status, told["reason"]) == (400, reason)


async def test_an_answer_has_the_charset_that_the_request_names(ameyo: WebRig) -> None:
    for charset in ("utf-8", "ISO-8859-1", "utf-16"):
        body = json.dumps({**REFUSED, "campaignId": "Köln"}, ensure_ascii=False).encode(charset)
        headers = {**HEADERS, "content-type": f"application/json; charset={charset}"}
        async with ameyo.http.post(f"{ameyo.url}{COMMAND}", data=body, headers=headers) as answer:
            assert answer.charset == charset.lower()
            assert json.loads((await answer.read()).decode(charset))["reason"].endswith("campaign: Köln")


async def test_only_a_key_of_this_face_in_its_header_is_let_in(ameyo: WebRig) -> None:
    others = {name: value for name, value in HEADERS.items() if name != "hash-key"}
    for shown in ({}, {"hash-key": TOKEN[:-1]}, {"authorization": f"Bearer {TOKEN}"}):
        status, told = await ask(ameyo, json=DATA, headers={**others, **shown})
        assert (status, told["reason"]) == (401, "Not authorised")
    ameyo.scopes.discard(Scope.FACE_AMEYO)
    assert (await ask(ameyo, json=DATA))[0] == 401
    assert ameyo.supervisor.live == {}


async def test_the_other_headers_are_as_configured(tmp_path: Path) -> None:
    async with ameyo_rig(tmp_path, "{policy_name: ours}") as web:
        for policy, host, status in (("ours", "any.example", 200), (POLICY, HOST, 401), ("ours", "", 401)):
            headers = {"hash-key": TOKEN, "policy-name": policy, "requesting-host": host}
            assert (await ask(web, json=REFUSED, headers=headers))[0] == status


async def test_the_log_of_requests_has_no_data_of_a_command_in_the_path(ameyo: WebRig) -> None:
    with capture_logs() as lines:
        await ask(ameyo, f"{PATH}=clickToDialWithToken&data={json.dumps(REFUSED, separators=(',', ':'))}")
    (line,) = [line for line in lines if line["event"] == "request"]
    assert line["path"] == PATH
    assert "14155550188" not in str(lines)


async def test_a_face_that_is_not_configured_is_not_there(web: WebRig) -> None:
    async with web.http.post(f"{web.url}{COMMAND}", json=DATA, headers=HEADERS) as answer:
        assert (answer.status, (await answer.json(content_type=None))["code"]) == (404, "not_found")
