"""What all tests share: how hypothesis goes about its examples, and how what is logged on the way is printed."""

import gc
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings

# How long one example takes, or its making, says more about what else the machine does than about the code.
settings.register_profile("exploring", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# Each run has the same examples: what a new one finds is no fault of the change that is tested. Who looks for new ones
# does so by --hypothesis-profile exploring.
settings.register_profile("patient", settings.get_profile("exploring"), derandomize=True, database=None)
settings.load_profile("patient")

# A traceback with all variables takes a second of the event loop, which stories that break on purpose would wait for.
structlog.configure(
    processors=[
        *structlog.get_config()["processors"][:-1],
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)

SYSTEM = Path(__file__).with_name("system")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as `long` all that a commit need not wait for: what runs on a real Asterisk, or on a database's server."""
    for item in items:
        assert isinstance(item, pytest.Function)
        values = item.callspec.params.values() if hasattr(item, "callspec") else ()
        if item.path.is_relative_to(SYSTEM) or "cluster" in item.fixturenames or "postgresql" in values:
            item.add_marker(pytest.mark.long)


class FailuresAtOnce:
    """Names each test as it fails: the summary is never printed by a run that is broken off."""

    def __init__(self, terminal: pytest.TerminalReporter) -> None:
        self._terminal = terminal

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Called in the process that prints, for each step of each test."""
        if report.failed:
            self._terminal.ensure_newline()
            self._terminal.write_line(f"FAILED in its {report.when}: {report.nodeid}", red=True)


@pytest.hookimpl(trylast=True)  # pytest's own makes the reporter
def pytest_configure(config: pytest.Config) -> None:
    """Have failures named where there is a terminal: workers have none."""
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    if isinstance(terminal, pytest.TerminalReporter):
        config.pluginmanager.register(FailuresAtOnce(terminal))


def pytest_collection_finish() -> None:
    """Spare the garbage collector the thousands of tests and all modules, which stay until the end."""
    gc.collect()
    gc.freeze()
