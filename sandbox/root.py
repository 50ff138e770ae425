"""The tree that the sandbox's Asterisk runs in: Debian's packages in a folder of their own, built once and kept.

No container service and no installed Asterisk is needed: mmdebstrap makes the tree in about 20 s, as root, or as
a normal user in a user namespace. Nothing of a single run is written into it.
"""

import os
import shutil
from pathlib import Path

from sandbox.built_once import CACHE, built_once, run_step
from sandbox.errors import SandboxError

DEFAULT_ROOT = CACHE / "asterisk-root"

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

TITLE = "Building the sandbox's Asterisk, once, about 20 s"
REMEDY = "Check that this machine reaches a Debian mirror (apt-get update), then try again."


def asterisk_root(root: Path = DEFAULT_ROOT) -> Path:
    """The tree at `root`, built if it is not there or was made by another recipe.

    Callers in other processes wait for the one that builds. Raises SandboxError when it cannot be built.
    """
    return built_once(root, "\0".join((*RECIPE, SUITE)), _build)


def _build(fresh: Path) -> None:
    _require_tools()
    if os.geteuid() == 0:
        run_step([*RECIPE, "--mode=root", "--format=directory", SUITE, str(fresh)], TITLE, REMEDY)
    else:
        _build_as_user(fresh)


def _build_as_user(fresh: Path) -> None:
    """By way of a tar, so that every file belongs to the user, who can then remove the tree like any other."""
    archive = fresh.with_suffix(".tar")
    try:
        run_step([*RECIPE, "--mode=unshare", "--format=tar", SUITE, str(archive)], TITLE, REMEDY)
        fresh.mkdir()
        # A user cannot make device nodes; /dev is mounted at run time.
        extract = ["tar", "--extract", "--file", str(archive), "--directory", str(fresh), "--exclude=./dev/*"]
        run_step(extract, TITLE, REMEDY)
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
