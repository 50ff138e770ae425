"""The command as it is installed: where its start, its end or its standard output is the point."""

import os
import signal

import pytest

from tests.command import Command, installed

pytestmark = pytest.mark.long


@pytest.mark.usefixtures("calls_on_record")
@pytest.mark.parametrize("words", [["calls", "--json"], ["calls"], ["dialplan"]])
async def test_a_reader_that_goes_away_is_no_error(command: Command, words: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = await installed("--config", str(command.config), *words, stdout=writing)
    os.close(writing)
    _, err = await process.communicate()
    assert err == b""


async def test_a_router_serves_without_asterisk_tells_its_status_and_ends_on_sigterm(command: Command) -> None:
    before = await command("status")
    assert before.status == 1
    assert "no router runs with this configuration" in before.err
    router = await installed("--config", str(command.config), "serve")
    assert router.stderr is not None
    while b"the router serves" not in await router.stderr.readline():
        assert router.returncode is None
    status = (await command("status", "--json")).json
    assert (status["pid"], status["live_calls"]) == (router.pid, 0)
    assert status["tasks"] == sum(status["tasks_by_coroutine"].values())
    assert status["tasks_by_coroutine"]["Supervisor.run"] == 1
    shown = (await command("status")).out
    assert str(router.pid) in shown
    assert "Supervisor.run" not in shown
    second = await command("serve")
    assert second.status == 1
    assert f"another agi-router (process {router.pid}) already serves" in second.err
    assert (await command("db", "upgrade")).status == 1
    assert (await command("calls")).out == "no calls on record yet\n"
    router.send_signal(signal.SIGTERM)
    out, err = await router.communicate()
    assert (router.returncode, out) == (0, b"")
    assert b"Traceback" not in err
    assert not command.config.with_name("calls.db.sock").exists()


async def test_the_configuration_can_be_named_by_the_environment(command: Command) -> None:
    elsewhere = Command(command.config.with_name("other.yaml"))
    assert (await elsewhere("check-config")).status == 1
    process = await installed("check-config", extra={"AGI_ROUTER_CONFIG": str(command.config)})
    await process.communicate()
    assert process.returncode == 0
