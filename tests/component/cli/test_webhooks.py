"""`agi-router webhooks` without a router, and beside one that serves."""

import asyncio
import re
import shlex
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ari_app.control.server import serve_control
from ari_app.domain.deliveries import DeliveryFilter
from ari_app.domain.notices import NoticeType
from ari_app.live.webhook_commands import webhook_commands
from ari_app.live.webhook_forms import Rules
from ari_app.live.webhooks import WebhookDesk, open_webhooks
from ari_app.settings import load_settings
from ari_app.storage.serving import open_database
from tests.command import Command
from tests.component.cli.test_completion import completed
from tests.sqlite import make_database

ROOT = Path(__file__).parents[3]
CONFIG = """\
asterisk: {ari: {username: router, password: 8f14e45f}}
storage: {url: calls.db}
defaults: {region: US}
directory: {users: [{id: "456", name: Ada, devices: [PJSIP/ada]}]}
routes: {sales: {request: {url: "https://api.example.com/who"}, response: {format: text, type: user}}}
"""
SECRET = re.compile(r"whsec_[A-Za-z0-9+/]{43}=")
_EVERY = DeliveryFilter()
URL = "https://crm.example.com/hooks"


@pytest.fixture
def webhooks(tmp_path: Path) -> Command:
    config = tmp_path / "router.yaml"
    config.write_text(CONFIG)
    return Command(config)


@asynccontextmanager
async def serving(webhooks: Command) -> AsyncIterator[WebhookDesk]:
    settings = load_settings(webhooks.config)
    if not settings.storage.path.exists():
        make_database(settings.storage.path)
    async with open_database(settings.storage) as database, open_webhooks(database, Rules.of(settings)) as desk:
        async with serve_control(settings.control, webhook_commands(desk)):
            yield desk


async def test_a_secret_is_shown_once_and_alone_on_standard_output(webhooks: Command) -> None:
    made = await webhooks(
        *("webhooks", "create", "crm", URL, "--type", "call.*", "--type", "voicemail.left"),
        *("--user", "456", "--number", "(415) 555-0100", "--header", "X-Token=geheim"),
    )
    assert made.status == 0, made.err
    secret = made.out.removesuffix("\n")
    assert SECRET.fullmatch(secret)
    assert "shown only now" in made.err
    assert "agi-router webhooks test crm" in made.err
    shown, listed, program = await asyncio.gather(
        webhooks("webhooks", "show", "crm"), webhooks("webhooks", "list"), webhooks("webhooks", "list", "--json")
    )
    for told in (shown, listed, program):
        assert secret[6:] not in told.out + told.err
        assert "geheim" not in told.out + told.err
    assert "types call.* voicemail.left" in shown.rows
    assert "numbers +14155550100" in shown.rows
    assert "headers only the running router knows" in shown.rows
    assert f"crm active {URL} call.* voicemail.left 0 0 never" in listed.rows
    (webhook,) = program.json["webhooks"]
    assert webhook["users"] == ["456"]


async def test_a_running_router_takes_each_change_at_once(webhooks: Command, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("geheim\n")
    async with serving(webhooks) as desk:
        made = (await webhooks("webhooks", "create", "crm", URL, "--json")).json
        (known,) = desk.subscriptions.all
        assert known.secrets == (made["secret"],)
        changed = await webhooks("webhooks", "change", "crm", "--user", "457", "--header", f"X-Token=@{token}")
        assert changed.out == "the webhook crm is changed; it is active\n"
        assert "457" in changed.err
        assert desk.found("crm").headers == {"X-Token": "geheim"}
        assert "headers X-Token" in (await webhooks("webhooks", "show", "crm")).rows
        cleared = await webhooks("webhooks", "change", "crm", "--user", "", "--header", "", "--name", "crm-2")
        assert cleared.status == 0
        assert (desk.found("crm-2").wanted.users, desk.found("crm-2").headers) == (frozenset(), {})
        assert "it is disabled" in (await webhooks("webhooks", "disable", "crm-2")).out
        assert not desk.found("crm-2").is_enabled
        assert "it is active" in (await webhooks("webhooks", "enable", "crm-2")).out
        rotated = await webhooks("webhooks", "rotate", "crm-2")
        assert desk.found("crm-2").secrets == (rotated.out.strip(), made["secret"])
        assert "The former one signs as well until" in rotated.err
        again = await webhooks("webhooks", "rotate", "crm-2", "--keep-old", "0")
        assert desk.found("crm-2").secrets == (again.out.strip(),)
        assert (await webhooks("webhooks", "delete", "crm-2")).status == 0
        assert desk.subscriptions.all == ()


async def test_what_was_sent_is_listed_shown_and_sent_again(webhooks: Command) -> None:
    async with serving(webhooks) as desk:
        await webhooks("webhooks", "create", "crm", URL)
        tried = await webhooks("webhooks", "test", "crm", "--wait", "0")
        assert tried.status == 1
        assert "nothing was sent yet" in tried.err
        (entry,) = (await webhooks("webhooks", "deliveries", "crm", "--json")).json["deliveries"]
        listed = await webhooks("webhooks", "deliveries", "crm", "--state", "pending", "--type", "webhook.*")
        assert f"webhook.test {entry['subject']} pending 0" in listed.out.replace("  ", " ").replace("  ", " ")
        shown = await webhooks("webhooks", "deliveries", "crm", str(entry["id"]))
        assert f"webhook-id {entry['event_id']}" in shown.out
        assert '"type":"webhook.test"' in shown.out
        again = await webhooks("webhooks", "replay", "crm", str(entry["id"]))
        assert (again.status, again.out) == (0, f"webhook.test is sent again, as delivery {entry['id'] + 1}\n")
        assert (await webhooks("webhooks", "replay", "crm", "--since", "2h")).out == "no events are sent again\n"
        assert len((await desk.deliveries("crm", _EVERY, 10))[0]) == 2
    beside = await webhooks("webhooks", "deliveries", "crm", "--json", "-n", "1")
    assert [each["is_replay"] for each in beside.json["deliveries"]] == [True]


async def test_a_narrow_terminal_breaks_no_moment_and_no_number(webhooks: Command) -> None:
    narrow = {"COLUMNS": "80"}
    async with serving(webhooks):
        await webhooks("webhooks", "create", "crm", URL, "--type", "webhook.*")
        await webhooks("webhooks", "test", "crm", "--wait", "0")
        (entry,) = (await webhooks("webhooks", "deliveries", "crm", "--json")).json["deliveries"]
        listed = await webhooks("webhooks", "deliveries", "crm", extra=narrow)
        known = await webhooks("webhooks", "list", extra=narrow)
        wide = await webhooks("webhooks", "deliveries", "crm")
    heading, row = listed.rows[:2]
    assert heading == "id happened type subject state next attempt"
    assert re.match(rf"{entry['id']} \d\d-\d\d \d\d:\d\d:\d\d webhook\.test ", row)
    assert re.search(r" pending \d\d-\d\d \d\d:\d\d:\d\d$", row)
    assert "attempts" in wide.rows[0]
    assert known.rows[1].endswith(" 1 0 never")


async def test_a_test_is_recommended_only_where_nothing_was_chosen(webhooks: Command) -> None:
    async with serving(webhooks):
        await webhooks("webhooks", "create", "crm", URL)
        assert "agi-router webhooks test" in (await webhooks("webhooks", "deliveries", "crm")).out
        chosen = await webhooks("webhooks", "deliveries", "crm", "--state", "failed")
    assert chosen.out == "there are no such deliveries\n"


async def test_a_receiver_that_wants_no_more_is_not_said_to_be_tried_again(webhooks: Command) -> None:
    attempt = {"number": 1, "at": "2026-11-21T10:00:00Z", "url": URL, "status": 410, "elapsed_ms": 3, "answer": ""}
    delivery = {"id": 7, "state": "pending", "tried": [{**attempt, "error": "the receiver answered 410"}]}

    async def answer(_: Mapping[str, Any]) -> Mapping[str, Any]:
        return delivery

    commands = {"test_webhook": answer, "webhook_delivery": answer}
    async with serve_control(load_settings(webhooks.config).control, commands):
        told = await webhooks("webhooks", "test", "crm")
    assert told.status == 1
    assert "agi-router webhooks enable crm" in told.err
    assert "tried again" not in told.err


async def test_the_types_of_events_are_told_with_an_example(webhooks: Command) -> None:
    listed = await webhooks("webhooks", "types")
    assert {line.split()[0] for line in listed.out.splitlines()} >= set(NoticeType)
    example = (await webhooks("webhooks", "types", "call.ended")).json
    assert (example["type"], example["data"]["call"]["disposition"]) == ("call.ended", "answered")


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (("create", "there", URL), 1, "there is a webhook there already"),
        (("create", "crm", "http://10.0.0.1/"), 1, "network.allowed_networks"),
        (("create", "crm", URL, "--type", "call.endet"), 1, 'did you mean "call.ended"?'),
        (("create", "crm", URL, "--template", "wallboard"), 1, "Restart the router if it is a new one."),
        (("create", "crm", URL, "--header", "X-Token"), 2, "Write it as X-Source=pbx."),
        (("create", "crm", URL, "--header", "X-Token=@/nonexistent"), 2, "cannot be read"),
        (("show", "their"), 1, 'did you mean "there"?'),
        (("change", "there"), 2, "nothing is to be changed"),
        (("rotate", "there", "--keep-old", "99w"), 1, "must be at most"),
        (("rotate", "there", "--keep-old", "soon"), 2, "no length of time"),
        (("deliveries", "there", "7"), 1, "there has no delivery 7"),
        (("deliveries", "there", "--since", "yesterday"), 2, "2h for two hours ago"),
        (("deliveries", "there", "--state", "lost"), 1, "none of pending, delivered, failed"),
        (("replay", "there"), 2, "Name a delivery by its ID, or a period"),
        (("types", "calls"), 1, "there is no type of event"),
    ],
)
async def test_what_is_wrong_is_told_with_the_next_step(
    webhooks: Command, words: tuple[str, ...], status: int, told: str
) -> None:
    async with serving(webhooks):
        await webhooks("webhooks", "create", "there", URL)
        ran = await webhooks("webhooks", *words)
    assert (ran.status, ran.out) == (status, "")
    assert told in ran.err


async def test_a_router_that_serves_and_is_not_found_is_no_reason_to_write_beside_it(webhooks: Command) -> None:
    async with open_database(load_settings(webhooks.config).storage):
        ran = await webhooks("webhooks", "create", "crm", URL)
    assert (ran.status, ran.out) == (1, "")
    assert "already serves with the database" in ran.err


async def test_names_types_and_templates_are_completed(webhooks: Command) -> None:
    await webhooks("webhooks", "create", "crm-main", URL)
    assert await completed(webhooks, "webhooks", "show", "crm") == ["crm-main"]
    assert await completed(webhooks, "webhooks", "create", "x", URL, "--type", "voice") == [
        "voicemail.*",
        "voicemail.left",
    ]
    assert "voipline" in await completed(webhooks, "webhooks", "create", "x", URL, "--template", "voip")
    assert await completed(webhooks, "webhooks", "deliveries", "crm-main", "--state", "d") == ["delivered"]


async def test_what_a_filter_may_name_is_completed(webhooks: Command) -> None:
    webhooks.config.write_text(
        "directory: {users: [{id: 456, extension: 45}], teams: [{id: 7}], queues: [{id: support}]}\n"
        "routes: {sales: {}}\n"
    )
    for option, begun, offered in (
        ("--user", "4", ["456"]),
        ("--team", "7", ["7"]),
        ("--queue", "s", ["support"]),
        ("--route", "s", ["sales"]),
        ("--direction", "i", ["inbound", "internal"]),
    ):
        assert await completed(webhooks, "webhooks", "create", "x", URL, option, begun) == offered


async def test_the_commands_of_the_guide_do_what_it_says(webhooks: Command) -> None:
    webhooks.config.write_text(CONFIG + "network: {allowed_networks: [127.0.0.0/8]}\n")
    guide = (ROOT / "docs" / "webhooks.md").read_text(encoding="utf-8")
    lines = [line for block in re.findall(r"```sh\n(.*?)```", guide, re.DOTALL) for line in block.splitlines()]
    async with serving(webhooks):
        for line in lines:
            _, *words = shlex.split(line)
            if words[:2] != ["webhooks", "test"]:  # nobody delivers here: see tests/system/web/test_webhook_guide.py
                assert (await webhooks(*words)).status == 0, line
        board = (await webhooks("webhooks", "show", "board", "--json")).json
    assert (board["types"], board["queues"]) == (["queue.joined", "queue.left"], ["billing", "support"])
