"""Takes a changed configuration into the running router, whole, or refuses it and stays as it is."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, assert_never

import structlog

from agi_router.document import ConfigError, Position, Problem
from ari_app.control.settings import ControlError
from ari_app.live.changes import LIVE, Change, changes, restart_needed
from ari_app.live.reading import LONGEST_S, read_settings
from ari_app.settings import Settings

log = structlog.get_logger("agi_router.live")

DEADLINE_S: Final = 2 * LONGEST_S + 10
"""After which a reload has been told of in any case; it may have waited for another one."""

MOST_PROBLEMS: Final = 20
"""So many are kept for the status and the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """The configuration is in force, but for the keys of `restart`."""

    at: datetime
    changes: tuple[Change, ...]
    restart: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The configuration has these problems; the one before stays in force."""

    at: datetime
    problems: tuple[Problem, ...]


Outcome = Taken | Refused


class Reloading:
    """Reads the configuration again whenever it is asked to, one time after the other.

    `take` puts settings in force; where a file that they name can't be read it raises OSError, and has done nothing.
    """

    def __init__(self, config: Path, settings: Settings, take: Callable[[Settings], Awaitable[None]]) -> None:
        self._config = config
        self._settings = settings
        self._take = take
        self._taken_at = datetime.now(UTC)
        self._restart: tuple[str, ...] = ()
        self._refused: Refused | None = None
        self._turn = asyncio.Lock()
        self._stopping = False

    @property
    def in_force(self) -> Settings:
        """The settings that the router has now."""
        return self._settings

    async def reload(self) -> Outcome:
        """Read, compare, take. Raises ControlError when the router stops: then nothing is taken any more."""
        async with self._turn:
            self._refuse_when_stopping()
            outcome: Outcome
            try:
                outcome = await self._read_and_take()
            except ConfigError as error:
                outcome = self._refused = Refused(at=datetime.now(UTC), problems=error.problems)
            _tell(self._config, outcome)
            return outcome

    async def answer(self, _arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """The command `reload`: see `as_json`."""
        return as_json(await self.reload())

    async def reload_at_each(self, wanted: asyncio.Event) -> None:
        """Reload whenever the event is set, until cancelled. What comes during a reload makes one more."""
        while True:
            await wanted.wait()
            wanted.clear()
            try:
                await self.reload()
            except Exception:
                log.exception("the configuration could not be loaded, by a fault of the router; the one before stays")

    def stop(self) -> None:
        """Take nothing any more."""
        self._stopping = True

    def status(self) -> Mapping[str, Any]:
        """For `agi-router status`: which configuration is in force since when, and whether a later one was refused."""
        refused = self._refused
        return {
            "config": str(self._config),
            "config_loaded_at": self._taken_at.isoformat(),
            "restart_needed_for": list(self._restart),
            "reload_refused": refused and as_json(replace(refused, problems=refused.problems[:MOST_PROBLEMS])),
        }

    async def _read_and_take(self) -> Taken:
        read = await read_settings(self._config)
        found, restart = await asyncio.to_thread(_compare, self._settings, read)
        settings = _without_what_needs_a_restart(self._settings, read)
        self._refuse_when_stopping()
        try:
            await self._take(settings)
        except OSError as error:  # it was right a moment ago, when it was read
            reason = f"a file that it names cannot be read any more: {error}; reload again"
            raise ConfigError([Problem(Position(str(self._config), 1), "", reason)]) from error
        self._settings, self._restart, self._refused = settings, restart, None
        self._taken_at = datetime.now(UTC)
        return Taken(at=self._taken_at, changes=found, restart=restart)

    def _refuse_when_stopping(self) -> None:
        if self._stopping:
            raise ControlError(
                "the router stops, and loads nothing any more", "It reads the configuration as it starts."
            )


def _compare(old: Settings, new: Settings) -> tuple[tuple[Change, ...], tuple[str, ...]]:
    return changes(old, new), restart_needed(old, new)


def _without_what_needs_a_restart(old: Settings, new: Settings) -> Settings:
    return replace(new, **{each.name: getattr(old, each.name) for each in fields(Settings) if each.name not in LIVE})


def _tell(config: Path, outcome: Outcome) -> None:
    match outcome:
        case Taken():
            told = [sentence for change in outcome.changes for sentence in change.sentences()]
            log.info("the configuration was loaded", config=str(config), changes=told)
            if outcome.restart:
                log.warning("changes that a running router does not take; restart it", keys=list(outcome.restart))
        case Refused():
            log.error(
                "the configuration was refused; the one before stays in force",
                problems=[str(problem) for problem in outcome.problems[:MOST_PROBLEMS]],
                count=len(outcome.problems),
            )
        case _:
            assert_never(outcome)


def as_json(outcome: Outcome) -> Mapping[str, Any]:
    """The answer of the control socket, and of `agi-router reload --json`."""
    match outcome:
        case Taken():
            told = [{**asdict(change), "text": list(change.sentences())} for change in outcome.changes]
            restart, problems = list(outcome.restart), []
        case Refused():
            told, restart = [], []
            problems = [problem_json(problem) for problem in outcome.problems]
        case _:
            assert_never(outcome)
    return {
        "taken": isinstance(outcome, Taken),
        "at": outcome.at.isoformat(),
        "changes": told,
        "restart_needed_for": restart,
        "problems": problems,
    }


def problem_of_json(told: Mapping[str, Any]) -> Problem:
    """One of the `problems` that the router tells."""
    return Problem(Position(told["file"], told["line"]), told["key"], told["message"])


def problem_json(problem: Problem) -> dict[str, object]:
    """As `check-config --json` prints it."""
    return {
        "file": problem.position.file,
        "line": problem.position.line,
        "key": problem.key,
        "message": problem.message,
    }
