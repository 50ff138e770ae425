"""A configuration, an API that it asks, and calls on record."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from aiohttp import web

from ari_app.domain import events as e
from ari_app.storage.call_log import open_call_log
from ari_app.storage.settings import StorageSettings
from tests.command import Command
from tests.component.cli import ANSWERED, LOST
from tests.component.storage_events import answered_call, arrived, at
from tests.sqlite import make_database


async def _broken(_: web.Request) -> web.Response:
    return web.Response(status=500)


async def _user(request: web.Request) -> web.Response:
    """An API that knows whom four callers belong to."""
    found = {
        "+12025550101": {"user": "456"},
        "+12025550102": {"user": "+5352123456"},
        "+12025550103": {"user": "eve"},
        "+12025550105": {"user": "456"},
        "+12025550104": {"user": request.headers.get("X-Account", "") + request.query["var"]},
    }
    described = {"name": "Zoë\x1b[2J", "ring": 4, "contact": 77} if request.query["n"] == "+12025550105" else {}
    return web.json_response({"calls": [found[request.query["n"]]], "said": "a\x1b[2J", **described})


@pytest.fixture
async def api() -> AsyncIterator[str]:
    application = web.Application()
    application.router.add_get("/user", _user)
    application.router.add_get("/broken", _broken)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.fixture
def command(tmp_path: Path, api: str) -> Command:
    """Asterisk's address is one where nothing listens."""
    config = tmp_path / "agi-router.yaml"
    config.write_text(
        f"""
asterisk: {{ari: {{url: "http://127.0.0.1:1", username: router, password: 8f14e45f}}}}
storage: {{url: calls.db}}
directory:
  users: [{{id: "456", name: Ada, devices: [PJSIP/ada, {{external: "+12025550199"}}]}}]
trunks: [{{name: main, endpoint: trunk}}]
policy: {{regions: [US]}}
network: {{allowed_networks: [127.0.0.0/8]}}
defaults: {{region: US}}
routes:
  sales:
    request:
      url: {api}/user?n={{{{callerNumber}}}}&var={{{{var.ACCOUNT}}}}
      headers: {{X-Account: "{{{{header.X-Account}}}}"}}
      auth: {{type: bearer, token: geheim-geheim}}
    response:
      type: user
      path: "calls[0].user"
      caller_name: name
      ring_timeout: ring
      headers: {{X-Contact: contact}}
      variables: {{CONTACT: contact}}
    fallback: [{{user: "456", timeout_s: 20}}, {{hangup: busy}}]
  outside:
    request: {{url: "{api}/user?n={{{{callerNumber}}}}&var=x"}}
    response: {{type: external, path: "calls[0].user"}}
"""
    )
    return Command(config)


@pytest.fixture
async def calls_on_record(command: Command) -> None:
    lost: Sequence[e.CallEvent] = [
        arrived(60, caller="+4915112345678"),
        e.LookupFailed(at=at(63), code="api_timeout", message="the API was too slow", remedy="look at it"),
        e.SentToDialplan(at=at(64), reason="no step was answered"),
    ]
    storage = StorageSettings.at(command.config.with_name("calls.db"))
    make_database(storage.path)
    async with open_call_log(storage) as log:
        for call_id, happened in ((ANSWERED, answered_call()), (LOST, lost)):
            for event in happened:
                log.write(call_id, event)
