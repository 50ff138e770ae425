"""An Asterisk and a router that others have started: the demo attaches to them instead of starting its own."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from sandbox.asterisk import RunningAsterisk
from sandbox.layout import Layout
from sandbox.router import RunningRouter

# They start at the same time as the demo, on a machine that may be busy with that.
START_DEADLINE_S = 120.0
POLL_S = 0.25


class AsteriskBeside(RunningAsterisk):
    """Their Asterisk; `run` is the folder that its configuration was written to. Its process is not known here."""

    pid = None

    def __init__(self, layout: Layout, run: Path) -> None:
        self.layout = layout
        self._run = run

    async def lost(self) -> str:
        """Wait until it is gone; gives a sentence that says so."""
        try:
            reader, writer = await asyncio.open_unix_connection(self.control_socket)
        except OSError:
            return "Asterisk is gone."
        try:
            while await reader.read(65536):
                pass
        except ConnectionResetError:
            pass
        finally:
            writer.close()
        return "Asterisk is gone."


class RouterBeside(RunningRouter):
    """Their router. Its process is not known here."""

    pid = None

    async def lost(self) -> str:
        """Wait until it does not answer any more; gives a sentence that says so."""
        while await self.status() is not None:  # noqa: ASYNC110 - the one who dies tells nobody
            await asyncio.sleep(POLL_S)
        return "The router is gone."


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """Both of them, and the port at which this router looks for the CRM."""

    asterisk: AsteriskBeside
    router: RouterBeside
    crm_port: int

    async def ready(self) -> None:
        """Wait until the router is connected to Asterisk. Raises SandboxError when that takes too long."""
        await self.router.until(lambda status: bool(status["asterisk_connected"]), START_DEADLINE_S)
