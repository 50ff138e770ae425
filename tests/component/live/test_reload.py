"""A configuration that is read again: by a real process, while the loop goes on.

A secret's file that is a FIFO holds a reading up until the test writes into it.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import structlog

from agi_router.document import ConfigError
from ari_app.control.settings import ControlError
from ari_app.live import reading
from ari_app.live.reading import read_settings
from ari_app.live.reload import Refused, Reloading, Taken
from ari_app.settings import Settings, load_settings

pytestmark = pytest.mark.long

CONFIG = """\
asterisk: {ari: {username: router, password_file: password}}
storage: {url: calls.db}
defaults: {region: US}
directory: {users: [{id: "456", devices: [PJSIP/ada, {external: "+12025550123"}]}]}
trunks: [{name: main, endpoint: trunk}]
policy: {regions: [US]}
network: {allowed_networks: [10.0.0.0/8]}
calls: {max_in_setup: 5}
routes:
  sales:
    request: {url: "https://api.example.com/?n={{callerNumber}}", auth: {type: bearer, token_file: token}}
    response: {type: user, path: "calls[0].user.id"}
    fallback: [{user: "456"}, {hangup: busy}]
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "password").write_text("8f14e45f")
    (tmp_path / "token").write_text("geheim-eins")
    file = tmp_path / "agi-router.yaml"
    write(file, CONFIG)
    return file


def write(config: Path, text: str) -> None:
    """The operator saves the file."""
    config.write_text(text)


class Running:
    """What a running router has in force."""

    def __init__(self, config: Path) -> None:
        self.settings = load_settings(config)
        self.reloading = Reloading(config, self.settings, self.take)
        self.takes = 0
        self.broken: OSError | None = None

    async def take(self, settings: Settings) -> None:
        if self.broken is not None:
            raise self.broken
        self.settings = settings
        self.takes += 1

    async def reload(self) -> Taken | Refused:
        return await self.reloading.reload()


@asynccontextmanager
async def held_up(config: Path, work: Callable[[], object]) -> AsyncIterator[Callable[[], object]]:
    """A reading that has begun and waits for the token, until the yielded function is called."""
    token = config.with_name("token")
    token.unlink()
    os.mkfifo(token)
    work()
    opened = await asyncio.to_thread(token.open, "w")  # returns when the reader has opened it, too

    def let_go() -> None:
        with opened:
            opened.write("geheim-zwei")
        token.unlink()
        token.write_text("geheim-zwei")

    try:
        yield let_go
    finally:
        if not opened.closed:
            opened.close()


async def test_what_is_read_by_the_other_process_equals_what_is_read_here(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HERE", "ada")
    write(config, CONFIG.replace("PJSIP/ada", '"PJSIP/${HERE}"').replace("n={{", "n=${HERE}{{"))
    assert await read_settings(config) == load_settings(config)


async def test_the_loop_goes_on_while_a_configuration_is_read_and_it_is_given_up_in_the_end(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "LONGEST_S", 0.2)
    token = config.with_name("token")
    token.unlink()
    os.mkfifo(token)
    with pytest.raises(ConfigError, match="took more than"):
        await read_settings(config)


async def test_a_changed_file_is_taken_its_secrets_and_variables_read_anew(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = CONFIG.replace("callerNumber}}", "callerNumber}}&key=${KEY}")
    write(config, text)
    monkeypatch.setenv("KEY", "geheim-drei")
    running = Running(config)
    monkeypatch.setenv("KEY", "geheim-vier")
    config.with_name("token").write_text("geheim-zwei")
    write(config, text.replace("max_in_setup: 5", "max_in_setup: 6"))
    taken = await running.reload()
    assert isinstance(taken, Taken)
    told = [sentence for change in taken.changes for sentence in change.sentences()]
    assert told == ["routes changed: sales (request.url, request.auth)", "calls changed: max_in_setup"]
    assert running.settings == load_settings(config)
    assert "geheim" not in repr(taken)


async def test_a_broken_file_is_refused_told_in_the_status_and_forgotten_when_it_is_mended(config: Path) -> None:
    running = Running(config)
    before = running.settings
    write(config, CONFIG.replace("hangup: busy", "hangup: slowly"))
    with structlog.testing.capture_logs() as logs:
        refused = await running.reload()
    assert isinstance(refused, Refused)
    assert [problem.key for problem in refused.problems] == ["routes.sales.fallback[1].hangup"]
    assert (running.settings, running.takes) == (before, 0)
    assert logs[0]["problems"] == [str(refused.problems[0])]
    told = running.reloading.status()["reload_refused"]
    assert (told["taken"], told["problems"][0]["line"]) == (False, 13)
    write(config, CONFIG)
    assert isinstance(await running.reload(), Taken)
    assert running.reloading.status()["reload_refused"] is None


async def test_what_needs_a_restart_is_told_each_time_and_the_rest_is_taken(config: Path) -> None:
    running = Running(config)
    changed = CONFIG.replace("username: router", "username: other").replace("max_in_setup: 5", "max_in_setup: 6")
    write(config, changed)
    first, second = await running.reload(), await running.reload()
    assert isinstance(first, Taken)
    assert isinstance(second, Taken)
    assert first.restart == second.restart == ("asterisk.ari.username",)
    assert ([change.part for change in first.changes], second.changes) == (["calls"], ())
    assert running.settings.asterisk.ari.username == "router"
    assert running.settings.calls.max_in_setup == 6
    assert running.reloading.status()["restart_needed_for"] == ["asterisk.ari.username"]


async def test_a_file_that_vanishes_between_reading_and_taking_refuses_the_configuration(config: Path) -> None:
    running = Running(config)
    running.broken = FileNotFoundError(2, "No such file or directory", "company-ca.pem")
    refused = await running.reload()
    assert isinstance(refused, Refused)
    assert "company-ca.pem" in str(refused.problems[0])


async def test_of_two_reloads_at_once_the_second_reads_after_the_first_has_taken(config: Path) -> None:
    running = Running(config)
    both: list[asyncio.Task[Taken | Refused]] = []
    async with held_up(config, lambda: both.append(asyncio.create_task(running.reload()))) as let_go:
        both.append(asyncio.create_task(running.reload()))
        write(config, CONFIG.replace("max_in_setup: 5", "max_in_setup: 6"))  # the first has read it before
        let_go()
        first, second = await asyncio.gather(*both)
    assert isinstance(first, Taken)
    assert isinstance(second, Taken)
    assert ([change.part for change in first.changes], [change.part for change in second.changes]) == (
        ["routes"],
        ["calls"],
    )


async def test_a_router_that_stops_takes_nothing_any_more(config: Path) -> None:
    running = Running(config)
    tasks: list[asyncio.Task[Taken | Refused]] = []
    async with held_up(config, lambda: tasks.append(asyncio.create_task(running.reload()))) as let_go:
        running.reloading.stop()
        let_go()
        with pytest.raises(ControlError, match="the router stops"):
            await tasks[0]
    with pytest.raises(ControlError, match="the router stops"):
        await running.reload()
    assert running.takes == 0


async def test_a_reload_that_is_cancelled_leaves_no_process(config: Path) -> None:
    running = Running(config)
    others = children()  # of other tests
    tasks: list[asyncio.Task[Taken | Refused]] = []
    async with held_up(config, lambda: tasks.append(asyncio.create_task(running.reload()))):
        assert children() - others
        tasks[0].cancel()
        await asyncio.wait(tasks)
        assert tasks[0].cancelled()
        assert children() <= others


def children() -> set[str]:
    """The processes that this one has started and not buried."""
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


async def test_signals_during_a_reload_make_one_more(config: Path) -> None:
    running = Running(config)
    wanted = asyncio.Event()
    at_each = asyncio.create_task(running.reloading.reload_at_each(wanted))
    async with held_up(config, wanted.set) as let_go:
        for _ in range(3):
            wanted.set()
        let_go()
        while running.takes < 2:
            await asyncio.sleep(0.01)  # it tells nobody
    assert not wanted.is_set()
    at_each.cancel()
    await asyncio.wait([at_each])
    assert running.takes == 2
