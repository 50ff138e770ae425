"""`agi-router serve`."""

import asyncio
import gc
from pathlib import Path
from typing import Final

import uvloop

from agi_router.fastagi import DoorError
from ari_app.app.serving import serve
from ari_app.asterisk.connection import ReplacedError
from ari_app.cli.outcome import CommandError, Status
from ari_app.logs import set_up_logs
from ari_app.settings import load_settings
from ari_app.web.errors import WebError

GARBAGE_AFTER: Final = 20_000
"""Objects more than there were. A call makes some thousand, and leaves none that only the collector could free: by
Python's 700 it runs several times for each call, and looks through all that was imported now and then."""


def serve_until_stopped(config: Path) -> None:
    """Run the router. Raises what it cannot start for: ConfigError, StorageError, ControlError, CommandError."""
    settings = load_settings(config)
    set_up_logs(settings.log)
    gc.freeze()  # what is there now stays for as long as the router runs
    gc.set_threshold(GARBAGE_AFTER)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(config.absolute(), settings))
    except (DoorError, WebError) as error:
        raise CommandError(str(error), error.remedy) from None
    except ReplacedError:
        raise CommandError(
            f"another program has taken over the ARI application {settings.asterisk.ari.app}",
            "Only one router may use a name: stop the other, or give this one its own asterisk.ari.app.",
            Status.REPLACED,
        ) from None
