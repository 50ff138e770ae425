"""Each route's API: reached through the guard and the client of live calls, and asked nothing."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from agi_router.decide import RoutingSettings
from agi_router.lookup.client import LookupClient
from agi_router.lookup.reach import Reached
from agi_router.routing.errors import Failure, RoutingError
from agi_router.routing.route import Request, Route
from ari_app.doctor.check import Check
from ari_app.doctor.finding import Finding, Group, Topic

ROUTE = Topic("route", Group.ROUTES)

SLOW_MS: Final = 300.0
"""Callers of a live call wait this long before the question is even asked; the client gives up at 1000."""
RENEW_BEFORE: Final = timedelta(days=14)

Outcome = Reached | Failure


def route_checks(settings: RoutingSettings) -> list[Check]:
    """One check for all routes: several may ask the same API, which is reached once."""

    async def routes() -> Sequence[Finding]:
        asked = dict(asked for route in settings.routes for asked in _asked(route))
        ca_files = {request.ca_file for request in asked.values()} - {None}
        targets = {_target(request): request for request in asked.values()}
        async with LookupClient(settings.guard, [file for file in ca_files if file is not None]) as client:
            outcomes = await asyncio.gather(*(_reach(client, request) for request in targets.values()))
        by_target = dict(zip(targets, outcomes, strict=True))
        now = datetime.now(UTC)
        return [
            judge_route(name, request.url.origin, by_target[_target(request)], now) for name, request in asked.items()
        ]

    return [Check(ROUTE, routes)]


def judge_route(name: str, origin: str, outcome: Outcome, now: datetime) -> Finding:
    """What the connection, or its failure, means for calls."""
    topic = ROUTE.of(name)
    if isinstance(outcome, Failure):
        return topic.error(f"{name}: {outcome.message} ({outcome.code})", outcome.remedy)
    where = f"[{outcome.address}]" if ":" in outcome.address else outcome.address
    found = f"{name}: {origin} is reached at {where}:{outcome.port} in {outcome.elapsed_ms:.0f} ms"
    if outcome.valid_until is not None:
        found += f", {outcome.tls}, certificate valid until {outcome.valid_until:%Y-%m-%d}"
        if outcome.valid_until - now < RENEW_BEFORE:
            return topic.warning(found, "renew the API's certificate: after that day every lookup fails")
    elif ip_address(outcome.address.partition("%")[0]).is_global:
        return topic.warning(
            f"{found}, without TLS", "use https: callers' numbers and your credentials travel readable for everybody"
        )
    if outcome.elapsed_ms > SLOW_MS:
        return topic.warning(
            found, "find out what is slow, the name server or the way: callers wait for it, and 1 s is the limit"
        )
    return topic.ok(found)


def _asked(route: Route) -> Iterator[tuple[str, Request]]:
    """The requests of a route, each under a name that no route can have twice; none where a CRM connector is asked."""
    request = route.http_request
    if request is None:
        return
    yield route.name, request
    if request.second is not None:
        yield f"{route.name}:second_url", request.second


def _target(request: Request) -> tuple[str, Path | None]:
    return request.url.origin, request.ca_file


async def _reach(client: LookupClient, request: Request) -> Outcome:
    try:
        return await client.reach(request)
    except RoutingError as error:
        return error.failure
