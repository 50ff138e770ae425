"""`agi-router reload` and SIGHUP, on a router that runs as a process of its own; it needs no Asterisk for this."""

import asyncio
import json
import os
import signal
import socket
from asyncio import StreamReader
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ari_app.cli.command import app
from tests import warm
from tests.command import installed

pytestmark = pytest.mark.long

CONFIG = """\
asterisk: {ari: {url: "http://127.0.0.1:1", username: router, password: 8f14e45f}}
storage: {url: calls.db}
defaults: {region: US}
routes:
  sales:
    request: {url: "https://api.example.com/", auth: {type: bearer, token: geheim-geheim}}
    response: {type: user, path: user}
  outside:
    request: {url: "https://api.example.com/"}
    response: {type: user, path: user}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "agi-router.yaml"
    write(file, CONFIG)
    return file


def write(config: Path, text: str) -> None:
    """The operator saves the file."""
    config.write_text(text)


async def command(config: Path, *words: str) -> Result:
    """The command, in this process: a dozen of its own would take a second each."""
    return await asyncio.to_thread(lambda: CliRunner().invoke(app, ["--config", str(config), *words]))


@asynccontextmanager
async def started(
    config: Path, *words: str, folder: Path | None = None
) -> AsyncIterator[tuple[warm.Process, StreamReader]]:
    """`agi-router serve`, or what these words run, killed at the end if it has not ended before; and its log."""
    reading, writing = socket.socketpair()
    with writing:
        router = await warm.start(
            *("--config", str(config), *(words or ("serve",))),
            stdout=writing.fileno(),
            stderr=writing.fileno(),
            folder=folder,
        )
    log, pipe = await asyncio.open_connection(sock=reading)
    try:
        yield router, log
    finally:
        pipe.close()
        if router.returncode is None:
            router.send_signal(signal.SIGKILL)
            await router.wait()


async def said(log: StreamReader, words: str) -> str:
    """Wait for the log line with these words."""
    while words not in (line := (await log.readline()).decode()):
        assert line, "the log has ended"
    return line


async def test_a_running_router_loads_a_changed_configuration_or_refuses_it(config: Path) -> None:
    without_router = await command(config, "reload")
    assert (without_router.exit_code, "no router runs" in without_router.stderr) == (2, True)
    async with started(config) as (router, log):
        await said(log, "the router serves")

        write(config, CONFIG.replace("  outside:", "  abroad:").replace("username: router", "username: other"))
        taken = await command(config, "reload")
        assert (taken.exit_code, taken.stdout.splitlines()) == (
            0,
            [
                "routes added: abroad",
                "routes removed: outside",
                "asterisk.ari.username changed: restart the router to take it",
                f"OK: the router has loaded {config}",
            ],
        )

        write(config, CONFIG.replace("path: user", "path: [", 1) + "log: {levl: debug}\n")
        checked, refused = await command(config, "check-config"), await command(config, "reload")
        assert (refused.exit_code, refused.stdout) == (1, checked.stdout)
        assert f"{config}:7: " in checked.stdout
        assert "keeps the configuration that it has" in refused.stderr
        program = await command(config, "reload", "--json")
        assert (program.exit_code, json.loads(program.stdout)["taken"]) == (1, False)
        assert json.loads(program.stdout)["problems"][0]["line"] == 7
        status = await command(config, "status")
        assert status.exit_code == 0
        assert "a configuration was refused at" in status.stdout
        assert checked.stdout.strip() in status.stdout
        assert "asterisk.ari.username changed: restart" in status.stdout

        write(config, CONFIG.replace("geheim-geheim", "geheim-anders") + "log: {level: debug}\n")
        router.send_signal(signal.SIGHUP)
        line = await said(log, "routes changed: sales (request.auth)")
        assert "the configuration was loaded" in line
        assert "geheim" not in line
        unchanged = json.loads((await command(config, "reload", "--json")).stdout)
        assert unchanged.pop("at")
        assert unchanged == {"taken": True, "changes": [], "restart_needed_for": [], "problems": []}
        status = await command(config, "status", "--json")
        assert (json.loads(status.stdout)["reload_refused"], json.loads(status.stdout)["configs_in_use"]) == (None, 1)

        elsewhere = config.with_name("other.yaml")
        write(elsewhere, CONFIG)
        other = await command(elsewhere, "reload")
        assert (other.exit_code, "runs with another configuration" in other.stderr) == (2, True)

        router.send_signal(signal.SIGTERM)
        assert await router.wait() == 0


async def test_the_doctor_finds_a_configuration_that_the_running_router_does_not_have(config: Path) -> None:
    async with started(config) as (_, log):
        await said(log, "the router serves")
        assert (await found(config))["status"] == "ok"

        write(config, CONFIG.replace("path: user", "path: name"))
        assert "the files were written at" in (await found(config))["found"]

        write(config, CONFIG.replace("path: user", "path: [", 1))
        assert "the file as it is now cannot be used" in (await found(config))["found"]

        days = [f"was refused at {datetime.now(UTC):%Y-%m-%d}"]
        assert (await command(config, "reload")).exit_code == 1
        days.append(f"was refused at {datetime.now(UTC):%Y-%m-%d}")
        write(config, CONFIG)
        refused = await found(config)
        assert any(day in refused["found"] for day in days)
        assert f"{config}:7: " in refused["found"]

        assert (await command(config, "reload")).exit_code == 0
        assert (await found(config))["status"] == "ok"


async def found(config: Path) -> dict[str, str]:
    """What the doctor finds of it; the exit status also tells of Asterisk, which is not there."""
    [finding] = [
        finding
        for finding in json.loads((await command(config, "doctor", "--json")).stdout)["findings"]
        if finding["id"] == "reload"
    ]
    assert finding["status"] in {"ok", "warning"}
    return dict(finding)


@pytest.mark.parametrize("words", [["reload"], ["status"]])
async def test_a_router_that_is_not_found_by_half_a_file_is_not_said_to_be_down(config: Path, words: list[str]) -> None:
    write(config, "routes:\n  sales: [\n")
    unfound = await command(config, *words)
    assert unfound.exit_code == {"reload": 2, "status": 1}[words[0]]
    assert f"has a mistake: {config}:3: not valid YAML" in unfound.stderr
    assert "keeps the configuration that it has" in unfound.stderr


async def test_a_router_is_the_same_by_whatever_path_its_file_was_named(config: Path) -> None:
    async with started(Path(config.name), folder=config.parent) as (_, log):
        await said(log, "the router serves")
        assert (await command(config, "reload")).exit_code == 0


async def test_a_sighup_does_not_end_a_router_that_starts_and_is_obeyed_when_it_runs(config: Path) -> None:
    """Its password stands in a pipe, so that it goes on starting when the test wants it to."""
    password = config.with_name("password")
    os.mkfifo(password)
    write(config, CONFIG.replace("password: 8f14e45f", "password_file: password"))
    router = await installed("--config", str(config), "serve")
    assert router.stderr is not None
    try:
        with await asyncio.to_thread(password.open, "w") as pipe:  # returns when the router has opened it, too
            router.send_signal(signal.SIGHUP)
            password.unlink()
            password.write_text("8f14e45f")
            pipe.write("8f14e45f")
        await said(router.stderr, "the router serves")
        await said(router.stderr, "the configuration was loaded")
    finally:
        router.kill()
        await router.communicate()
