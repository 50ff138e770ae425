"""GET /metrics, in the format of Prometheus (https://prometheus.io/docs/instrumenting/exposition_formats/)."""

from collections.abc import Iterator
from importlib.metadata import version
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response, Security
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from ari_app.access.networks import NoAddressError
from ari_app.access.scopes import Scope
from ari_app.calls.clock import now
from ari_app.crm.standing import LoginState
from ari_app.domain.phone_book import SyncState
from ari_app.domain.unavailable import UnavailableError
from ari_app.live.health import LinkHealth
from ari_app.web.access import BEARER, HEADER, ScopeCheck, admit, tokens_of
from ari_app.web.places import Places
from ari_app.web.problems import problems
from ari_app.web.services import Router, Services

resource = APIRouter(tags=["monitoring"])

_BREAKERS: Final = ("closed", "half_open", "open")


class RouterState(Collector):
    """What is read off the router when it is asked, and costs nothing in between."""

    def __init__(self, services: Services, places: Places) -> None:
        self._services = services
        self._places = places

    def collect(self) -> Iterator[Metric]:
        """See `Collector`."""
        router, found = self._services, self._services.health()
        info = GaugeMetricFamily("agi_router_info", "1, with what runs", labels=["version"])
        info.add_metric([version("agi-router")], 1)
        yield info
        yield GaugeMetricFamily("agi_router_ready", "Whether the router takes calls", value=not found.why_not)
        yield GaugeMetricFamily("agi_router_live_calls", "Calls that go on", value=len(router.supervisor.live))
        yield GaugeMetricFamily(
            "agi_router_calls_in_setup", "Calls that nobody has answered", value=router.supervisor.in_setup
        )
        yield GaugeMetricFamily("agi_router_events_pending", "Not in the database yet", value=found.events_pending)
        yield CounterMetricFamily(
            "agi_router_events_lost", "The database did not take them, and memory is bounded", value=found.events_lost
        )
        yield from _links({"ari": found.ari} | ({} if found.ami is None else {"ami": found.ami}))
        yield from _connections(self._places)
        yield from self._upstreams()
        yield from self._webhooks()
        yield from self._crms()
        yield from self._activities()
        yield from self._phone_books()
        yield from self._policy()

    def _crms(self) -> Iterator[Metric]:
        login = GaugeMetricFamily(
            "agi_router_crm_login", "1 for how the login of a CRM stands", labels=["crm", "state"]
        )
        requests = CounterMetricFamily(
            "agi_router_crm_requests", "What came of requests to a CRM", labels=["crm", "hook", "result"]
        )
        for connector in self._services.crm.values():
            standing = connector.standing()
            for state in LoginState:
                login.add_metric([connector.name, state.value], standing.state is state)
            for (hook, result), count in sorted(connector.experience.counts.items()):
                requests.add_metric([connector.name, hook.value, result.value], count)
        yield login
        yield requests

    def _activities(self) -> Iterator[Metric]:
        activities = GaugeMetricFamily(
            "agi_router_crm_activities", "Calls of which a CRM is to be told more", labels=["crm", "state"]
        )
        for name, counts in (self._services.measures.activities or {}).items():
            for state, count in counts.items():
                activities.add_metric([name, state.value], count)
        yield activities

    def _webhooks(self) -> Iterator[Metric]:
        name_of = self._services.webhooks.subscriptions.name_of
        results = CounterMetricFamily(
            "agi_router_webhook_results", "What came of requests, and of deliveries", labels=["webhook", "result"]
        )
        for (subscription_id, result), count in self._services.deliveries.counts.items():
            results.add_metric([name_of(subscription_id), result.value], count)
        yield results
        pending = GaugeMetricFamily("agi_router_webhook_pending", "Events that are to be sent", labels=["webhook"])
        oldest = GaugeMetricFamily("agi_router_webhook_oldest_seconds", "Since the first of them", labels=["webhook"])
        waiting = self._services.measures.waiting
        if waiting is not None:
            for each in self._services.webhooks.subscriptions.all:
                found = waiting.get(each.id)
                since = None if found is None else found.oldest_at
                pending.add_metric([each.name], 0 if found is None else found.pending)
                oldest.add_metric([each.name], 0 if since is None else max(0.0, (now() - since).total_seconds()))
        yield pending
        yield oldest

    def _phone_books(self) -> Iterator[Metric]:
        age = GaugeMetricFamily("agi_router_phone_book_age_seconds", "Since all contacts were read", labels=["crm"])
        broken = GaugeMetricFamily("agi_router_phone_book_broken_off", "Whether the last run broke off", labels=["crm"])
        for name, book in self._services.contacts.books.items():
            run = book.last
            if run is not None and run.whole_at is not None:
                age.add_metric([name], max(0.0, (now() - run.whole_at).total_seconds()))
            broken.add_metric([name], run is not None and run.state is SyncState.BROKEN_OFF)
        yield age
        yield broken

    def _upstreams(self) -> Iterator[Metric]:
        breaker = GaugeMetricFamily(
            "agi_router_upstream_breaker", "1 for the state of its breaker", labels=["upstream", "state"]
        )
        busy = GaugeMetricFamily("agi_router_upstream_lookups", "In progress", labels=["upstream"])
        for upstream in self._services.health().upstreams:
            for state in _BREAKERS:
                breaker.add_metric([upstream.origin, state], upstream.breaker == state)
            busy.add_metric([upstream.origin], upstream.in_progress)
        yield breaker
        yield busy

    def _policy(self) -> Iterator[Metric]:
        labels = ["scope", "name", "measure"]
        value = GaugeMetricFamily("agi_router_policy_value", "What a limit of the dial policy counts", labels=labels)
        limit = GaugeMetricFamily("agi_router_policy_limit", "The limit", labels=labels)
        for count in self._services.rules.volume.counters(now()):
            names = [count.scope.kind.value, count.scope.name, count.measure.value]
            value.add_metric(names, count.value)
            if count.limit is not None:
                limit.add_metric(names, count.limit)
        yield value
        yield limit


def _links(links: dict[str, LinkHealth]) -> Iterator[Metric]:
    up = GaugeMetricFamily("agi_router_link_up", "Whether Asterisk is connected", labels=["link"])
    connects = CounterMetricFamily("agi_router_link_connects", "How often it was connected", labels=["link"])
    for name, link in links.items():
        up.add_metric([name], link.is_up)
        connects.add_metric([name], link.connects)
    yield up
    yield connects


def _connections(places: Places) -> Iterator[Metric]:
    yield GaugeMetricFamily("agi_router_web_connections", "Connections to the REST API", value=len(places))
    closed = CounterMetricFamily(
        "agi_router_web_connections_closed", "By the router: no room, or too slow", labels=["reason"]
    )
    closed.add_metric(["no_room"], places.refused)
    closed.add_metric(["too_slow"], places.slow)
    yield closed


def collect_from(services: Services, places: Places) -> None:
    """Have all that is told by /metrics in the registry of what is counted."""
    services.measures.registry.register(RouterState(services, places))
    ProcessCollector(registry=services.measures.registry)


async def _may_read(
    request: Request,
    router: Router,
    _bearer: Annotated[Any, Security(BEARER)],
    _header: Annotated[Any, Security(HEADER)],
) -> None:
    web = router.settings().web
    if web is not None and web.open_metrics and _is_of_this_host(router, request):
        return
    await ScopeCheck(Scope.METRICS_READ)(admit(request, router, tokens_of(request)))


def _is_of_this_host(router: Services, request: Request) -> bool:
    """A program here, and no proxy that speaks for somebody else, whether it is trusted or says so."""
    peer = request.client.host if request.client else ""
    try:
        address = router.doorkeeper.address_of(peer, request.headers.getlist(router.doorkeeper.proxy_header))
    except NoAddressError:
        return False
    is_forwarded = set(request.headers) & {"forwarded", "x-forwarded-for", "x-real-ip", "via"}
    return address.is_loopback and (not is_forwarded or router.doorkeeper.trusts(peer))


@resource.get(
    "/metrics",
    operation_id="getMetrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **problems(401, 403, 429)},
)
async def get_metrics(router: Router, _: Annotated[Any, Depends(_may_read)]) -> Response:
    """Counters and gauges for Prometheus; docs/monitoring.md explains them."""
    try:
        router.measures.waiting = await router.backlog()
        router.measures.activities = await router.activities.counts()
    except UnavailableError:  # a database that is away must not take all other metrics with it
        router.measures.waiting = router.measures.activities = None
    return Response(generate_latest(router.measures.registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)
