"""The router's image alone, beside an Asterisk that runs without containers. As docs/docker.md tells."""

import contextlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from sandbox import Asterisk, Phone
from sandbox.router import router_config

ROOT = Path(__file__).parents[2]
IMAGE = "agi-router"
NAME = VOLUME = "agi-router-test"
LOCKED_UP = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")


def docker(*arguments: str, succeeds: bool = True) -> str:
    done = subprocess.run(("docker", *arguments), cwd=ROOT, text=True, capture_output=True, check=False, timeout=600)
    assert (done.returncode == 0) is succeeds, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module", autouse=True)
def image() -> None:
    docker("compose", "--file", "docker/compose.yaml", "build", "router")


@pytest.fixture
def volume() -> Iterator[str]:
    yield VOLUME
    docker("volume", "rm", VOLUME)


@contextlib.contextmanager
def router(config: Path, volume: str) -> Iterator[None]:
    mounts = ("--volume", f"{config}:/etc/agi-router:ro", "--volume", f"{volume}:/var/lib/agi-router")
    health = ("--health-interval", "200ms")
    docker("run", "--detach", "--name", NAME, "--network", "host", *LOCKED_UP, *mounts, *health, IMAGE)
    try:
        docker(
            "exec",
            NAME,
            "sh",
            "-c",
            "until agi-router status --json | grep -q '\"asterisk_connected\": true'; do :; done",
        )
        yield
        docker("stop", "--time", "30", NAME)
        assert docker("wait", NAME) == "0\n"
    finally:
        docker("rm", "--force", NAME)


def calls() -> list[dict[str, object]]:
    listed: list[dict[str, object]] = json.loads(docker("exec", NAME, "agi-router", "calls", "--json"))
    return listed


async def test_it_routes_calls_without_any_rights_and_its_log_outlives_the_container(
    tmp_path: Path, volume: str
) -> None:
    folder = tmp_path / "config"
    folder.mkdir()
    async with Asterisk() as asterisk:
        config = router_config(asterisk, f"http://{asterisk.layout.api}:1/") | {"storage": {}}
        (folder / "agi-router.yaml").write_text(yaml.safe_dump(config))
        with router(folder, volume):
            assert calls() == []
            async with Phone.carrier(asterisk.layout) as caller, Phone.user(asterisk.layout, "carol") as carol:
                call = await caller.call("+14155550100", caller="+14155550177")
                ringing = await carol.next_call()
                await ringing.answer()
                await call.answered()
                await call.hang_up()
                await ringing.ended()
        with router(folder, volume):
            assert len(calls()) == 1
            mounts = ("--volume", f"{folder}:/etc/agi-router:ro", "--volume", f"{volume}:/var/lib/agi-router")
            second = refused("--network", "host", *mounts, IMAGE)
            assert "docker stop" in second
            assert "kill 1" not in second


def refused(*arguments: str) -> str:
    done = subprocess.run(
        ("docker", "run", "--rm", *arguments), text=True, capture_output=True, check=False, timeout=60
    )
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_configuration_that_its_user_cannot_reach_is_told() -> None:
    locked = ("--tmpfs", "/etc/agi-router:mode=0700,uid=0")
    assert "cannot be read: Permission denied" in refused("--network", "none", *locked, IMAGE)


def test_a_new_volume_is_empty_and_closed_to_others() -> None:
    inside = ("run", "--rm", "--network", "none", "--entrypoint", "sh", IMAGE, "-c")
    assert docker(*inside, "ls -A /var/lib/agi-router; stat -c '%a %u' /var/lib/agi-router") == "700 10001\n"


def test_it_has_no_rights_and_no_package_manager_of_its_language() -> None:
    alone = ("run", "--rm", "--network", "none")
    assert docker(*alone, "--entrypoint", "id", IMAGE, "-u") == "10001\n"
    assert docker(*alone, IMAGE, "--version").startswith("agi-router ")
    assert "/etc/agi-router/agi-router.yaml" in docker(*alone, IMAGE, "check-config", succeeds=False)
    docker(*alone, "--entrypoint", "sh", IMAGE, "-c", "command -v pip pip3", succeeds=False)
