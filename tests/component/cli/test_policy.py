"""`agi-router policy` beside a router that serves, and without one."""

import asyncio
from datetime import timedelta
from pathlib import Path

from agi_router.routing.outgoing import OutgoingCall
from agi_router.routing.volume import Volume
from ari_app.calls.clock import now
from ari_app.control.server import serve_control
from ari_app.live.volume import DialRules
from ari_app.settings import load_settings
from ari_app.storage.outgoing import open_outgoing
from ari_app.storage.serving import open_database
from tests.command import Command

CONFIG = """\
asterisk: {ari: {username: router, password: 8f14e45f}}
storage: {url: calls.db}
defaults: {region: US}
trunks: [{name: main, endpoint: PJSIP/trunk}]
policy: {regions: [US], limits: {concurrent: 4, calls_per_day: off}, route_limits: {concurrent: 2}, warn_at: 0.5}
routes: {sales: {request: {url: "https://api.example.com/who"}, response: {format: text, type: user}}}
"""
MOBILE = "+14155550177"


async def test_the_running_router_is_asked(tmp_path: Path) -> None:
    config = tmp_path / "router.yaml"
    config.write_text(CONFIG)
    settings = load_settings(config)
    volume = Volume(settings.routing.volume)
    rules = DialRules.of(settings.routing, volume)
    for number in range(2):
        volume.admit(OutgoingCall(str(number), MOBILE, "sales"), now())
    command = Command(config)
    async with serve_control(settings.control, {"policy": rules.answer}):
        text, program, allowed, full, cuba, police, typo = await asyncio.gather(
            command("policy"),
            command("policy", "--json"),
            command("policy", "(415) 555-0177"),
            command("policy", MOBILE, "--route", "sales"),
            command("policy", "+5353001234", "--json"),
            command("policy", "911"),
            command("policy", MOBILE, "--route", "slaes"),
        )
    rows = [" ".join(line.split()) for line in text.out.splitlines()]
    assert "all calls concurrent 2 4 near" in rows
    assert "route sales concurrent 2 2 reached, until one of them ends" in rows
    assert f"to one number per hour 2 60 {MOBILE}" in rows
    assert "calls per day 2 none" in rows
    counters = {(count["scope"], count["measure"]): count for count in program.json["counters"]}
    assert program.json["from"] == "router"
    assert counters["limits", "concurrent"]["state"] == "near"
    assert counters["route_limits", "concurrent"]["state"] == "reached"
    assert (allowed.status, allowed.out) == (0, f"{MOBILE} would be dialled now\n")
    assert full.status == 1
    assert "policy.route_limits.concurrent allows 2 calls at a time for the route sales" in full.err
    assert (cuba.status, cuba.json["allowed"], cuba.json["error"]["code"]) == (1, False, "policy_region")
    assert police.status == 1
    assert "[policy_emergency]" in police.err
    assert typo.status == 1
    assert "there is no route 'slaes' [route_unknown]" in typo.err
    assert "the routes are sales" in typo.err
    assert volume.counters(now())[0].value == 2, "nothing was counted"


async def test_without_a_router_the_database_is_read(tmp_path: Path) -> None:
    config = tmp_path / "router.yaml"
    config.write_text(CONFIG)
    settings = load_settings(config)
    command = Command(config)
    before = await command("policy", "--json")
    async with open_database(settings.storage) as database, open_outgoing(database) as journal:
        volume = Volume(settings.routing.volume, journal)
        volume.admit(OutgoingCall("1", MOBILE, "sales"), now())
        volume.ended("1", now() + timedelta(seconds=1), talk_s=90)
    text, program, lone = await asyncio.gather(
        command("policy"), command("policy", "--json"), command("policy", "--route", "sales")
    )
    assert (before.status, before.json["from"]) == (0, "database")
    assert not any(count["value"] for count in before.json["counters"])
    assert "no router runs" in text.err
    minutes = [count["value"] for count in program.json["counters"] if count["measure"] == "minutes_per_day"]
    assert minutes == [1.5, 1.5]
    assert lone.status == 2
    assert "--route and --key go with a NUMBER" in lone.err
