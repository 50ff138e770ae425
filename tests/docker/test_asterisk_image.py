"""Asterisk's image alone, with Debian's own configuration."""

import os
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAME = IMAGE = "agi-router-test-asterisk"
START_DEADLINE_S = 60


def docker(*arguments: str) -> str:
    done = subprocess.run(("docker", *arguments), cwd=ROOT, text=True, capture_output=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_comes_up_healthy_as_a_user_without_rights() -> None:
    base = os.environ.get("ASTERISK_BASE", "debian:forky-slim")
    dockerfile = ("--file", "docker/asterisk.Dockerfile", "--target", "asterisk")
    docker("build", "--network", "host", "--build-arg", f"BASE={base}", *dockerfile, "--tag", IMAGE, ".")
    try:
        docker("run", "--detach", "--name", NAME, "--network", "none", "--health-interval", "200ms", IMAGE)
        deadline = time.monotonic() + START_DEADLINE_S
        while docker("inspect", "--format", "{{.State.Health.Status}}", NAME) != "healthy\n":
            assert time.monotonic() < deadline, docker("logs", NAME)
            time.sleep(0.1)
        assert "\nAsterisk 22." in "\n" + docker("exec", NAME, "asterisk", "-rx", "core show version")
        assert docker("exec", NAME, "id", "-un") == "asterisk\n"
        assert docker("exec", NAME, "id", "-u") == "10002\n"
        docker("exec", NAME, "test", "-w", "/var/spool/asterisk/recording")
    finally:
        docker("rm", "--force", NAME)
        docker("rmi", IMAGE)
