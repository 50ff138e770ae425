"""Whether the router lives, and whether it takes calls: for systemd, Docker, Kubernetes, load balancers."""

from typing import Any, Final, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from ari_app.live.health import Health, LinkHealth
from ari_app.web.services import Router

resource = APIRouter(tags=["monitoring"])


class Alive(BaseModel):
    """The process answers."""

    status: Literal["alive"] = "alive"


class LinkState(BaseModel):
    """A link of the router."""

    connected: bool
    settled: bool = Field(description="what happened before it was connected is known as well")


class DatabaseState(BaseModel):
    """Calls never wait for the database."""

    events_pending: int = Field(description="that are not written yet; some always are")
    events_lost: int = Field(description="since the start: the database did not take them, and memory is bounded")
    behind: bool = Field(description="so many wait that it must have stopped writing")


class Readiness(BaseModel):
    """Whether the router takes calls, and how its parts are."""

    ready: bool
    why: list[str] = Field(description="it is not ready, in words", examples=[["Asterisk is not connected"]])
    stopping: bool
    ari: LinkState
    ami: LinkState | None = Field(description="null when there is to be none; the router takes calls without it")
    database: DatabaseState
    open_breakers: int = Field(description="upstreams that are not asked, as they have failed too often")


_BOTH: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "It takes calls."},
    503: {"model": Readiness, "description": "It takes no calls: it stops, or has not been in touch with Asterisk."},
}


@resource.head("/healthz", include_in_schema=False)
@resource.get("/healthz", operation_id="isAlive")
async def is_alive() -> Alive:
    """Whether the process and its event loop live. Restart it when this does not answer."""
    return Alive()


@resource.head("/readyz", include_in_schema=False)
@resource.get("/readyz", operation_id="isReady", responses=_BOTH)
async def is_ready(router: Router, response: Response) -> Readiness:
    """Whether it takes calls. A link that is back within five seconds was never gone."""
    found = router.health()
    response.status_code = 503 if found.why_not else 200
    return _readiness(found)


def _readiness(found: Health) -> Readiness:
    return Readiness(
        ready=not found.why_not,
        why=list(found.why_not),
        stopping=found.is_stopping,
        ari=_link(found.ari),
        ami=None if found.ami is None else _link(found.ami),
        database=DatabaseState(
            events_pending=found.events_pending, events_lost=found.events_lost, behind=found.is_behind
        ),
        open_breakers=sum(upstream.breaker == "open" for upstream in found.upstreams),
    )


def _link(link: LinkHealth) -> LinkState:
    return LinkState(connected=link.is_up, settled=link.is_settled)
