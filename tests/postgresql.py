"""A PostgreSQL of the tests' own: Debian's programs, a data folder in /tmp, no system service, gone with its test run.

Each worker of pytest-xdist has one, for as long as it lives: also one that is killed leaves no server behind.
"""

import asyncio
import os
import pwd
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import asyncpg
import trustme

from ari_app.storage.schema import event_positions, metadata
from ari_app.storage.serving import upgrade
from ari_app.storage.settings import StorageSettings
from sandbox.layout import free_port
from tests.patience import PATIENCE_S

TEMPLATE: Final = "migrated"
SHARED: Final = "shared"
SUPERUSER: Final = "agi-router"
PASSWORD: Final = "p@ss/w#rd"
# Durability is tested against a killed server, whose pages the kernel still has, not against power cuts.
_SPARE: Final = {
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "shared_buffers": "16MB",
    "max_connections": "40",
    "autovacuum": "off",
    "jit": "off",
}

_KNOWN: Final = ", ".join(f"'{name}'" for name in (*metadata.tables, "alembic_version"))
_EMPTYING: Final = (
    # What the test before has left behind may still commit, or hold the lock of who serves.
    f"""
    SELECT pg_terminate_backend(pid, {PATIENCE_S * 1000:.0f}) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
    """,
    "SET lock_timeout = '1s'",
    f"""
    DO $$ DECLARE other text; BEGIN
        FOR other IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT IN ({_KNOWN})
        LOOP EXECUTE format('DROP TABLE %I', other); END LOOP;
    END $$
    """,
    *(f"DELETE FROM {table.name}" for table in reversed(metadata.sorted_tables) if table is not event_positions),
    "UPDATE event_positions SET last = 0, gone = 0",
    "ALTER SEQUENCE history_gaps_id_seq RESTART",
)


def programs() -> Path:
    """The newest PostgreSQL of this machine; tools/install-system-packages brings one."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    assert found, "there is no PostgreSQL: run tools/install-system-packages"
    return found[-1].parent


@dataclass
class Cluster:
    """A server that can be stopped, killed and started again; it listens in its folder and on 127.0.0.1."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None
    made: int = field(default=0)

    def settings(self, database: str) -> StorageSettings:
        """By the socket, without a password; what is kept beside the database is in a folder of its own."""
        beside = self.folder / "beside" / database
        return StorageSettings(f"postgresql://{SUPERUSER}@/{database}?host={self.folder}&port={self.port}", beside)

    def by_tcp(self, database: str, password: str) -> StorageSettings:
        """By TCP, where a password is asked for."""
        return StorageSettings(f"postgresql://{SUPERUSER}:{password}@127.0.0.1:{self.port}/{database}", self.folder)

    @asynccontextmanager
    async def speaking_tls(self, issued: trustme.LeafCert) -> AsyncIterator[None]:
        """Whoever connects within the block, by TCP, can have TLS, and is shown this certificate."""
        files = {"ssl_cert_file": issued.cert_chain_pems[0], "ssl_key_file": issued.private_key_pem}
        for name, blob in files.items():
            path = self.folder / "data" / name
            blob.write_to_path(str(path))
            path.chmod(0o600)
            if os.geteuid() == 0:
                os.chown(path, _nobody().pw_uid, _nobody().pw_gid)
        await self._set(ssl="on", **{name: f"'{name}'" for name in files})
        try:
            yield
        finally:
            await self._set(ssl="off")

    async def _set(self, *, ssl: str, **settings: str) -> None:
        """Change these settings, and wait until those who connect meet them."""
        await self.execute(
            *(f"ALTER SYSTEM SET {name} = {value}" for name, value in settings.items()),
            f"ALTER SYSTEM SET ssl = {ssl}",
            "SELECT pg_reload_conf()",
        )
        async with asyncio.timeout(PATIENCE_S):
            while True:
                connection = await asyncpg.connect(self.settings("postgres").url)
                try:
                    if await connection.fetchval("SHOW ssl") == ssl:
                        return
                finally:
                    await connection.close()
                await asyncio.sleep(0.01)

    def start(self) -> None:
        """Start it, and wait until it lets people in."""
        options = [f"--{name}={value}" for name, value in _SPARE.items()]
        options += [f"--port={self.port}", f"--unix_socket_directories={self.folder}", "--listen_addresses=127.0.0.1"]
        log = self.folder / "log"
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [*as_nobody(), programs() / "postgres", "-D", self.folder / "data", *options],
                stdout=output,
                stderr=output,
                cwd="/",
            )
        deadline = time.monotonic() + PATIENCE_S
        while (ended := self.process.poll()) is None and time.monotonic() < deadline:
            ready = [str(programs() / "pg_isready"), "--quiet", "--host", str(self.folder), "--port", str(self.port)]
            if subprocess.run(ready, check=False).returncode == 0:
                return
            time.sleep(0.02)
        raise AssertionError(f"PostgreSQL does not start ({ended}): {log.read_text()}")

    def stop(self, number: signal.Signals = signal.SIGQUIT) -> None:
        """End it at once, with all connections: SIGQUIT, or as a kernel out of memory would do it: SIGKILL."""
        assert self.process is not None
        with ExitStack() as ending:
            children = _killed_children(self.process.pid, ending) if number is signal.SIGKILL else []
            self.process.send_signal(number)
            self.process.wait(PATIENCE_S)
            for child in children:  # none keeps the memory that they share from the next server
                assert select.select([child], [], [], PATIENCE_S)[0], "a process of the server outlives SIGKILL"
        self.process = None

    async def execute(self, *statements: str, database: str = "postgres") -> None:
        """Carry out statements as the superuser."""
        connection = await asyncpg.connect(self.settings(database).url)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    @contextmanager
    def migrated(self) -> Iterator[StorageSettings]:
        """A migrated database without rows: the one of the test before, if that has left its tables as they were."""
        if self.process is None:
            self.start()
        settings = self.settings(SHARED)
        try:
            asyncio.run(self.execute(*_EMPTYING, database=SHARED))
        except (OSError, asyncpg.PostgresError):  # it is the first test, or the one before went wrong
            recreate = f"DROP DATABASE IF EXISTS {SHARED} WITH (FORCE)", f"CREATE DATABASE {SHARED} TEMPLATE {TEMPLATE}"
            asyncio.run(self.execute(*recreate))
        shutil.rmtree(settings.folder, ignore_errors=True)
        settings.folder.mkdir(parents=True)
        yield settings

    @contextmanager
    def database(self, template: str) -> Iterator[StorageSettings]:
        """A database for one test, a copy of this one."""
        self.made += 1
        name = f"test_{self.made}"
        asyncio.run(self.execute(f"CREATE DATABASE {name} TEMPLATE {template}"))
        settings = self.settings(name)
        settings.folder.mkdir(parents=True)
        try:
            yield settings
        finally:
            if self.process is None:
                self.start()
            asyncio.run(self.execute(f"DROP DATABASE {name} WITH (FORCE)"))


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """A cluster with a migrated database to copy."""
    folder = Path(tempfile.mkdtemp(prefix="agi-router-postgresql-"))
    try:
        if os.geteuid() == 0:
            os.chown(folder, _nobody().pw_uid, _nobody().pw_gid)
        initdb = [str(programs() / "initdb"), "-D", str(folder / "data"), "--no-sync", "--no-locale", "-E", "UTF8"]
        secret = folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        subprocess.run(
            [
                *as_nobody(),
                *initdb,
                "-U",
                SUPERUSER,
                "--auth-local=trust",
                "--auth-host=scram-sha-256",
                f"--pwfile={secret}",
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd="/",
        )
        # Also while it is stopped nobody else gets this port by asking for any.
        cluster = Cluster(folder, free_port("127.0.0.1", socket.SOCK_STREAM))
        cluster.start()
        asyncio.run(cluster.execute(f"CREATE DATABASE {TEMPLATE}"))
        asyncio.run(upgrade(cluster.settings(TEMPLATE)))
        yield cluster
        cluster.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # a process of the server may be removing its own files still


def _killed_children(server: int, open_ends: ExitStack) -> list[int]:
    """Kill the other processes of this server, which notice the death of the first one only by and by; their pidfds.

    It is stopped before: it would start others, and see to it that the memory of those who were killed is made anew.
    """
    os.kill(server, signal.SIGSTOP)
    os.waitid(os.P_PID, server, os.WSTOPPED | os.WNOWAIT)
    killed = []
    for child in map(int, Path(f"/proc/{server}/task/{server}/children").read_text().split()):
        with suppress(ProcessLookupError):  # some end by themselves at any moment
            descriptor = os.pidfd_open(child)
            open_ends.callback(os.close, descriptor)
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            killed.append(descriptor)
    return killed


def as_nobody() -> list[str]:
    """Before a command: it ends with the thread that starts it, and PostgreSQL refuses to be run by root."""
    prefix = ["setpriv", "--pdeathsig", "QUIT"]
    if os.geteuid() == 0:
        prefix += ["--reuid", _nobody().pw_name, "--regid", str(_nobody().pw_gid), "--clear-groups"]
    return prefix


def _nobody() -> pwd.struct_passwd:
    return pwd.getpwnam("nobody")
