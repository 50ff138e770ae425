"""What programs are promised, and every ring of tests holds us to."""

DRY_RUN_KEYS = [
    "route",
    "closed",
    "failed_attempts",
    "request",
    "answer",
    "value",
    "source",
    "age_s",
    "destination",
    "carries",
    "members",
    "devices",
    "blocked",
    "error",
]
