"""What is built once on a machine and kept in `.cache`: whole or not at all, by one builder, anew by another recipe."""

import fcntl
import hashlib
import shutil
import subprocess
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from sandbox.errors import SandboxError

CACHE = Path(__file__).resolve().parent.parent / ".cache"
RECIPE_FILE = ".recipe"


def built_once(folder: Path, recipe: str, build: Callable[[Path], None]) -> Path:
    """`folder`, made by `build` if it is not there or was made by another recipe.

    `build` makes the folder that it is given, beside the final one, and raises SandboxError when it cannot. Callers in
    other processes wait for the one that builds.
    """
    made_by = hashlib.sha256(recipe.encode()).hexdigest()
    if not _is_current(folder, made_by):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _locked(folder.with_name(f"{folder.name}.lock")):
            if not _is_current(folder, made_by):
                _replace(folder, made_by, build)
    return folder


def run_step(command: Sequence[str | Path], title: str, remedy: str, env: Mapping[str, str] | None = None) -> None:
    """Run one step of a build; a terminal sees its newest line, an error carries the remedy and its last ones."""
    last_lines: deque[str] = deque(maxlen=15)
    console = Console(stderr=True)
    with (
        console.status(title) as status,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env) as process,
    ):
        if process.stdout is None:
            raise AssertionError("stdout is a pipe")
        for line in process.stdout:
            last_lines.append(line.rstrip())
            status.update(f"{title}: {line.strip()[:80]}")
    if process.returncode != 0:
        raise SandboxError(
            f"{title} failed: {command[0]} ended with status {process.returncode}. {remedy} Its last lines:\n"
            + "\n".join(last_lines)
        )


def remove(path: Path) -> None:
    """Remove a folder with all that is in it, if it is there."""
    if path.exists():
        shutil.rmtree(path)


def _is_current(folder: Path, made_by: str) -> bool:
    try:
        return (folder / RECIPE_FILE).read_text() == made_by
    except FileNotFoundError:
        return False


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _replace(folder: Path, made_by: str, build: Callable[[Path], None]) -> None:
    """Build beside `folder` and rename, so that a folder under its final name is always complete."""
    fresh = folder.with_name(f"{folder.name}.new")
    remove(fresh)
    try:
        build(fresh)
    except BaseException:
        remove(fresh)
        raise
    (fresh / RECIPE_FILE).write_text(made_by)
    old = folder.with_name(f"{folder.name}.old")
    remove(old)
    if folder.exists():
        folder.rename(old)
    fresh.rename(folder)
    remove(old)
