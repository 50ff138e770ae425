"""Whether it lives, and whether it takes calls, as probes ask it over HTTP."""

import asyncio

import pytest

from ari_app.domain.link import Link
from ari_app.live import health
from tests.component.web.rig import WebRig


async def probe(web: WebRig, path: str) -> tuple[int, dict[str, object]]:
    async with web.http.get(f"{web.url}{path}") as answer:
        assert answer.content_type == "application/json"
        return answer.status, await answer.json()


async def test_it_lives_without_a_key(web: WebRig) -> None:
    assert await probe(web, "/healthz") == (200, {"status": "alive"})


async def test_a_probe_may_ask_for_the_status_alone(web: WebRig) -> None:
    for path, status in (("/healthz", 200), ("/readyz", 503)):
        web.stop.set()
        async with web.http.head(f"{web.url}{path}") as answer:
            assert (answer.status, await answer.read()) == (status, b"")


async def test_it_takes_calls_when_asterisk_is_connected(web: WebRig) -> None:
    assert await probe(web, "/readyz") == (
        200,
        {
            "ready": True,
            "why": [],
            "stopping": False,
            "ari": {"connected": True, "settled": True},
            "ami": None,
            "database": {"events_pending": 0, "events_lost": 0, "behind": False},
            "open_breakers": 0,
        },
    )


async def test_a_link_that_is_lost_for_a_moment_was_never_gone(web: WebRig) -> None:
    web.ari.lose()
    status, told = await probe(web, "/readyz")
    assert (status, told["ari"]) == (200, {"connected": False, "settled": False})
    web.ari.came_up()
    assert (await probe(web, "/readyz"))[0] == 200


async def test_after_its_grace_it_is_ready_again_only_when_the_calls_were_looked_through(
    web: WebRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "GRACE_S", 0.0)
    web.ari.lose()
    status, told = await probe(web, "/readyz")
    assert (status, told["why"]) == (503, ["Asterisk is not connected"])
    web.ari.came_up()
    status, told = await probe(web, "/readyz")
    assert (status, told["why"]) == (503, ["the calls in Asterisk are being looked through"])
    web.ari.settle()
    assert (await probe(web, "/readyz"))[0] == 200


async def test_a_router_that_stops_is_not_ready_and_lives(web: WebRig) -> None:
    web.stop.set()
    status, told = await probe(web, "/readyz")
    assert (status, told["why"], told["stopping"]) == (503, ["the router stops"], True)
    assert (await probe(web, "/healthz"))[0] == 200


def test_the_grace_counts_from_the_moment_the_link_was_settled_last() -> None:
    now = 0.0
    link = Link(lambda: now)
    assert not link.holds(5)
    link.came_up()
    assert not link.holds(5)  # it never took calls before
    link.settle()
    link.lose()
    now = 4.9
    assert link.holds(5)
    link.came_up()
    link.lose()  # connected for a moment, and not settled: that does not count anew
    now = 5.0
    assert not link.holds(5)
    assert link.connects == 2


async def test_who_asks_often_is_answered_as_often(web: WebRig) -> None:
    assert all(status == 200 for status, _ in await asyncio.gather(*(probe(web, "/readyz") for _ in range(100))))
