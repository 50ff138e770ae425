"""`agi-router test-route --last-good`: what a call would do while the API is down."""

import re

from agi_router.decide import Router
from agi_router.routing.call_info import CallInfo
from ari_app.settings import load_settings
from ari_app.storage.last_good import open_last_good
from ari_app.storage.serving import open_database
from tests.command import Command
from tests.promised import DRY_RUN_KEYS


async def remember(command: Command, caller: str) -> None:
    """Have the router learn the API's answer for this caller; then take the API away."""
    text = command.config.read_text().replace(
        "    fallback: [{user", "    remember: {last_good_s: 600}\n    fallback: [{user"
    )
    command.config.write_text(text)
    settings = load_settings(command.config)
    async with open_database(settings.storage) as database, open_last_good(database) as memory:
        async with Router(settings.routing, memory=memory) as router:
            info = CallInfo(call_id="1", route_name="sales", caller_number=caller)
            assert (await router.route(info, lambda _: None)).error is None
    command.config.write_text(re.sub(r"http://127.0.0.1:\d+/user", "http://127.0.0.1:1/user", text))


async def test_the_dry_run_takes_the_last_good_answer_only_when_asked_to(command: Command) -> None:
    words = ("test-route", "sales", "+12025550101")
    await remember(command, "+12025550101")
    without = await command(*words, "--json")
    assert (without.status, without.json["destination"], without.json["source"]) == (1, None, "answer")
    told = (ran := await command(*words, "--last-good", "--json")).json
    assert (ran.status, told["destination"], told["source"]) == (0, {"type": "user", "value": "456"}, "last_good")
    assert (told["error"]["code"], 0 < told["age_s"] < 60) == ("api_refused", True)
    text = await command(*words, "--last-good")
    assert re.search(
        r"^value +456 \(the caller's last good answer, from \d+ s ago, as the API is down\)$", text.out, re.MULTILINE
    )
    assert re.search(r"^then +user 456, at most 20 s$", text.out, re.MULTILINE)
    assert "[api_refused]" in text.err


async def test_the_dry_run_tells_that_the_last_good_answer_leads_nowhere_by_now(command: Command) -> None:
    await remember(command, "+12025550101")
    command.config.write_text(command.config.read_text().replace('"456"', '"457"'))
    ran = await command("test-route", "sales", "+12025550101", "--last-good")
    assert ran.status == 1
    assert "leads nowhere by now" in ran.out
    assert "[user_unknown]" in ran.out


async def test_without_a_database_there_is_no_last_good_answer_to_ask_for(command: Command) -> None:
    ran = await command("test-route", "sales", "+12025550101", "--last-good", "--json")
    assert (ran.status, list(ran.json), ran.json["error"]["code"]) == (1, DRY_RUN_KEYS, "database_unusable")
