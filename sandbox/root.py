"""The tree that the sandbox's Asterisk runs in: Debian's packages in a folder of their own, built once and kept.

No container service and no installed Asterisk is needed: mmdebstrap makes the tree in about 20 s, as root, or as
a normal user in a user namespace. Nothing of a single run is written into it.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from sandbox.errors import SandboxError

DEFAULT_ROOT = Path(__file__).resolve().parent.parent / ".cache" / "asterisk-root"

SUITE = "forky"  # the first Debian release with Asterisk 22
PACKAGES = ("asterisk", "asterisk-core-sounds-en")

# Names are resolved by the files of each run, which are mounted on /run.
OWN_NAMES = 'for file in hosts resolv.conf; do rm -f "$1/etc/$file"; ln -s "/run/$file" "$1/etc/$file"; done'

# PJSIP's DNS client listens on 0.0.0.0 and [::] as soon as there is a name server, and glibc makes one up (127.0.0.1)
# when resolv.conf names none. The sandbox shall listen on loopback only, so in this private tree res_pjsip's question
# for the name servers goes to a C function that is null on every Linux. It then resolves as the system does.
NO_DNS_CLIENT = Path(__file__).with_name("no-dns-client.sh")

RECIPE = (
    "mmdebstrap",
    "--variant=minbase",
    "--aptopt=Acquire::Check-Valid-Until false",  # a mirror may be a snapshot
    f"--include={','.join(PACKAGES)}",
    f"--customize-hook={OWN_NAMES}",
    f"--customize-hook=\n{NO_DNS_CLIENT.read_text()}",
)
RECIPE_FILE = ".recipe"


def asterisk_root(root: Path = DEFAULT_ROOT) -> Path:
    """The tree at `root`, built if it is not there or was made by another recipe.

    Callers in other processes wait for the one that builds. Raises SandboxError when it cannot be built.
    """
    if not _is_current(root):
        root.parent.mkdir(parents=True, exist_ok=True)
        with _locked(root.with_name(f"{root.name}.lock")):
            if not _is_current(root):
                _build(root)
    return root


def _recipe_id() -> str:
    return hashlib.sha256("\0".join((*RECIPE, SUITE)).encode()).hexdigest()


def _is_current(root: Path) -> bool:
    try:
        return (root / RECIPE_FILE).read_text() == _recipe_id()
    except FileNotFoundError:
        return False


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _build(root: Path) -> None:
    """Build beside `root` and rename, so that a tree under its final name is always complete."""
    _require_tools()
    fresh = root.with_name(f"{root.name}.new")
    _remove(fresh)
    try:
        if os.geteuid() == 0:
            _run([*RECIPE, "--mode=root", "--format=directory", SUITE, str(fresh)])
        else:
            _build_as_user(fresh)
    except BaseException:
        _remove(fresh)
        raise
    (fresh / RECIPE_FILE).write_text(_recipe_id())
    old = root.with_name(f"{root.name}.old")
    _remove(old)
    if root.exists():
        root.rename(old)
    fresh.rename(root)
    _remove(old)


def _build_as_user(fresh: Path) -> None:
    """By way of a tar, so that every file belongs to the user, who can then remove the tree like any other."""
    archive = fresh.with_suffix(".tar")
    try:
        _run([*RECIPE, "--mode=unshare", "--format=tar", SUITE, str(archive)])
        fresh.mkdir()
        # A user cannot make device nodes; /dev is mounted at run time.
        _run(["tar", "--extract", "--file", str(archive), "--directory", str(fresh), "--exclude=./dev/*"])
    finally:
        archive.unlink(missing_ok=True)


def _require_tools() -> None:
    packages = {"mmdebstrap": "mmdebstrap", "unshare": "util-linux"}
    if os.geteuid() != 0:
        packages["newuidmap"] = "uidmap"
    missing = [package for tool, package in packages.items() if shutil.which(tool) is None]
    if missing:
        raise SandboxError(
            f"The sandbox's Asterisk cannot be built: {', '.join(missing)} not found. "
            f"Install with: sudo apt-get install {' '.join(missing)}"
        )


def _run(command: list[str]) -> None:
    """Run one step; a terminal sees its newest line, an error carries its last ones."""
    last_lines: deque[str] = deque(maxlen=15)
    console = Console(stderr=True)
    with (
        console.status("Building the sandbox's Asterisk, once, about 20 s") as status,
        subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process,
    ):
        if process.stderr is None:
            raise AssertionError("stderr is a pipe")
        for line in process.stderr:
            last_lines.append(line.rstrip())
            status.update(f"Building the sandbox's Asterisk, once, about 20 s: {line.strip()[:80]}")
    if process.returncode != 0:
        raise SandboxError(
            f"The sandbox's Asterisk could not be built: {command[0]} ended with status {process.returncode}. "
            "Check that this machine reaches a Debian mirror (apt-get update), then try again. Its last lines:\n"
            + "\n".join(last_lines)
        )


def _remove(path: Path) -> None:
    if path.exists():
        shutil.rmtree(path)
