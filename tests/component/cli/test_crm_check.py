"""`agi-router crm check`: what a document can do, or each of its mistakes."""

import json
from pathlib import Path

import pytest

from tests.command import Command
from tests.component.cli.test_completion import completed

DOCUMENT = """{
  "id": "mine", "name": "Mine", "class": "crm", "base_url": "http://crm.example.com", "colour": "red",
  "auth": {"type": "Bearer", "token": "s3cret"},
  "Users": {"request_path": "/u", "response_map": [{"id": "$user_id$"}]},
  "CreateActivity": {"request_method": "POST", "request_path": "/a", "response_map": {"id": "$activity_id$"}}
}"""


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path / "no-configuration-is-read.yaml")


async def test_a_document_that_comes_with_the_router_needs_no_configuration(command: Command) -> None:
    ran = await command("crm", "check", "generic")
    assert (ran.status, ran.err) == (0, "")
    assert "UpdateCallRecording  offered" in ran.out
    assert "OK: generic" in ran.out
    assert "note:" not in ran.out


async def test_what_a_document_cannot_do_is_told(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text(DOCUMENT)
    ran = await command("crm", "check", str(file), "--json")
    assert ran.status == 0, ran.err
    told = json.loads(ran.out)
    assert [hook["name"] for hook in told["hooks"] if hook["offered"]] == ["Users", "CreateActivity"]
    assert told["once_by"] == "nothing"
    assert told["notes"] == ["colour: has no meaning here, and is left aside"]
    limits = "\n".join(told["limits"])
    assert "No FindContact: nobody is looked up during a call." in limits
    assert "the activity's state is unknown" in limits
    assert "base_url is http://" in limits
    assert "A secret stands in the document itself" in limits
    assert "s3cret" not in ran.out
    assert "Users gives neither email, extension nor phone" in limits
    people = await command("crm", "check", str(file))
    assert "note: No StopCallActivity: the CRM is not told of ends" in people.out


async def test_mistakes_are_told_with_their_lines(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text(DOCUMENT.replace("$user_id$", "$userid$"))
    ran = await command("crm", "check", str(file))
    assert ran.status == 1
    assert f"{file}:4: Users.response_map[0].id: $userid$ is not known" in ran.out
    assert "error: the document has 1 problem" in ran.err
    told = json.loads((await command("crm", "check", str(file), "--json")).out)
    assert not told["ok"]
    assert [problem["line"] for problem in told["problems"]] == [4]


async def test_the_shell_offers_the_documents_that_come_with_the_router(command: Command) -> None:
    assert await completed(command, "crm", "check", "gen") == ["generic"]
