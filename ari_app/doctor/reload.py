"""Which configuration the running router has in force, beside the one on disk."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from agi_router.document import Problem, configuration_files
from ari_app.doctor.finding import Finding, Group, Topic
from ari_app.doctor.router import Status
from ari_app.live.reload import problem_of_json

RELOAD: Final = Topic("reload", Group.ROUTER)


def judge_reload(
    status: Status, config: Path, problems: Sequence[Problem] = (), *, written_at: datetime | None = None
) -> Finding:
    """`problems` are those of the files as they are now, `written_at` is when the last of them was."""
    if "config" not in status:
        return RELOAD.skipped("the router is of a version that does not tell its configuration", "restart the router")
    running, since = Path(status["config"]), datetime.fromisoformat(status["config_loaded_at"])
    goes_on = f"calls go by the configuration that was loaded at {_moment(since)}"
    if running.resolve() != config.resolve():
        return RELOAD.warning(
            f"the router that was found runs with another configuration: {running}",
            f"look at that one: agi-router --config {running} doctor; two routers need a storage.url each",
        )
    if problems:
        return RELOAD.warning(
            f"{goes_on}: the file as it is now cannot be used",
            "mend it, then agi-router reload; a router that has to start again before that does not come up",
        )
    if refused := status["reload_refused"]:
        first, *more = [str(problem_of_json(told)) for told in refused["problems"]]
        others = f", and {len(more)} more" if more else ""
        return RELOAD.warning(
            f"{goes_on}: a later one was refused at {_moment(datetime.fromisoformat(refused['at']))}: {first}{others}",
            "the files have no mistake now: agi-router reload; should they be refused again, the router's environment, "
            "or what its user may read, differs from yours",
        )
    if written_at is not None and written_at > since:
        return RELOAD.warning(f"{goes_on}, and the files were written at {_moment(written_at)}", "agi-router reload")
    if keys := status["restart_needed_for"]:
        return RELOAD.warning(
            f"{goes_on}, but for {', '.join(keys)}", "restart the router; those who talk go on talking"
        )
    return RELOAD.ok(f"{goes_on}, and the files have not changed since")


def last_written(config: Path) -> datetime | None:
    """When the newest of its files was written, or put in its place; None when that cannot be told."""
    try:
        return datetime.fromtimestamp(max(file.stat().st_ctime for file in configuration_files(config)), UTC)
    except (OSError, ValueError):
        return None


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
