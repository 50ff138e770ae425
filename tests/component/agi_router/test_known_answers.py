"""What the API said before, used again: from the cache instead of asking, from the memory when the API is down."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web

from agi_router.decide import Router
from agi_router.document import load_document, validate
from agi_router.routing.call_info import CallInfo
from agi_router.routing.decision import Decision
from agi_router.routing.destination import UserDestination
from agi_router.routing.memory import Memory
from agi_router.routing.step import EndpointTarget
from agi_router.settings import RoutingSections, RoutingSettings, routing_settings
from ari_app.storage.last_good import LastGoodAnswers, open_last_good
from ari_app.storage.last_good_reader import read_last_good
from ari_app.storage.serving import open_database
from ari_app.storage.settings import StorageSettings
from tests.clock import leap
from tests.component.locking import writing_beside
from tests.patience import PATIENCE_S
from tests.sqlite import make_database

CONFIG = """\
directory:
  users:
    - {id: "456", devices: [PJSIP/ada]}
    - {id: "77", devices: [PJSIP/bob]}
trunks: [{name: main, endpoint: trunk}]
policy: {regions: [US]}
network: {allowed_networks: [127.0.0.0/8]}
defaults: {region: US, fallback: [{endpoint: reception}]}
routes:
  remembering:
    request: {url: "URL/?n={{callerNumber}}&id={{callId}}", deadline_s: 10}
    response: {type: user, path: owner}
    remember: {last_good_s: 60}
  caching:
    request: {url: "URL/?n={{callerNumber}}&id={{callId}}", deadline_s: 10}
    response: {type: user, path: owner}
    remember: {cache_s: 60}
  forgetful:
    request: {url: "URL/?n={{callerNumber}}"}
    response: {type: user, path: owner}
  outside:
    request: {url: "URL/?n={{callerNumber}}"}
    response: {type: external, path: owner}
    remember: {last_good_s: 60}
"""
CALLER = "+12025550199"


@dataclass
class Api:
    """An API that is killed, or that answers what a test says; `asked` counts."""

    owner: object = "456"
    status: int = 200
    asked: int = 0
    url: str = ""
    waiting: asyncio.Event | None = None
    _runner: web.AppRunner | None = field(default=None, repr=False)

    async def start(self) -> None:
        application = web.Application()
        application.router.add_get("/", self._answer)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def kill(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _answer(self, _: web.Request) -> web.Response:
        self.asked += 1
        if self.waiting is not None:
            await self.waiting.wait()
        response = web.json_response({"owner": self.owner}, status=self.status)
        response.force_close()  # when it is killed, no open connection is left to learn it from
        return response


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that is slow is not taken for one that does not remember."""
    monkeypatch.setattr("ari_app.storage.last_good_reader.RECALL_S", PATIENCE_S)


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    api = Api()
    await api.start()
    yield api
    await api.kill()


@pytest.fixture
def storage(tmp_path: Path) -> StorageSettings:
    made = StorageSettings.at(tmp_path / "calls.db")
    make_database(made.path)
    return made


@pytest.fixture
async def memory(storage: StorageSettings) -> AsyncIterator[LastGoodAnswers]:
    async with open_database(storage) as database, open_last_good(database) as last_good:
        yield last_good


def configuration(api: Api, folder: Path, *changes: tuple[str, str]) -> RoutingSettings:
    text = CONFIG.replace("URL", api.url)
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    folder.mkdir(exist_ok=True)
    (folder / "config.yaml").write_text(text)
    document = load_document(folder / "config.yaml")
    return routing_settings(document, validate(document, RoutingSections))


def routing(api: Api, folder: Path, memory: Memory, *changes: tuple[str, str]) -> Router:
    """A router of this configuration; each change replaces a text in it."""
    return Router(configuration(api, folder, *changes), memory=memory)


@pytest.fixture
async def router(api: Api, memory: LastGoodAnswers, tmp_path: Path) -> AsyncIterator[Router]:
    async with routing(api, tmp_path, memory) as router:
        yield router


calls = iter(range(1_000_000))


def info(route: str = "remembering", caller: str = CALLER, *, withheld: bool = False) -> CallInfo:
    return CallInfo(call_id=str(next(calls)), route_name=route, caller_number=caller, caller_withheld=withheld)


async def decide(router: Router, call: CallInfo) -> Decision:
    return await router.route(call, lambda _: None)


def leads_to(decision: Decision) -> tuple[str, str, str | None]:
    """Who rings first, why, and what went wrong."""
    first = decision.steps[0].destination.value
    return first, decision.source.value, decision.error.code if decision.error else None


async def test_when_the_api_is_killed_the_callers_last_good_answer_leads(router: Router, api: Api) -> None:
    assert leads_to(await decide(router, info())) == ("456", "answer", None)
    await api.kill()
    decision = await decide(router, info())
    assert leads_to(decision) == ("456", "last_good", "api_refused")
    assert (decision.destination, decision.value) == (UserDestination("456"), "456")
    assert 0 < decision.age_s < 10
    assert decision.request is not None
    assert [step.destination.value for step in decision.steps] == ["456", "reception"]


async def test_it_is_another_callers_answer_for_nobody(router: Router, api: Api) -> None:
    await decide(router, info())
    await api.kill()
    assert leads_to(await decide(router, info(caller="+12025550198"))) == ("reception", "answer", "api_refused")


async def test_it_survives_a_restart_of_the_router(storage: StorageSettings, api: Api, tmp_path: Path) -> None:
    for is_up in (True, False):
        async with open_database(storage) as database, open_last_good(database) as last_good:
            async with routing(api, tmp_path, last_good) as router:
                assert leads_to(await decide(router, info()))[:2] == ("456", "answer" if is_up else "last_good")
        await api.kill()


@pytest.mark.parametrize("status", [500, 503, 401, 403, 429])
async def test_an_api_that_does_not_come_to_the_question_is_down(router: Router, api: Api, status: int) -> None:
    await decide(router, info())
    api.status = status
    decision = await decide(router, info())
    assert leads_to(decision) == ("456", "last_good", "api_status")
    assert decision.answer is not None
    assert decision.answer.status == status


async def test_an_api_that_is_too_slow_is_down(router: Router, api: Api) -> None:
    await decide(router, info())
    api.waiting = asyncio.Event()
    deciding = asyncio.create_task(decide(router, info()))
    while api.asked < 2:
        await asyncio.sleep(0)
    leap(10)
    assert leads_to(await deciding) == ("456", "last_good", "api_timeout")


async def test_the_newest_answer_is_the_one_that_is_remembered(router: Router, api: Api) -> None:
    await decide(router, info())
    api.owner = "77"
    await decide(router, info())
    await api.kill()
    assert leads_to(await decide(router, info())) == ("77", "last_good", "api_refused")


@pytest.mark.parametrize(
    ("owner", "status", "code"),
    [("", 200, "value_empty"), ("999", 200, "user_unknown"), ("456", 404, "api_status")],
    ids=["nobody", "unknown", "404"],
)
async def test_an_api_that_says_nobody_is_believed_and_what_was_known_is_forgotten(
    router: Router, api: Api, owner: str, status: int, code: str
) -> None:
    await decide(router, info())
    api.owner, api.status = owner, status
    assert leads_to(await decide(router, info())) == ("reception", "answer", code)
    await api.kill()
    assert leads_to(await decide(router, info())) == ("reception", "answer", "api_refused")


async def test_an_answer_that_is_a_misunderstanding_neither_uses_nor_forgets(router: Router, api: Api) -> None:
    await decide(router, info())
    api.status = 400
    assert leads_to(await decide(router, info())) == ("reception", "answer", "api_status")
    await api.kill()
    assert leads_to(await decide(router, info())) == ("456", "last_good", "api_refused")


@pytest.mark.parametrize(
    "call",
    [info(withheld=True), *(info(caller=caller) for caller in ("", " ", "anonymous", "Unknown", "RESTRICTED"))],
)
async def test_callers_without_a_number_have_no_last_good_answer(router: Router, api: Api, call: CallInfo) -> None:
    assert leads_to(await decide(router, call)) == ("456", "answer", None)
    await api.kill()
    assert leads_to(await decide(router, call)) == ("reception", "answer", "api_refused")


async def test_a_route_that_remembers_nothing_goes_to_its_fallback(router: Router, api: Api) -> None:
    for route in ("forgetful", "caching"):
        await decide(router, info(route))
    await api.kill()
    assert leads_to(await decide(router, info("forgetful"))) == ("reception", "answer", "api_refused")


async def test_a_user_who_was_removed_does_not_ring_from_memory(
    router: Router, api: Api, memory: LastGoodAnswers, tmp_path: Path
) -> None:
    await decide(router, info())
    await api.kill()
    without_ada = ('    - {id: "456", devices: [PJSIP/ada]}\n', "")
    async with routing(api, tmp_path / "later", memory, without_ada) as later:
        decision = await decide(later, info())
        assert leads_to(decision) == ("reception", "last_good", "api_refused")
        assert decision.recall_error is not None
        assert (decision.recall_error.code, decision.destination, decision.value) == ("user_unknown", None, None)
        assert await later.guess(info()) is None


async def test_a_number_that_is_forbidden_by_now_does_not_ring_from_memory(
    router: Router, api: Api, memory: LastGoodAnswers, tmp_path: Path
) -> None:
    api.owner = "+12025550123"
    assert (await decide(router, info("outside"))).steps[0].targets
    await api.kill()
    async with routing(api, tmp_path / "later", memory, ("regions: [US]", "regions: [GB]")) as later:
        first = (await decide(later, info("outside"))).steps[0]
        assert first.refused is not None
        assert (first.refused.code, first.targets) == ("policy_region", ())
        assert await later.guess(info("outside")) is None


async def test_what_is_older_than_the_route_allows_by_now_is_not_taken(
    router: Router, api: Api, memory: LastGoodAnswers, tmp_path: Path
) -> None:
    await decide(router, info())
    await api.kill()
    sooner = ("last_good_s: 60", "last_good_s: 0.001")
    async with routing(api, tmp_path / "later", memory, sooner) as later:
        assert leads_to(await decide(later, info())) == ("reception", "answer", "api_refused")


async def test_a_moment_later_the_api_is_not_asked_again(router: Router, api: Api) -> None:
    assert leads_to(await decide(router, info("caching"))) == ("456", "answer", None)
    api.owner = "77"
    decision = await decide(router, info("caching"))
    assert leads_to(decision) == ("456", "cache", None)
    assert (decision.request, decision.answer, api.asked) == (None, None, 1)
    assert 0 < decision.age_s < 10


async def test_the_cache_holds_for_callers_without_a_number_too(router: Router, api: Api) -> None:
    for _ in range(2):
        await decide(router, info("caching", withheld=True))
    assert api.asked == 1


async def test_only_good_answers_are_cached(router: Router, api: Api) -> None:
    api.owner = ""
    await decide(router, info("caching"))
    api.owner = "456"
    assert leads_to(await decide(router, info("caching"))) == ("456", "answer", None)


async def test_a_caller_who_gives_up_does_not_take_the_same_question_from_another(router: Router, api: Api) -> None:
    api.waiting = asyncio.Event()
    sent = asyncio.Event()
    impatient = asyncio.create_task(router.route(info("caching"), lambda _: sent.set()))
    patient = asyncio.create_task(decide(router, info("caching")))
    await sent.wait()
    impatient.cancel()
    api.waiting.set()
    assert leads_to(await patient) == ("456", "answer", None)
    with pytest.raises(asyncio.CancelledError):
        await impatient


async def test_a_guess_is_the_last_good_answers_step_and_asks_nobody(router: Router, api: Api) -> None:
    assert await router.guess(info()) is None
    await decide(router, info())
    asked = api.asked
    guessed = await router.guess(info())
    assert guessed is not None
    assert guessed.targets == (EndpointTarget("ada"),)
    assert api.asked == asked


@pytest.mark.parametrize("call", [info(withheld=True), info("forgetful"), info("nothing")])
async def test_there_is_no_guess_without_a_memory_of_this_caller(router: Router, api: Api, call: CallInfo) -> None:
    await decide(router, call)
    assert await router.guess(call) is None


async def test_a_memory_that_only_reads_recalls_and_changes_nothing(
    router: Router, api: Api, memory: LastGoodAnswers, storage: StorageSettings, tmp_path: Path
) -> None:
    await decide(router, info())
    await memory.flush()
    async with read_last_good(storage) as reader, routing(api, tmp_path / "dry", reader) as dry:
        api.owner = "77"
        await decide(dry, info())
        api.owner = ""
        await decide(dry, info())
        await api.kill()
        assert leads_to(await decide(dry, info())) == ("456", "last_good", "api_refused")
    assert leads_to(await decide(router, info())) == ("456", "last_good", "api_refused")


@pytest.mark.parametrize(
    "written",
    [
        ("answer", "{"),
        ("answer", "[]"),
        ("answer", "null"),
        ("answer", '{"value": 456, "type": "user"}'),
        ("answer", '{"value": "456", "type": "user", "variables": {"CALLERID(num)": "911"}}'),
        ("answer", b"\xff\xfe"),
        ("at", "yesterday"),
        ("at", 7),
    ],
)
async def test_a_row_that_somebody_else_has_written_fails_no_call(
    router: Router, api: Api, memory: LastGoodAnswers, storage: StorageSettings, written: tuple[str, object]
) -> None:
    column, value = written
    await decide(router, info())
    await memory.flush()
    async with writing_beside(storage.path) as other:
        other.execute(f"UPDATE last_good_answers SET {column} = ?", (value,))
    await api.kill()
    assert leads_to(await decide(router, info())) == ("reception", "answer", "api_refused")
    assert await router.guess(info()) is None
