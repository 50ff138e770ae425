"""Each route's API: reached through the guard and the client of live calls, and asked nothing."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from agi_router.decide import RoutingSettings
from agi_router.lookup.client import LookupClient
from agi_router.lookup.reach import Reached
from agi_router.routing.errors import Failure, RoutingError
from agi_router.routing.route import Route
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
        ca_files = {route.request.ca_file for route in settings.routes} - {None}
        targets = {_target(route): route for route in settings.routes}
        async with LookupClient(settings.guard, [file for file in ca_files if file is not None]) as client:
            outcomes = await asyncio.gather(*(_reach(client, route) for route in targets.values()))
        by_target = dict(zip(targets, outcomes, strict=True))
        now = datetime.now(UTC)
        return [judge_route(route, by_target[_target(route)], now) for route in settings.routes]

    return [Check(ROUTE, routes)]


def judge_route(route: Route, outcome: Outcome, now: datetime) -> Finding:
    """What the connection, or its failure, means for calls."""
    topic, origin = ROUTE.of(route.name), route.request.url.origin
    if isinstance(outcome, Failure):
        return topic.error(f"{route.name}: {outcome.message} ({outcome.code})", outcome.remedy)
    where = f"[{outcome.address}]" if ":" in outcome.address else outcome.address
    found = f"{route.name}: {origin} is reached at {where}:{outcome.port} in {outcome.elapsed_ms:.0f} ms"
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


def _target(route: Route) -> tuple[str, Path | None]:
    return route.request.url.origin, route.request.ca_file


async def _reach(client: LookupClient, route: Route) -> Outcome:
    try:
        return await client.reach(route.request)
    except RoutingError as error:
        return error.failure
