"""Queues: those of Asterisk's app_queue that callers may be sent to."""

from dataclasses import dataclass

DEFAULT_WAIT_S = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """`id` is the word of answers and configurations, `name` that of queues.conf.

    A caller waits at most `timeout_s` seconds in it, where a step does not say otherwise.
    """

    id: str
    name: str
    timeout_s: float = DEFAULT_WAIT_S
