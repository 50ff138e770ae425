"""How long the sandbox waits for what has to happen."""

from typing import Final

PATIENCE_S: Final = 60.0
"""A machine that is busy with something else takes its time: only what never happens is to fail a test."""
