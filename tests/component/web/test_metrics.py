"""GET /metrics: what is told of calls, and to whom."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ari_app.access.scopes import Scope
from ari_app.domain import events as e
from ari_app.live.webhook_forms import NewForm
from tests.component.web.rig import CONFIG, TOKEN, WebRig, web_rig

ROOT = Path(__file__).parents[3]
NAME = re.compile(r"\bagi_router_[a-z_]+")
START = datetime(2026, 11, 21, 1, 22, tzinfo=UTC)
KEY = {"authorization": f"Bearer {TOKEN}"}


@pytest.fixture
async def open_web(tmp_path: Path) -> AsyncIterator[WebRig]:
    async with web_rig(tmp_path, CONFIG.replace("web: {", "web: {metrics: open, ")) as rig:
        yield rig


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def arrived(route: str = "sales") -> e.CallArrived:
    return e.CallArrived(
        at=at(0),
        route=route,
        called_number="+14155550100",
        caller_number="+14155550199",
        caller_name="Grace",
        caller_withheld=False,
        channel_id="1.1",
    )


ANSWERED: tuple[e.CallEvent, ...] = (
    arrived(),
    e.RequestSent(at=at(0.01), method="GET", url="https://api.example.com/who?n=…"),
    e.AnswerReceived(at=at(0.11), status=200, body="456", elapsed_ms=100),
    e.DestinationFound(at=at(0.11), value="456", destination_type="user", destination="456"),
    e.LegDialled(at=at(0.12), leg="leg-1", endpoint="PJSIP/ada", contact="sip:ada@192.0.2.7"),
    e.LegDialled(at=at(0.4), leg="leg-2", endpoint="PJSIP/ada-desk", contact="sip:ada@192.0.2.8"),
    e.LegRinging(at=at(0.3), leg="leg-1"),
    e.LegAnswered(at=at(5), leg="leg-1"),
    e.CallAnswered(at=at(5), leg="leg-1"),
    e.LegEnded(at=at(5.1), leg="leg-2", outcome="answered_elsewhere", cause=26),
    e.LegEnded(at=at(60), leg="leg-1", outcome="answered", cause=16),
    e.CallEnded(at=at(60), by="caller", cause=16),
)


async def scrape(web: WebRig, **headers: str) -> dict[str, float]:
    async with web.http.get(f"{web.url}/metrics", headers=headers or KEY) as answer:
        assert answer.status == 200, await answer.text()
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        text = await answer.text()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {
        sample.name + "".join(f" {name}={value}" for name, value in sorted(sample.labels.items())): sample.value
        for sample in samples
    }


def tell(web: WebRig, call_id: str, *events: e.CallEvent) -> None:
    for event in events:
        web.feed.write(call_id, event)


async def test_a_call_is_counted_with_its_times(web: WebRig) -> None:
    tell(web, "one", *ANSWERED)
    told = await scrape(web)
    inbound = " direction=inbound"
    assert told[f"agi_router_calls_started_total{inbound}"] == 1
    assert told[f"agi_router_calls_ended_total{inbound} disposition=answered"] == 1
    assert told[f"agi_router_post_dial_dial_seconds_sum{inbound}"] == pytest.approx(0.12)
    assert told[f"agi_router_post_dial_dial_seconds_count{inbound}"] == 1
    assert told[f"agi_router_post_dial_ringing_seconds_sum{inbound}"] == pytest.approx(0.3)
    assert told["agi_router_legs_ended_total outcome=answered"] == 1
    assert told["agi_router_legs_ended_total outcome=answered_elsewhere"] == 1
    upstream = " upstream=https://api.example.com"
    assert told[f"agi_router_lookups_total outcome=found{upstream}"] == 1
    assert told[f"agi_router_lookup_duration_seconds_sum{upstream}"] == pytest.approx(0.1)


async def test_a_lookup_that_fails_is_counted_by_its_reason(web: WebRig) -> None:
    failed = e.LookupFailed(at=at(3.01), code="api_timeout", message="", remedy="")
    tell(web, "one", arrived(), ANSWERED[1], failed, e.CallEnded(at=at(4), by="caller", cause=16))
    told = await scrape(web)
    upstream = " upstream=https://api.example.com"
    assert told[f"agi_router_lookups_total outcome=api_timeout{upstream}"] == 1
    assert told[f"agi_router_lookup_duration_seconds_sum{upstream}"] == pytest.approx(3)
    assert told["agi_router_calls_ended_total direction=inbound disposition=abandoned"] == 1


async def test_a_call_whose_arrival_was_not_seen_is_counted_by_its_legs_alone(web: WebRig) -> None:
    tell(web, "one", *ANSWERED[-2:])
    told = await scrape(web)
    assert told["agi_router_legs_ended_total outcome=answered"] == 1
    assert not any(name.startswith("agi_router_calls_ended_total") for name in told)


async def test_nothing_that_a_caller_gives_becomes_a_label(web: WebRig) -> None:
    tell(web, "call-1", arrived("made-up-by-a-caller"), *ANSWERED[1:])
    async with web.http.get(f"{web.url}/who-is-{'x' * 20}?token=secret") as answer:
        assert answer.status == 404
    async with web.http.request("BREW", f"{web.url}/coffee") as answer:
        assert answer.status == 404
    told = await scrape(web)
    text = "\n".join(told)
    for given in ("made-up", "4155550", "Grace", "who-is", "BREW", "secret", "call-1"):
        assert given not in text
    assert told["agi_router_web_requests_total method=other route= status=404"] == 2


async def test_the_state_of_the_router_is_told_as_it_is_now(web: WebRig) -> None:
    web.upstreams.configure(["https://api.example.com"], {})
    told = await scrape(web)
    assert (told["agi_router_ready"], told["agi_router_live_calls"], told["agi_router_calls_in_setup"]) == (1, 0, 0)
    assert (told["agi_router_link_up link=ari"], told["agi_router_link_connects_total link=ari"]) == (1, 1)
    assert "agi_router_link_up link=ami" not in told
    assert told["agi_router_upstream_breaker state=closed upstream=https://api.example.com"] == 1
    assert told["agi_router_upstream_breaker state=open upstream=https://api.example.com"] == 0
    assert told["agi_router_web_connections"] == 1
    assert "process_resident_memory_bytes" in told
    web.ari.lose()
    assert (await scrape(web))["agi_router_link_up link=ari"] == 0


async def test_what_waits_for_webhooks_is_told_by_their_names(web: WebRig) -> None:
    await web.services.webhooks.create(NewForm(name="crm", url="https://crm.example.com/hooks"))
    before = await scrape(web)
    await web.services.webhooks.test("crm")
    after = await scrape(web)
    assert before["agi_router_webhook_pending webhook=crm"] == 0
    assert before["agi_router_webhook_oldest_seconds webhook=crm"] == 0
    assert after["agi_router_webhook_pending webhook=crm"] == 1
    assert 0 < after["agi_router_webhook_oldest_seconds webhook=crm"] < 60


async def test_requests_are_counted_by_the_template_of_their_path(web: WebRig) -> None:
    await web.ask("GET", "/live")
    await web.ask("GET", "/users/nobody")
    told = await scrape(web)
    assert told["agi_router_web_requests_total method=GET route=/api/v1/live status=200"] == 1
    assert told["agi_router_web_requests_total method=GET route=/api/v1/users/{user_id} status=404"] == 1


async def test_methods_that_strangers_invent_are_counted_as_one(web: WebRig) -> None:
    for number in range(3):
        for path in ("/healthz", "/api/v1/live", "/nothing"):
            async with web.http.request(f"INVENTED{number}", f"{web.url}{path}") as answer:
                assert answer.status in {404, 405}
    told = await scrape(web)
    assert not [name for name in told if "INVENTED" in name]
    assert told["agi_router_web_requests_total method=other route=/healthz status=405"] == 3


async def test_metrics_need_their_scope(web: WebRig) -> None:
    async with web.http.get(f"{web.url}/metrics") as answer:
        assert answer.status == 401
    web.scopes.discard(Scope.METRICS_READ)
    async with web.http.get(f"{web.url}/metrics", headers=KEY) as answer:
        assert answer.status == 403


async def test_open_metrics_are_for_programs_of_this_host_alone(open_web: WebRig) -> None:
    assert (await scrape(open_web, accept="text/plain"))["agi_router_ready"] == 1
    for name in ("x-forwarded-for", "forwarded", "via", "x-real-ip"):
        async with open_web.http.get(f"{open_web.url}/metrics", headers={name: "203.0.113.7"}) as answer:
            assert answer.status == 401


async def test_of_a_proxy_that_is_trusted_open_metrics_take_the_word(tmp_path: Path) -> None:
    config = CONFIG.replace("web: {", "web: {metrics: open, trusted_proxies: [127.0.0.1], ")
    async with web_rig(tmp_path, config) as web:
        told = {"127.0.0.1": 200, "127.0.0.1, 203.0.113.7": 401, "203.0.113.7, 127.0.0.1": 401, "x": 401, "": 401}
        for forwarded_for, status in told.items():
            headers = {"x-forwarded-for": forwarded_for, "via": "1.1 nginx"}
            async with web.http.get(f"{web.url}/metrics", headers=headers) as answer:
                assert answer.status == status, forwarded_for
        async with web.http.get(f"{web.url}/metrics") as answer:
            assert answer.status == 401, "nobody knows whose it is"


async def test_what_cannot_be_counted_does_not_disturb_a_call(web: WebRig) -> None:
    broken = e.RequestSent(at=at(1), method="GET", url="https://[broken")
    tell(web, "one", arrived(), broken, e.CallEnded(at=at(2), by="caller", cause=16))
    await web.call_log.flush()
    assert len(await web.call_log.history("one")) == 3
    assert (await scrape(web))["agi_router_ready"] == 1


async def test_each_metric_of_the_dashboard_and_of_the_docs_is_told(web: WebRig) -> None:
    web.upstreams.configure(["https://api.example.com"], {})
    tell(web, "call-1", *ANSWERED)
    await scrape(web)  # which is a request of its own, counted in the next
    async with web.http.get(f"{web.url}/metrics", headers=KEY) as answer:
        text = await answer.text()
    told = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE ")}
    for document in (ROOT / "examples/grafana/agi-router.json", ROOT / "docs/monitoring.md"):
        named = {name.removesuffix("_bucket") for name in NAME.findall(document.read_text())}
        assert named
        assert not named - told, document
