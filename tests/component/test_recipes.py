"""The recipes: each file loads, asks as its page prints, and takes the answer that its page prints to where it says."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from textwrap import dedent
from threading import Thread
from typing import Any

import pytest

from agi_router.decide import Router
from agi_router.routing.call_info import CallInfo
from agi_router.routing.decision import Decision
from agi_router.routing.destination import UserDestination
from ari_app.settings import Settings, load_settings
from tests.fakes.documented_api import CALL_ID, Page, documented_api

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "recipes"
LEADS_TO = {
    "aircall": "456",
    "hubspot": "ada",
    "in-house": "ada",
    "intercom": "127",
    "json-rpc": "ada",
    "pipedrive": "13055",
    "salesforce": "005RO000000FA1AYAW",
    "zendesk": "ada",
}
CALLER, CALLED = "+12025550123", "+14155550100"


def at_loopback(name: str, port: int) -> str:
    """The recipe's file, its vendor's address replaced by this port of ours and nothing else."""
    text = (ROOT / "examples" / "routes" / f"{name}.yaml").read_text(encoding="utf-8")
    here = re.sub(r"https://[^/\s]+", f"http://127.0.0.1:{port}", text)
    network = "network: {allowed_networks: [127.0.0.0/8]}\n"
    return here.replace("[10.0.0.0/8]", "[127.0.0.0/8]") if "network:" in here else network + here


def loaded(name: str, folder: Path, page: Page, port: int) -> Settings:
    """The recipe's settings, asking this port of ours."""
    file = folder / "agi-router.yaml"
    file.write_text(at_loopback(name, port), encoding="utf-8")
    return load_settings(file, page.environment)


async def decided(settings: Settings) -> Decision:
    (route,) = settings.routing.routes
    async with Router(settings.routing) as router:
        call = CallInfo(call_id=CALL_ID, route_name=route.name, caller_number=CALLER, called_number=CALLED)
        return await router.route(call, lambda _: None)


def test_every_recipe_has_its_page_and_stands_in_the_index() -> None:
    files = {file.stem for file in (ROOT / "examples" / "routes").iterdir()}
    assert files == set(LEADS_TO)
    assert {page.stem for page in PAGES.iterdir()} == {*files, "README"}
    index = (PAGES / "README.md").read_text(encoding="utf-8")
    assert all(f"({name}.md)" in index for name in files)


@pytest.mark.parametrize("name", LEADS_TO)
def test_a_recipe_loads_as_it_is_without_a_warning(name: str) -> None:
    file = ROOT / "examples" / "routes" / f"{name}.yaml"
    page = Page.read(PAGES / f"{name}.md")
    assert load_settings(file, page.environment).routing.warnings == ()
    assert page.yaml
    assert [printed for printed in page.yaml if printed not in file.read_text(encoding="utf-8")] == []


@pytest.mark.parametrize("name", LEADS_TO)
async def test_a_recipe_asks_what_its_page_prints_and_follows_the_answer(name: str, tmp_path: Path) -> None:
    page = Page.read(PAGES / f"{name}.md")
    async with documented_api(page) as api:
        decision = await decided(loaded(name, tmp_path, page, api.port))
    assert api.mismatches == []
    assert api.asked == [f"{exchange.method} {exchange.path}" for exchange in page.exchanges]
    assert decision.destination == UserDestination(LEADS_TO[name]), decision.error
    assert not any(secret in repr(decision) for secret in page.environment.values())


@pytest.mark.parametrize("name", LEADS_TO)
async def test_a_recipe_takes_the_fallback_for_a_caller_nobody_knows(name: str, tmp_path: Path) -> None:
    page = Page.read(PAGES / f"{name}.md").knowing_nobody()
    async with documented_api(page) as api:
        decision = await decided(loaded(name, tmp_path, page, api.port))
    assert api.mismatches == []
    assert decision.destination is None
    assert decision.error is not None
    assert [step.destination.value for step in decision.steps] == ["reception", "no_answer"]


@contextmanager
def running(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    """The endpoint that the page prints; gives its port."""
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


async def test_the_endpoint_that_the_in_house_page_prints_does_what_the_page_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = PAGES / "in-house.md"
    printed = re.search(r"  ```python\n(.*?)  ```", page.read_text(encoding="utf-8"), re.DOTALL)
    assert printed is not None
    code, start, arguments = dedent(printed[1]).partition("HTTPServer((")
    assert start and arguments.endswith(").serve_forever()\n")
    names: dict[str, Any] = {}
    exec(code, names)
    with running(names["Route"]) as port:
        decision = await decided(loaded("in-house", tmp_path, Page.read(page), port))
    assert decision.destination == UserDestination("ada"), decision.error
