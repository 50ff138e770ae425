"""The `agi-router` command. `command` declares it; each other module does the work of one subcommand.

Those are imported when their subcommand runs: completion and --help must not wait for a database driver.
"""

from ari_app.cli.command import main

__all__ = ["main"]
