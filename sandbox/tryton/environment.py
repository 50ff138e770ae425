"""Where Tryton is installed, and how its programs are run there."""

import os
import sys
from pathlib import Path

from sandbox.built_once import run_step

DATABASE = "crm"
ADMIN = "admin"
ADMIN_PASSWORD = "admin-secret"  # noqa: S105 - of a database that lives as long as its test

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
TITLE = "Building the sandbox's CRM (Tryton), once, about 20 s"

# Nothing is told of other databases, as an administrator would have it; sqlite:/// takes them from the folder.
CONFIGURATION = """\
[database]
uri = sqlite:///
path = {folder}
list = False
[web]
listen = {address}:{port}
"""


def install(environment: Path) -> None:
    """Make the virtual environment. Raises SandboxError when packages cannot be had."""
    remedy = "Check that this machine reaches PyPI (pip download trytond), then try again."
    run_step([sys.executable, "-m", "venv", environment], TITLE, "Install Debian's package python3-venv.")
    pip: list[str | Path] = [python(environment), "-m", "pip", "--disable-pip-version-check"]
    run_step([*pip, "install", "--requirement", REQUIREMENTS], TITLE, remedy)


def python(environment: Path) -> Path:
    """The interpreter of this environment."""
    return environment / "bin" / "python"


def program(environment: Path, name: str) -> list[str | Path]:
    """One of Tryton's programs. By the interpreter, as its first line names the folder in which it was installed."""
    return [python(environment), environment / "bin" / name]


def configure(folder: Path, address: str, port: int) -> Path:
    """Write the configuration file of a server whose database is in `folder`."""
    path = folder / "trytond.conf"
    path.write_text(CONFIGURATION.format(folder=folder, address=address, port=port))
    return path


def make_database(environment: Path, folder: Path) -> None:
    """Make the database in `folder`: the address book, and user `ADMIN`. Raises SandboxError."""
    folder.mkdir()
    (folder / f"{DATABASE}.sqlite").touch()  # Tryton takes only a file that is there
    password = folder / "password"
    password.write_text(ADMIN_PASSWORD)
    configuration = configure(folder, "127.0.0.1", 0)
    admin = [*program(environment, "trytond-admin"), "--config", configuration, "--database", DATABASE]
    activate = ["--all", "--update", "party", "--activate-dependencies", "--email", "admin@example.com"]
    remedy = "This is a defect of the sandbox, unless the disk is full."
    run_step([*admin, *activate], TITLE, remedy, env={**os.environ, "TRYTONPASSFILE": str(password)})
    password.unlink()
