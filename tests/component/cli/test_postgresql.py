"""The commands with a database on a server: they name it without its password, and do what they do with a file."""

from pathlib import Path

import pytest

from ari_app.storage.call_log import open_call_log
from ari_app.storage.settings import StorageSettings
from tests.command import Command
from tests.component.storage_events import answered_call
from tests.postgresql import Cluster

PASSWORD = "p%40ss%2Fw%23rd"


def configured(folder: Path, cluster: Cluster, database: StorageSettings) -> Command:
    name = database.name.rpartition("/")[2]
    config = folder / "router.yaml"
    config.write_text(
        f"""
asterisk: {{ari: {{url: "http://127.0.0.1:1", username: router, password: 8f14e45f}}}}
storage: {{url: '{cluster.by_tcp(name, PASSWORD).url}', folder: state}}
defaults: {{region: US}}
routes: {{sales: {{request: {{url: "https://api.example.com/who"}}, response: {{format: text, type: user}}}}}}
"""
    )
    return Command(config)


async def test_an_empty_database_is_brought_up_to_date_by_the_command(
    tmp_path: Path, cluster: Cluster, empty_postgresql: StorageSettings
) -> None:
    command = configured(tmp_path, cluster, empty_postgresql)
    before, upgraded = await command("db", "current"), await command("db", "upgrade")
    after = await command("db", "current")
    assert "revision none" in before.out
    assert "from an empty database to revision" in upgraded.out
    assert after.out.endswith("up to date\n")
    assert "p%40ss" not in before.out + upgraded.out + after.out


async def test_calls_are_read_beside_the_router_that_writes_them(
    tmp_path: Path, cluster: Cluster, postgresql: StorageSettings
) -> None:
    command = configured(tmp_path, cluster, postgresql)
    async with open_call_log(postgresql) as call_log:
        for event in answered_call():
            call_log.write("20260301T093000-9f3a2c1b77aa", event)
        await call_log.flush()
        listed = await command("calls", "--json")
        refused = await command("db", "upgrade")
    assert [call["call_id"] for call in listed.json] == ["20260301T093000-9f3a2c1b77aa"]
    assert refused.status == 1
    assert "already serves" in refused.err


async def test_the_socket_is_found_by_the_folder_and_the_database(
    tmp_path: Path, cluster: Cluster, postgresql: StorageSettings
) -> None:
    command = configured(tmp_path, cluster, postgresql)
    checked = await command("check-config", "--json")
    name = postgresql.name.rpartition("/")[2]
    assert checked.json["summary"]["control_socket"] == str(tmp_path / "state" / f"{name}.sock")
    assert checked.json["summary"]["database"] == f"postgresql://agi-router@127.0.0.1:{cluster.port}/{name}"
    status = await command("status")
    assert f"nothing listens at {tmp_path / 'state' / name}.sock" in status.err.replace("\n", "")


async def test_the_doctor_tells_a_server_that_is_down(tmp_path: Path) -> None:
    config = tmp_path / "router.yaml"
    config.write_text(
        """
asterisk: {ari: {url: "http://127.0.0.1:1", username: router, password: 8f14e45f}}
storage: {url: 'postgresql://router:s3cret@127.0.0.1:1/calls', folder: state}
defaults: {region: US}
routes: {sales: {request: {url: "https://api.example.com/who"}, response: {format: text, type: user}}}
"""
    )
    command = Command(config)
    doctor, listed = await command("doctor", "--json"), await command("calls")
    [found] = [finding for finding in doctor.json["findings"] if finding["id"] == "database"]
    assert (found["status"], "cannot be reached" in found["found"]) == ("error", True)
    assert listed.status == 1
    assert "cannot be reached" in listed.err
    assert "s3cret" not in doctor.out + doctor.err + listed.err


@pytest.mark.parametrize("words", [("policy",), ("keys", "list"), ("history", "gaps")])
async def test_what_a_file_can_be_asked_a_server_can_be_asked_too(
    tmp_path: Path, cluster: Cluster, postgresql: StorageSettings, words: tuple[str, ...]
) -> None:
    answered = await configured(tmp_path, cluster, postgresql)(*words, "--json")
    assert (answered.status, answered.err) == (0, "")
