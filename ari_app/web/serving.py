"""The web of a router, from its parts to its sockets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ari_app.settings.web_section import WebSettings
from ari_app.web.app import build
from ari_app.web.faces import faces_of
from ari_app.web.metrics import collect_from
from ari_app.web.middleware import surrounded
from ari_app.web.server import WebServer
from ari_app.web.services import Services


@asynccontextmanager
async def serving_web(settings: WebSettings, services: Services) -> AsyncIterator[WebServer]:
    """Answer requests until the block ends. Raises WebError when an address cannot be listened on."""
    services.feed.witnesses.append(services.measures.witness)
    app = surrounded(build(services, faces_of(settings.faces)), settings.origins, services.measures.request)
    async with WebServer(settings, app, services.events.close) as server:
        collect_from(services, server.places)
        yield server
