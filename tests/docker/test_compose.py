"""docker/compose.yaml with a real daemon. Run by `make docker-test`, which brings one where there is none."""

import contextlib
import json
import re
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

COMPOSE = ("docker", "compose", "--file", "docker/compose.yaml", "--ansi", "never")
ROOT = Path(__file__).parents[2]
STORY_S = 120
IMAGES = ("agi-router", "agi-router-demo", "agi-router-demo-asterisk")


def compose(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return run("env", *(f"{name}={value}" for name, value in environment.items()), *COMPOSE, *arguments)


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=False, timeout=600)


def out(*command: str) -> str:
    done = run(*command)
    assert done.returncode == 0, done.stderr
    return done.stdout


def container(service: str) -> str:
    return out(*COMPOSE, "ps", "--all", "--quiet", service).strip()


@pytest.fixture(scope="module", autouse=True)
def images() -> None:
    began = time.monotonic()
    built = compose("build")
    assert built.returncode == 0, built.stdout + built.stderr
    print(f"\nbuilt in {time.monotonic() - began:.0f} s")  # noqa: T201 - a figure for people
    for image in IMAGES:
        print(f"{image}: {int(out('docker', 'image', 'inspect', '--format', '{{.Size}}', image)) / 1e6:.0f} MB")  # noqa: T201


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    yield
    down = compose("down", "--volumes", "--timeout", "5")
    assert down.returncode == 0, down.stderr


@contextlib.contextmanager
def up(*arguments: str, once: bool = False) -> Iterator[subprocess.Popen[str]]:
    command = ("env", *(("ONCE=1",) if once else ()), *COMPOSE, "up", "--no-build", "--no-log-prefix", *arguments)
    with subprocess.Popen(
        command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    ) as running:
        try:
            yield running
        finally:
            if running.poll() is None:
                compose("kill")
                running.wait(STORY_S)


def told(running: subprocess.Popen[str], wanted: str) -> str:
    """All lines until the one in which this regular expression is found."""
    assert running.stdout is not None
    lines = []
    for line in running.stdout:
        lines.append(line)
        if re.search(wanted, line):
            return "".join(lines)
    return pytest.fail(f"{wanted!r} was not told:\n{''.join(lines)}")


def rest(running: subprocess.Popen[str]) -> str:
    assert running.stdout is not None
    return running.stdout.read()


def test_once_ends_with_the_story_s_exit_status() -> None:
    began = time.monotonic()
    with up("--exit-code-from", "demo", once=True) as running:
        told(running, "called for")
        print(f"\nup to the first story in {time.monotonic() - began:.1f} s")  # noqa: T201
        text = rest(running)
        assert running.wait(STORY_S) == 0, text
    assert "All 3 calls went as expected." in text


def test_it_stays_up_on_loopback_alone_until_ctrl_c_and_the_parts_end_in_order() -> None:
    with up() as running:
        text = told(running, "Ctrl-C")
        assert "All 3 calls went as expected." in text
        inside = {pid for service in ("asterisk", "demo", "router") for pid in pids(service)}
        sockets = [line.split() for line in out("ss", "-Hlntup").splitlines()]
        open_here = [socket[4] for socket in sockets if inside & set(re.findall(r"pid=(\d+)", socket[-1]))]
        assert len(open_here) > len(("SIP", "ARI", "the CRM", "four phones")), open_here
        assert [address for address in open_here if not address.startswith("127.")] == []
        healthy("router")
        healthy("asterisk")
        places_a_call_by_the_rest_api(text)
        router = container("router")
        assert out("docker", "inspect", "--format", "{{.Name}}", router).startswith("/agi-router-demo")
        assert out("docker", "inspect", "--format", "{{.HostConfig.ReadonlyRootfs}}", router) == "true\n"
        running.send_signal(signal.SIGINT)
        rest(running)
        running.wait(STORY_S)
    last_words = {service: compose("logs", service).stdout for service in ("demo", "router")}
    assert "Ended; nothing is left running." in last_words["demo"]
    assert "the router has stopped" in last_words["router"]
    assert [state(service)["ExitCode"] for service in ("demo", "router", "asterisk", "premises")] == [0, 0, 0, 0]


@pytest.mark.parametrize(("service", "part"), [("asterisk", "Asterisk"), ("router", "The router")])
def test_a_container_that_is_killed_fails_the_demo_by_name(service: str, part: str) -> None:
    with up(once=True) as running:
        told(running, "called for")
        assert run("docker", "kill", container(service)).returncode == 0
        told(running, f"{part} is gone.")
        assert out("docker", "wait", container("demo")).strip() == "1"


def test_it_can_be_started_again_without_clearing_up() -> None:
    for _ in range(2):
        with up("--exit-code-from", "demo", once=True) as running:
            text = rest(running)
            assert running.wait(STORY_S) == 0, text


def places_a_call_by_the_rest_api(text: str) -> None:
    """From the host, with the address and the key that the demo has printed."""
    printed = re.search(r"export PBX=(?P<url>\S+) KEY=(?P<key>\S+)", text)
    assert printed is not None, text
    for probe in ("/healthz", "/readyz"):
        assert urllib.request.urlopen(printed["url"] + probe, timeout=STORY_S).status == HTTPStatus.OK
    wanted = urllib.request.Request(
        f"{printed['url']}/api/v1/calls?wait=answered",
        data=json.dumps({"user": "101", "number": "102"}).encode(),
        headers={"Authorization": f"Bearer {printed['key']}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(wanted, timeout=STORY_S) as answer:
        assert json.load(answer)["state"] == "talking"


def healthy(service: str) -> None:
    """Wait for the image's own health check; it has an interval of 10 s."""
    deadline = time.monotonic() + 60
    while (health := state(service)["Health"])["Status"] != "healthy":
        assert time.monotonic() < deadline, health
        time.sleep(0.5)


def state(service: str) -> dict[str, Any]:
    described: dict[str, Any] = json.loads(out("docker", "inspect", "--format", "{{json .State}}", container(service)))
    return described


def pids(service: str) -> list[str]:
    return [line.split()[0] for line in out("docker", "top", container(service), "-o", "pid").splitlines()[1:]]
