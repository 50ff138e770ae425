"""`agi-router webhooks template`: what a template makes of everyday calls, with the configuration's own people."""

import json
from pathlib import Path

import pytest

from ari_app.cli.outcome import Status
from tests.command import Command

CONFIG = """\
asterisk: {ari: {username: router, password: 8f14e45f}}
storage: {url: calls.db}
defaults: {region: US}
directory:
  users: [{id: u1, name: Grace, extension: "201", devices: [PJSIP/grace]}]
  teams: [{id: t1, name: Support, members: [u1]}]
routes: {sales: {request: {url: "https://api.example.com/who"}, response: {format: text, type: user}}}
webhooks:
  templates:
    alarm: {send: [{on: device.offline, content: form, headers: {X-Who: "{{header.X-Who}}"}, body: {on: "{{type}}"}}]}
"""


@pytest.fixture
def command(tmp_path: Path) -> Command:
    config = tmp_path / "router.yaml"
    config.write_text(CONFIG)
    return Command(config)


async def test_a_template_shows_a_sample_of_each_of_its_webhooks(command: Command) -> None:
    shown = await command("webhooks", "template", "voipline", "--json")
    assert shown.status == 0, shown.err
    bodies = [json.loads(each["body"]) for each in json.loads(shown.out)]
    assert {"user_inbound", "user_outbound_completed", "recording_inbound"} <= {body["type"] for body in bodies}
    assert {body["user_name"] for body in bodies if body.get("user_number") == "201"} == {"Grace"}
    assert {body.get("ring_group_name") for body in bodies} >= {"Support"}


async def test_one_type_of_events_is_shown_for_people(command: Command) -> None:
    shown = await command("webhooks", "template", "ringotel", "--type", "call.ended")
    assert "call.ended: StopCallActivity" in shown.out
    assert '"api_token": "(X-Api-Token of the subscription)"' in shown.out
    assert "call.ringing" not in shown.out
    assert "Nothing is sent" in (await command("webhooks", "template", "ringotel", "--type", "device.*")).out


async def test_a_template_of_ones_own_is_shown_also_for_what_is_no_call(command: Command) -> None:
    shown = await command("webhooks", "template", "alarm")
    assert "X-Who: (X-Who of the subscription)" in shown.out
    assert "on=device.offline" in shown.out


async def test_a_template_that_is_not_there_names_the_nearest(command: Command) -> None:
    told = await command("webhooks", "template", "voiplin")
    assert told.status == Status.USAGE
    assert 'did you mean "voipline"?' in told.err


async def test_a_webhook_is_told_what_its_template_lacks(command: Command) -> None:
    words = ("webhooks", "create", "crm", "https://crm.example.com/hooks", "--template", "ringotel")
    made = await command(*words, "--header", "x-api-token=geheim", "--type", "device.*")
    assert made.status == 0, made.err
    assert "the template ringotel uses the header X-Domain, which this webhook does not have" in made.err
    assert "X-Api-Token" not in made.err
    assert "makes nothing of these types of events" in made.err
    changed = await command("webhooks", "change", "crm", "--template", "voipline", "--header", "X-Pbx-Token=geheim")
    assert "makes nothing" in changed.err
    assert "uses the header" not in changed.err
