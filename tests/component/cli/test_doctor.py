"""`agi-router doctor`: what it finds without an Asterisk, for people and for programs."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.command import Command, installed


async def doctor(config: Path, *words: str) -> tuple[int, str]:
    ran = await Command(config)("doctor", *words, extra={"COLUMNS": "80"})
    assert ran.err == ""
    return ran.status, ran.out


def by_id(out: str) -> dict[str, Any]:
    return {finding["id"]: finding for finding in json.loads(out)["findings"]}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "agi-router.yaml"
    file.write_text(
        """
asterisk: {ari: {url: "http://127.0.0.1:1", username: router, password: 8f14e45f}}
storage: {url: calls.db}
directory: {users: [{id: "456", devices: [PJSIP/ada]}]}
trunks: [{name: main, endpoint: trunk, caller_id: "+14155550100"}]
defaults: {region: US}
routes:
  sales: {request: {url: "http://127.0.0.1:1/"}, response: {type: user, path: user}}
"""
    )
    return file


def rewrite(config: Path, old: str, new: str) -> None:
    config.write_text(config.read_text().replace(old, new))


async def test_both_urls_of_a_route_are_looked_at(config: Path) -> None:
    rewrite(config, '"http://127.0.0.1:1/"', '"http://127.0.0.1:1/", second_url: "http://127.0.0.1:2/"')
    findings = by_id((await doctor(config, "--json"))[1])
    assert "127.0.0.1:1 is" in findings["route:sales"]["found"]
    assert "127.0.0.1:2 is" in findings["route:sales:second_url"]["found"]


async def test_without_asterisk_everything_else_is_still_looked_at(config: Path) -> None:
    status, out = await doctor(config, "--json")
    findings = by_id(out)
    assert (status, json.loads(out)["ok"]) == (1, False)
    assert {name: finding["status"] for name, finding in findings.items()} == {
        "configuration": "ok",
        "configuration:1": "warning",
        "configuration:2": "warning",
        "router": "error",
        "reload": "skipped",
        "application": "skipped",
        "database": "warning",
        "disk": findings["disk"]["status"],
        "ari": "error",
        "version": "skipped",
        "transfers": "skipped",
        "modules": "skipped",
        "messages": "skipped",
        "recordings": "skipped",
        "rights": "skipped",
        "dialplan": "skipped",
        "host-name": findings["host-name"]["status"],
        "endpoint": "skipped",
        "trunk:main": "skipped",
        "route:sales": "error",
    }
    assert all(finding.keys() == {"id", "group", "status", "found", "remedy"} for finding in findings.values())
    assert all(finding["remedy"] for finding in findings.values() if finding["status"] != "ok")
    assert "policy.regions allows no region" in findings["configuration:1"]["found"]
    assert "network.allowed_networks" in findings["route:sales"]["remedy"]


async def test_people_get_lines_that_fit_their_terminal_and_no_password(config: Path) -> None:
    status, out = await doctor(config)
    assert status == 1
    assert max(map(len, out.splitlines())) <= 80 + len(str(config))  # a path is not cut
    assert "  ✗ http://127.0.0.1:1 takes no connection: Connection refused [ari]\n      start Asterisk;" in out
    assert "  - version, transfers, modules, recordings, rights, dialplan: not looked at" in out
    assert out.splitlines()[-1].startswith("3 errors, 3 warnings, ")
    assert "8f14e45f" not in out


async def test_mistakes_in_the_configuration_are_findings(config: Path) -> None:
    rewrite(config, "storage: {url:", "storage: {ulr:")
    status, out = await doctor(config, "--json")
    assert status == 1
    [problem] = by_id(out).values()
    assert (problem["id"], problem["status"]) == ("configuration:1", "error")
    assert "agi-router.yaml:3: storage.ulr" in problem["found"]
    assert "url" in problem["remedy"]


async def test_a_terminal_without_the_marks_gets_others(config: Path) -> None:
    process = await installed("--config", str(config), "doctor", extra={"PYTHONIOENCODING": "ascii"})
    out, _ = await process.communicate()
    assert b"  x http://127.0.0.1:1 takes no connection" in out


async def test_a_missing_folder_of_the_database_is_an_error(config: Path, tmp_path: Path) -> None:
    rewrite(config, "calls.db", str(tmp_path / "a" / "b" / "calls.db"))
    _, out = await doctor(config, "--json")
    assert by_id(out)["database"]["status"] == "error"
    assert by_id(out)["disk"]["status"] == "skipped"
    assert not (tmp_path / "a").exists()
