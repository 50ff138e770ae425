"""How many messages one phone may send: what is more is left out, and the log tells it once in a while."""

from collections import OrderedDict
from time import monotonic_ns
from typing import Final

import structlog

from ari_app.access.rates import MINUTE, Clock, Window

MOST_PER_MINUTE: Final = 60
MOST_SENDERS: Final = 10_000
"""Whose messages are counted; then those are forgotten who have sent nothing for the longest time."""

log = structlog.get_logger("agi_router.messages")


class Floods:
    """Counts the messages of each sender."""

    def __init__(self, clock: Clock = monotonic_ns) -> None:
        self._clock = clock
        self._windows: OrderedDict[str, Window] = OrderedDict()
        self._told: dict[str, int] = {}

    def lets_in(self, sender: str) -> bool:
        """Count one more; whether there is room for it."""
        at = self._clock()
        window = self._windows.setdefault(sender, Window(MINUTE))
        self._windows.move_to_end(sender)
        while len(self._windows) > MOST_SENDERS:
            forgotten, _ = self._windows.popitem(last=False)
            self._told.pop(forgotten, None)
        if window.take(MOST_PER_MINUTE, at).allowed:
            return True
        if at - self._told.get(sender, at - MINUTE) >= MINUTE:
            self._told[sender] = at
            log.warning(
                "a phone sends too many messages: those beyond the limit are left out",
                endpoint=sender,
                most_per_minute=MOST_PER_MINUTE,
                remedy="look what it sends; message_context in pjsip.conf can keep its messages from the router",
            )
        return False
