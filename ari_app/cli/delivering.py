"""`agi-router webhooks deliver`."""

import asyncio
import gc
from pathlib import Path

import uvloop

from ari_app.app.delivering import deliver
from ari_app.cli.outcome import CommandError
from ari_app.cli.serving import GARBAGE_AFTER
from ari_app.logs import set_up_logs
from ari_app.settings import load_settings


def deliver_until_stopped(config: Path) -> None:
    """Deliver webhooks. Raises what it cannot begin for: ConfigError, StorageError, CommandError."""
    settings = load_settings(config)
    set_up_logs(settings.log)
    gc.freeze()  # what is there now stays
    gc.set_threshold(GARBAGE_AFTER)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(deliver(settings))
    except OSError as error:
        raise CommandError(
            f"no webhooks can be delivered: {error}", "Look after the file webhooks.ca_file: agi-router check-config"
        ) from None
