"""`agi-router history erase` beside a router that serves, and without one."""

import pytest

from ari_app.control.server import serve_control
from ari_app.live.erasing import Erasing
from ari_app.settings import load_settings
from ari_app.storage.call_log import writing_call_log
from ari_app.storage.erasing import StoredEraser
from ari_app.storage.serving import open_database
from tests.command import Command
from tests.component.cli import ANSWERED, LOST


async def no_recordings() -> int:
    return 0


@pytest.mark.usefixtures("calls_on_record")
async def test_without_a_router_the_command_erases_by_itself(command: Command) -> None:
    refused = await command("history", "erase", "(415) 555-0177")
    assert refused.status != 0
    assert [call["call_id"] for call in (await command("calls", "--json")).json] == [LOST, ANSWERED]
    erased = await command("history", "erase", "(415) 555-0177", "--yes")
    assert (erased.status, erased.err) == (0, "")
    assert erased.out.startswith("deleted 1 calls of (415) 555-0177, with 0 parts and 14 events\n")
    assert [call["call_id"] for call in (await command("calls", "--json")).json] == [LOST]
    again = await command("history", "erase", "+14155550177", "--yes", "--json")
    assert (again.json["calls"], again.json["in_progress"]) == (0, 0)


@pytest.mark.usefixtures("calls_on_record")
async def test_a_running_router_erases_what_it_has_heard_by_then(command: Command) -> None:
    settings = load_settings(command.config)
    async with open_database(settings.storage) as database, writing_call_log(database) as call_log:
        erasing = Erasing(StoredEraser(database), call_log.flush, lambda: "DE", no_recordings)
        async with serve_control(settings.control, {"erase": erasing.answer}):
            erased = await command("history", "erase", "01511 2345678", "--yes", "--json")
            assert (erased.json["calls"], erased.json["events"]) == (1, 3)
            nobody = await command("history", "erase", " ", "--yes")
    assert nobody.status == 2
    assert "no number" in nobody.err
