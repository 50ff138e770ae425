"""What makes a run worthless."""


class BenchError(Exception):
    """The run can't be trusted: calls failed that should not, were not bridged, or something was left behind."""
