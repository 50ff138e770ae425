"""Routing APIs that go down and come up, by their breakers."""

import pytest

from agi_router.lookup.upstream import UpstreamLimits, Upstreams
from agi_router.routing.errors import Failure, RoutingError
from ari_app.domain.notices import NoticeType
from ari_app.live.watching.upstreams import UpstreamWatch
from tests.fakes.notices import ToldNotices

CRM = "https://crm.example.com"
TIMEOUT = Failure("api_timeout", "it did not answer in 3 s", "make it faster")


async def ask(upstreams: Upstreams, failure: Failure | None) -> None:
    async with upstreams.of(CRM).lookup(1) as trial:
        if failure is None:
            trial.answered()
        else:
            trial.failed(failure)


async def test_an_api_is_told_down_once_and_up_once(notices: ToldNotices) -> None:
    clock_s = 0.0
    upstreams = Upstreams(lambda: clock_s, UpstreamWatch(notices).changed)
    upstreams.configure([CRM], {CRM: UpstreamLimits(failures=2, open_s=10)})
    for _ in range(2):
        await ask(upstreams, TIMEOUT)
    assert notices.types == [NoticeType.API_DOWN]
    with pytest.raises(RoutingError):
        await ask(upstreams, None)
    clock_s = 11
    await ask(upstreams, TIMEOUT)  # the probe
    assert notices.types == [NoticeType.API_DOWN]
    clock_s = 60
    await ask(upstreams, None)
    await ask(upstreams, TIMEOUT)
    down, up = notices.told
    assert up.type is NoticeType.API_UP
    assert down.subject == up.subject == f"upstream/{CRM}"
    assert (down.data["upstream"]["breaker"], up.data["upstream"]["breaker"]) == ("open", "closed")
    assert down.data["upstream"]["reason"]["code"] == "api_timeout"
    assert up.data["down_since"] == down.data["upstream"]["since"]
