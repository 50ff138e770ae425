"""`agi-router serve`."""

import asyncio
from pathlib import Path

import uvloop

from agi_router.fastagi import DoorError
from ari_app.app import serve
from ari_app.asterisk.connection import ReplacedError
from ari_app.cli.outcome import CommandError, Status
from ari_app.logs import set_up_logs
from ari_app.settings import load_settings


def serve_until_stopped(config: Path) -> None:
    """Run the router. Raises what it cannot start for: ConfigError, StorageError, ControlError, CommandError."""
    settings = load_settings(config)
    set_up_logs(settings.log)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(config.absolute(), settings))
    except DoorError as error:
        raise CommandError(str(error), error.remedy) from None
    except ReplacedError:
        raise CommandError(
            f"another program has taken over the ARI application {settings.asterisk.ari.app}",
            "Only one router may use a name: stop the other, or give this one its own asterisk.ari.app.",
            Status.REPLACED,
        ) from None
