"""`agi-router` as people and scripts run it: a process, its output, its exit status."""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import warm

AGI_ROUTER = Path(sys.executable).with_name("agi-router")


@dataclass(frozen=True, slots=True)
class Ran:
    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def rows(self) -> list[str]:
        """The lines for people, whatever their columns' width."""
        return [" ".join(line.split()) for line in self.out.splitlines()]


@dataclass(frozen=True, slots=True)
class Command:
    """`agi-router --config` this file; or a module of the tests that is started in the same way."""

    config: Path
    module: str = ""

    async def __call__(self, *words: str, extra: Mapping[str, str] | None = None) -> Ran:
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            process = await warm.start(
                *("--config", str(self.config), *words),
                stdout=out,
                stderr=err,
                environment=environment(extra),
                module=self.module,
            )
            status = await process.wait()
            out.seek(0)
            err.seek(0)
            ran = Ran(status, out.read().decode(), err.read().decode())
        assert "Traceback" not in ran.err
        return ran


async def installed(
    *words: str, extra: Mapping[str, str] | None = None, stdout: int = asyncio.subprocess.PIPE
) -> asyncio.subprocess.Process:
    """The command that pip has installed, by a Python of its own: a second of imports.

    Ctrl-C reaches it in the background, too, where a shell has SIGINT ignored by all that it starts.
    """
    return await asyncio.create_subprocess_exec(
        *("env", "--default-signal=INT", str(AGI_ROUTER), *words),
        stdout=stdout,
        stderr=asyncio.subprocess.PIPE,
        env=environment(extra),
    )


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Little of that of the tests, so that it is the same everywhere."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return inherited | {"TZ": "Europe/Berlin", "LANG": "C.UTF-8", "COLUMNS": "200"} | dict(extra or {})
