"""The shortest text of a configuration, and what loading it says."""

from pathlib import Path

import pytest

from agi_router.decide import RoutingSettings
from agi_router.document import ConfigError, load_document, validate
from agi_router.routing.route import Request, Route
from agi_router.settings import RoutingSections, routing_settings

MINIMAL = "defaults: {region: US}\n"
ROUTE = """\
defaults: {region: US}
routes:
  sales:
    request:
      url: https://api.example.com/
      REQUEST
    response:
      RESPONSE
"""


def load(folder: Path, text: str) -> RoutingSettings:
    file = folder / "config.yaml"
    file.write_text(text, encoding="utf-8")
    document = load_document(file, {"PW": "s3same", "TWO_LINES": "a\nb"})
    return routing_settings(document, validate(document, RoutingSections))


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        load(folder, text)
    return [str(problem).removeprefix(f"{folder}/config.yaml:") for problem in raised.value.problems]


def with_route(request: str = "method: GET", response: str = "{type: user, path: id}") -> str:
    return ROUTE.replace("REQUEST", request).replace("RESPONSE", response)


def asked(route: Route) -> Request:
    """What the route asks over HTTP."""
    assert isinstance(route.request, Request)
    return route.request
