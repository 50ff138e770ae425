"""The connected CRMs over REST and in the metrics: how their logins stand, and never a secret."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ari_app.access.scopes import Scope
from ari_app.domain.crm import HookError, HookName
from ari_app.domain.crm_login import Login
from sandbox.api import bearer
from sandbox.crm import GenericCrm
from tests.component.web.rig import CONFIG, TOKEN, WebRig, web_rig

SECRET = "token-of-the-crm"


@pytest.fixture
async def crm() -> AsyncIterator[GenericCrm]:
    async with GenericCrm() as crm:
        crm.accept(bearer(SECRET))
        yield crm


@pytest.fixture
async def web(tmp_path: Path, crm: GenericCrm) -> AsyncIterator[WebRig]:
    connected = (
        f'crm: {{office: {{document: generic, properties: {{Base URL: "{crm.url}"}}, users: {{every: never}}}}}}'
    )
    async with web_rig(tmp_path, f"{CONFIG}\n{connected}\n") as rig:
        yield rig


async def metrics(web: WebRig) -> str:
    async with web.http.get(f"{web.url}/metrics", headers={"authorization": f"Bearer {TOKEN}"}) as response:
        return await response.text()


async def test_each_crm_is_told_with_its_form_its_abilities_and_its_login(web: WebRig, crm: GenericCrm) -> None:
    status, told = await web.ask("GET", "/crm")
    assert (status, told["total"]) == (200, 1)
    [office] = told["items"]
    assert (office["name"], office["title"], office["document"]) == ("office", "A plain REST CRM", "generic")
    assert (office["state"], office["missing"]) == ("needed", ["Access token"])
    assert office["remedy"] == "give Access token: agi-router crm login office"
    assert "FindContact" in office["abilities"]["hooks"]
    url, token = office["properties"]
    assert (url["value"], url["is_configured"], url["type"]) == (crm.url, True, "url")
    assert (token["value"], token["is_set"], token["type"]) == (None, False, "password")


async def test_a_login_and_its_refusal_are_seen(web: WebRig, crm: GenericCrm) -> None:
    login = Login(connector="office", properties={"Access token": SECRET}, at=datetime.now(UTC))
    await web.services.crm.log_in(login)
    await web.services.crm["office"].run(HookName.USERS, {}, deadline_s=5)
    _, told = await web.ask("GET", "/crm")
    [office] = told["items"]
    assert (office["state"], office["requests"], office["failure"]) == ("ok", {"Users": {"ok": 1}}, None)
    assert office["answered_at"] is not None
    assert [each["is_set"] for each in office["properties"]] == [True, True]
    assert SECRET not in str(told)
    assert 'agi_router_crm_login{crm="office",state="ok"} 1.0' in await metrics(web)
    crm.refusal = 401
    crm.accept(bearer("another"))
    with pytest.raises(HookError):
        await web.services.crm["office"].run(HookName.USERS, {}, deadline_s=5)
    _, told = await web.ask("GET", "/crm")
    [office] = told["items"]
    assert (office["state"], office["failure"]["code"]) == ("refused", "crm_unauthorised")
    assert office["remedy"] == "log in again: agi-router crm login office"
    scraped = await metrics(web)
    assert 'agi_router_crm_login{crm="office",state="refused"} 1.0' in scraped
    assert 'agi_router_crm_login{crm="office",state="ok"} 0.0' in scraped
    assert 'agi_router_crm_requests_total{crm="office",hook="Users",result="refused"} 1.0' in scraped


async def test_the_crms_are_for_keys_that_may_read_them(web: WebRig) -> None:
    web.scopes.discard(Scope.CRM_READ)
    status, problem = await web.ask("GET", "/crm")
    assert (status, problem["code"]) == (403, "scope_missing")
