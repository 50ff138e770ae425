"""A fork of the warm Python is to its caller what the installed command is."""

import asyncio
import os
import signal
import sys
import tempfile
from pathlib import Path

import pytest

from tests import warm
from tests.command import Command, environment, installed

OWNER = """
import asyncio, os, signal, sys
from tests import warm
asyncio.run(warm.start("--config", sys.argv[1], "check-config", stdout=1, stderr=2))
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def endless(tmp_path: Path) -> Path:
    """A configuration that nobody ever finishes to read."""
    config = tmp_path / "agi-router.yaml"
    os.mkfifo(config)
    return config


async def test_it_prints_and_ends_as_the_installed_command_does(tmp_path: Path) -> None:
    config = tmp_path / "agi-router.yaml"
    config.write_text("routs: {}\n")
    process = await installed("--config", str(config), "check-config")
    out, err = await process.communicate()
    ran = await Command(config)("check-config")
    assert (ran.status, ran.out, ran.err) == (process.returncode, out.decode(), err.decode())
    assert (ran.status, "unknown key" in ran.out) == (1, True)


async def test_it_is_ended_by_signals_and_tells_by_which(endless: Path) -> None:
    with tempfile.TemporaryFile() as output:
        process = await warm.start("--config", str(endless), "check-config", stdout=output, stderr=output)
        assert process.returncode is None
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == -signal.SIGTERM
        with pytest.raises(ProcessLookupError):
            process.send_signal(signal.SIGTERM)


async def test_it_ends_with_whoever_started_it_however_that_ends(endless: Path) -> None:
    owner = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", OWNER, str(endless)),
        stdout=asyncio.subprocess.PIPE,
        env=environment({"PYTHONPATH": str(warm.REPOSITORY)}),
    )
    async with asyncio.timeout(120):  # two Pythons start before it
        out, _ = await owner.communicate()  # returns when nobody is left who could write
    assert out == b""
    assert owner.returncode == -signal.SIGKILL
