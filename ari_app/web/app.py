"""The web application: all resources under one roof, their OpenAPI, and a page of docs that works without a network."""

import asyncio
from collections.abc import Sequence
from importlib.metadata import version
from typing import Final

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import JSONResponse
from fastapi_offline import FastAPIOffline
from pydantic.json_schema import models_json_schema
from starlette.routing import Route

from ari_app.web import (
    agents,
    call_contacts,
    calls,
    contact_syncs,
    contacts,
    crm_activities,
    crm_connectors,
    crm_users,
    devices,
    directory,
    erasures,
    events,
    health,
    history,
    live,
    messages,
    metrics,
    placing,
    policy,
    recording_links,
    recordings,
    routes,
    webhook_deliveries,
    webhooks,
    whoami,
)
from ari_app.web.access import KeyBeforeBody
from ari_app.web.faces.face import Face
from ari_app.web.links import PREFIX, RECORDINGS
from ari_app.web.problems import Problem, problems, tell_problems
from ari_app.web.rate_headers import RateHeaders
from ari_app.web.services import Services

RESOURCES: Final[tuple[APIRouter, ...]] = (
    placing.resource,
    live.resource,
    history.resource,
    erasures.resource,
    calls.resource,
    call_contacts.resource,
    events.resource,
    directory.resource,
    devices.resource,
    crm_connectors.resource,
    crm_users.resource,
    policy.resource,
    routes.resource,
    whoami.resource,
    agents.resource,
    recordings.resource,
    crm_activities.resource,
    webhooks.resource,
    webhook_deliveries.resource,
    messages.resource,
    contacts.resource,
    contact_syncs.resource,
)
"""Each is a module of its own."""


def _router() -> APIRouter:
    own = APIRouter()
    for resource in RESOURCES:
        own.include_router(resource, prefix=PREFIX)
    # Where such programs look for them, and what people open in a browser.
    for resource in (health.resource, metrics.resource, recording_links.resource):
        own.include_router(resource)
    return own


_OWN: Final = _router()
"""All of them at their paths. FastAPI resolves what it includes at the first request, in 30 ms; here once for all."""

_FRAMEWORKS: Final = {"schema": {"$ref": "#/components/schemas/HTTPValidationError"}}
"""What FastAPI says of each operation that has parameters, unless it is told otherwise."""

_DESCRIPTION: Final = """\
The router of a PBX: place and steer calls, read what happened to every call, follow it as it happens.

Times are in UTC (ISO 8601). Errors are Problem Details (RFC 9457) with a `code` for programs and a `remedy` for people.
"""


def build(services: Services, faces: Sequence[Face] = ()) -> FastAPI:
    """The application of this router, with these faces beside its own API."""
    app = FastAPIOffline(
        title="agi-router",
        version=version("agi-router"),
        description=_DESCRIPTION,
        redoc_url=None,
        # It would send the caller, and his key, to http:// and whatever Host says; behind TLS that is in the clear.
        redirect_slashes=False,
        separate_input_output_schemas=False,
    )
    app.state.services = services
    app.add_middleware(KeyBeforeBody)
    app.add_middleware(RateHeaders)
    tell_problems(app, {face.prefix: face.tell for face in faces} | {f"{RECORDINGS}/": recording_links.as_text})
    app.router.routes.extend(_OWN.routes)
    for face in faces:
        app.router.routes.extend(face.resource.routes)  # they know their prefix; to include them resolves them twice
    _with_problems(app)
    _described_aside(app)
    return app


def _described_aside(app: FastAPI) -> None:
    """The OpenAPI is made when somebody asks for it, in most of a second: in a thread, for no call may wait so long."""
    one_at_a_time = asyncio.Lock()

    async def document(_: Request) -> Response:
        async with one_at_a_time:
            return JSONResponse(await asyncio.to_thread(app.openapi))

    app.router.routes.insert(0, Route(str(app.openapi_url), document, include_in_schema=False))


def _with_problems(app: FastAPI) -> None:
    """Every operation refers to the shape of a problem, which no model of theirs brings along."""
    generate = app.openapi

    def openapi() -> dict[str, object]:
        document = generate()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        if "Problem" not in schemas:
            _, shapes = models_json_schema([(Problem, "serialization")], ref_template="#/components/schemas/{model}")
            schemas.update(shapes["$defs"])
            own = (operations for path, operations in document["paths"].items() if path.startswith(PREFIX))
            for operation in (each for operations in own for each in operations.values()):
                if "security" in operation:  # whoever needs a key may have asked too often; and the database may fail
                    common = {str(status): problem for status, problem in problems(429, 503).items()}
                    operation["responses"] = common | operation["responses"]
            for operation in (each for operations in document["paths"].values() for each in operations.values()):
                if operation["responses"].get("422", {}).get("content", {}).get("application/json") == _FRAMEWORKS:
                    del operation["responses"]["422"]  # a face has another status for it, which it tells
        return document

    app.openapi = openapi  # type: ignore[method-assign]
