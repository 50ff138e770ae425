"""`agi-router doctor`, by a clock that goes slowly: what only takes its time on a busy machine is no finding.

What never answers still is one, a little later.
"""

import asyncio
import time
from typing import Final

import ari_app.cli
from ari_app.doctor import asterisk

SLOWER: Final = 10


if __name__ == "__main__":
    asyncio.BaseEventLoop.time = lambda _: time.monotonic() / SLOWER  # type: ignore[assignment,method-assign]
    asterisk.SLOW_MS *= SLOWER  # type: ignore[misc]
    asterisk.CLOCK_TOLERANCE_S *= SLOWER  # type: ignore[misc]
    ari_app.cli.main()
