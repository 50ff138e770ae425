"""What all tests share: how hypothesis goes about its examples, and how what is logged on the way is printed."""

import structlog
from hypothesis import settings

# How long one example takes says more about what else the machine does than about the code.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

# A traceback with all variables takes a second of the event loop, which stories that break on purpose would wait for.
structlog.configure(
    processors=[
        *structlog.get_config()["processors"][:-1],
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)
