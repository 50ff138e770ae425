"""`agi-router check-config`: a summary, or every problem by file and line."""

import re

from tests.command import Command


async def test_a_good_configuration_is_summed_up_with_its_warnings(command: Command) -> None:
    ran = await command("check-config")
    assert ran.status == 0
    assert re.search(r"user 456, hangup busy *$", ran.out, re.MULTILINE)
    assert "1 with 2 devices" in ran.out
    assert "warning: routes.outside: no fallback" in ran.out
    assert ran.out.splitlines()[-1] == f"OK: {command.config}"
    assert "8f14e45f" not in ran.out


async def test_a_good_configuration_as_json(command: Command) -> None:
    ran = await command("check-config", "--json")
    assert (ran.status, ran.json["ok"], ran.json["summary"]["routes"]) == (0, True, ["sales", "outside"])


async def test_the_second_address_of_a_route_is_summed_up_too(command: Command, api: str) -> None:
    first = f"url: {api}/user"
    second = "second_url: http://spare.example\n      second_auth: {type: none}"
    command.config.write_text(command.config.read_text().replace(first, f"{second}\n      {first}", 1))
    assert "http://spare.example" in (await command("check-config")).out


async def test_every_problem_is_told_by_file_and_line(command: Command) -> None:
    command.config.write_text(
        command.config.read_text().replace("storage:", "storag:").replace("regions: [US]", "regions: [XX]")
    )
    text, program = await command("check-config"), await command("check-config", "--json")
    assert (text.status, program.status) == (1, 1)
    assert f'{command.config}:3: storag: unknown key; did you mean "storage"?' in text.out
    assert [problem["line"] for problem in program.json["problems"]] == [3, 7]


async def test_other_commands_refuse_a_bad_configuration_with_status_2(command: Command) -> None:
    command.config.write_text("routs: {}\n")
    ran = await command("calls")
    assert ran.status == 2
    assert f"{command.config}:1: routs: unknown key" in ran.err


async def test_where_the_agi_door_opens_is_summed_up_too(command: Command) -> None:
    closed = (await command("check-config", "--json")).json["summary"]["agi"]
    with command.config.open("a") as config:
        config.write('agi: {listen: "[::1]:4600"}\n')
    shown, told = await command("check-config"), await command("check-config", "--json")
    assert re.search(r"^AGI door +\[::1\]:4600 *$", shown.out, re.MULTILINE)
    assert (closed, told.json["summary"]["agi"]) == (None, {"host": "::1", "port": 4600})


async def test_where_the_rest_api_listens_is_summed_up_too(command: Command) -> None:
    assert "REST API" not in (await command("check-config")).out
    with command.config.open("a") as config:
        config.write('web: {listen: ["127.0.0.1:8090", "[::1]:8091"]}\n')
    shown = await command("check-config")
    assert re.search(r"^REST API +http://127.0.0.1:8090, http://\[::1\]:8091 *$", shown.out, re.MULTILINE)
