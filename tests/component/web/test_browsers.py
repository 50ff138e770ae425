"""What browsers are told: which pages may call the API, and how careful they have to be with its answers."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.component.web.rig import CONFIG, TOKEN, WebRig, web_rig

CRM = "https://crm.example.com"
KEY = {"authorization": f"Bearer {TOKEN}"}


@pytest.fixture
async def called_by_crm(tmp_path: Path) -> AsyncIterator[WebRig]:
    async with web_rig(tmp_path, CONFIG.replace("web: {", f'web: {{cors: {{origins: ["{CRM}"]}}, ')) as rig:
        yield rig


def preflight(origin: str, method: str = "POST") -> dict[str, str]:
    return {
        "origin": origin,
        "access-control-request-method": method,
        "access-control-request-headers": "authorization,content-type,idempotency-key,last-event-id,x-api-key",
    }


async def test_a_page_of_the_crm_may_ask_and_read_the_answer(called_by_crm: WebRig) -> None:
    web = called_by_crm
    async with web.http.options(f"{web.url}/api/v1/live", headers=preflight(CRM)) as answer:
        assert answer.status == 200
        assert answer.headers["access-control-allow-origin"] == CRM
        assert "access-control-allow-credentials" not in answer.headers
    async with web.http.get(f"{web.url}/api/v1/live", headers={"origin": CRM, **KEY}) as answer:
        assert answer.status == 200
        assert answer.headers["access-control-allow-origin"] == CRM
        exposed = answer.headers["access-control-expose-headers"].split(", ")
        assert {"Location", "Retry-After", "Idempotency-Replayed"} <= set(exposed)
        assert "Origin" in answer.headers["vary"]


async def test_errors_can_be_read_by_the_page_as_well(called_by_crm: WebRig) -> None:
    web = called_by_crm
    async with web.http.get(f"{web.url}/api/v1/live", headers={"origin": CRM}) as answer:
        assert (answer.status, answer.headers["access-control-allow-origin"]) == (401, CRM)


@pytest.mark.parametrize(
    "origin", ["https://evil.example.com", "null", f"{CRM}.evil.example.com", "http://crm.example.com"]
)
async def test_another_page_may_not(called_by_crm: WebRig, origin: str) -> None:
    web = called_by_crm
    async with web.http.options(f"{web.url}/api/v1/live", headers=preflight(origin)) as answer:
        assert answer.status == 400
        assert "access-control-allow-origin" not in answer.headers
    async with web.http.get(f"{web.url}/api/v1/live", headers={"origin": origin, **KEY}) as answer:
        assert "access-control-allow-origin" not in answer.headers


async def test_without_origins_no_page_may(web: WebRig) -> None:
    async with web.http.get(f"{web.url}/api/v1/live", headers={"origin": CRM, **KEY}) as answer:
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]


async def test_answers_are_kept_by_nobody_and_are_what_they_say(web: WebRig) -> None:
    async with web.http.get(f"{web.url}/api/v1/live", headers=KEY) as answer:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert "server" not in answer.headers


async def test_the_page_of_docs_may_load_from_the_router_alone(web: WebRig) -> None:
    async with web.http.get(f"{web.url}/docs") as answer:
        policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "connect-src 'self'" in policy
    assert "http" not in policy


async def test_the_log_tells_what_was_changed_by_whom_without_queries(
    web: WebRig, capfd: pytest.CaptureFixture[str]
) -> None:
    async with web.http.get(f"{web.url}/api/v1/live?token=secret", headers=KEY):
        pass
    log = "".join(capfd.readouterr())
    assert "/api/v1/live" in log
    assert "a test" in log
    assert "secret" not in log
    assert TOKEN not in log
