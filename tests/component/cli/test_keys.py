"""`agi-router keys` without a router, and beside one that serves."""

import asyncio
import re
import shlex
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ari_app.access.keyring import Denied, Why
from ari_app.access.networks import address
from ari_app.access.scopes import Access, Scope
from ari_app.calls.clock import now
from ari_app.control.server import serve_control
from ari_app.live.keys import open_keys
from ari_app.settings import load_settings
from ari_app.storage.serving import open_database
from tests.command import Command
from tests.component.cli.test_completion import completed

ROOT = Path(__file__).parents[3]
CONFIG = """\
asterisk: {ari: {username: router, password: 8f14e45f}}
storage: {url: calls.db}
defaults: {region: US}
routes: {sales: {request: {url: "https://api.example.com/who"}, response: {format: text, type: user}}}
"""
TOKEN = re.compile(r"agr_[0-9a-f]{12}_[0-9a-f]{64}")
HERE = address("127.0.0.1")


@pytest.fixture
def keys(tmp_path: Path) -> Command:
    config = tmp_path / "router.yaml"
    config.write_text(CONFIG)
    return Command(config)


async def test_a_key_is_shown_once_and_alone_on_standard_output(keys: Command) -> None:
    made = await keys("keys", "create", "crm", "--scope", "calls:place", "--scope", "*:read", "--expires", "90d")
    assert made.status == 0
    token = made.out.removesuffix("\n")
    assert TOKEN.fullmatch(token)
    assert "shown only now" in made.err
    shown, listed, program = await asyncio.gather(
        keys("keys", "show", "crm"), keys("keys", "list"), keys("keys", "list", "--json")
    )
    secret = token.rpartition("_")[2]
    assert not any(secret in ran.out + ran.err for ran in (shown, listed, program))
    assert "networks 127.0.0.0/8 ::1/128" in shown.rows
    assert "last used never" in shown.rows
    (key,) = program.json["keys"]
    assert key["scopes"] == sorted({*(scope for scope in Scope if scope.endswith(":read")), "calls:place"})
    life = datetime.fromisoformat(key["expires_at"]) - datetime.fromisoformat(key["created_at"])
    assert (key["state"], life) == ("active", timedelta(days=90))


async def test_a_running_router_takes_each_change_at_once(keys: Command) -> None:
    settings = load_settings(keys.config)
    async with open_database(settings.storage) as database, open_keys(database) as desk:
        async with serve_control(settings.control, desk.commands):
            check = desk.keyring.check
            made = (
                await keys("keys", "create", "crm", "--scope", "calls:*", "--network", "192.0.2.0/24", "--json")
            ).json
            there = address("192.0.2.7")
            assert isinstance(check(made["token"], there, now()), Access)
            assert check(made["token"], HERE, now()) == Denied(Why.NETWORK, "crm")
            rotated = (await keys("keys", "rotate", "crm", "--keep-old", "24h")).out.strip()
            for token in (made["token"], rotated):
                assert isinstance(check(token, there, now()), Access)
            assert check(made["token"], there, now() + timedelta(hours=25)) == Denied(Why.WRONG_SECRET)
            second = (await keys("keys", "rotate", "crm")).out.strip()
            assert check(rotated, there, now()) == Denied(Why.WRONG_SECRET)
            assert isinstance(check(second, there, now()), Access)
            listed = await keys("keys", "list")
            assert "crm active calls:place calls:read calls:steer 192.0.2.0/24 never never" in [
                re.sub(r"never \d.*", "never never", row) for row in listed.rows
            ]
            revoked = await keys("keys", "revoke", "crm")
            assert revoked.status == 0
            assert check(second, there, now()) == Denied(Why.REVOKED, "crm")
            assert (await keys("keys", "list")).out == "there are no keys; agi-router keys create makes one\n"
            assert [key["state"] for key in (await keys("keys", "list", "--all", "--json")).json["keys"]] == ["revoked"]
            again = await keys("keys", "create", "crm", "--scope", "*", "--network", "any")
            assert isinstance(check(again.out.strip(), address("2001:db8::1"), now()), Access)


async def test_a_running_router_goes_by_changed_scopes_and_networks_at_once(keys: Command) -> None:
    settings = load_settings(keys.config)
    async with open_database(settings.storage) as database, open_keys(database) as desk:
        async with serve_control(settings.control, desk.commands):
            check, there = desk.keyring.check, address("192.0.2.7")
            made = await keys("keys", "create", "crm", "--scope", "calls:*", "--expires", "90d", "--json")
            token, before = made.json["token"], made.json["key"]
            narrowed = await keys("keys", "change", "crm", "--scope", "calls:read")
            assert (narrowed.status, narrowed.err) == (0, "")
            assert narrowed.out == "the key crm has scopes: calls:read; networks: 127.0.0.0/8 ::1/128\n"
            access = check(token, HERE, now())
            assert isinstance(access, Access)
            assert access.scopes == {Scope.CALLS_READ}
            assert check(token, there, now()) == Denied(Why.NETWORK, "crm")
            moved = await keys("keys", "change", "crm", "--network", "192.0.2.0/24", "--network", "10.0.0.1", "--json")
            assert moved.json["key"]["networks"] == ["192.0.2.0/24", "10.0.0.1/32"]
            assert check(token, HERE, now()) == Denied(Why.NETWORK, "crm")
            access = check(token, there, now())
            assert isinstance(access, Access)
            assert access.scopes == {Scope.CALLS_READ}, "what was not named stays"
            both = await keys("keys", "change", "crm", "--scope", "*:read", "--network", "any", "--json")
            assert {**both.json["key"], "scopes": 0, "networks": 0, "last_used_at": 0} == {
                **before,
                "scopes": 0,
                "networks": 0,
                "last_used_at": 0,
            }
            assert isinstance(check(token, address("2001:db8::1"), now()), Access)


async def test_a_key_is_changed_without_a_router_and_the_next_one_goes_by_it(keys: Command) -> None:
    token = (await keys("keys", "create", "crm", "--scope", "*")).out.strip()
    assert (await keys("keys", "change", "crm", "--scope", "events:read", "--network", "192.0.2.7")).status == 0
    async with open_database(load_settings(keys.config).storage) as database, open_keys(database) as desk:
        access = desk.keyring.check(token, address("192.0.2.7"), now())
        assert isinstance(access, Access)
        assert access.scopes == {Scope.EVENTS_READ}
        assert desk.keyring.check(token, HERE, now()) == Denied(Why.NETWORK, "crm")


async def test_a_change_outlives_the_router(keys: Command) -> None:
    token = (await keys("keys", "create", "crm", "--scope", "*")).out.strip()
    storage = load_settings(keys.config).storage
    async with open_database(storage) as database, open_keys(database) as desk:
        assert isinstance(desk.keyring.check(token, HERE, now()), Access)
    shown = await keys("keys", "show", "crm", "--json")
    assert datetime.now(UTC) - datetime.fromisoformat(shown.json["last_used_at"]) < timedelta(minutes=1)
    assert (await keys("keys", "revoke", "crm")).status == 0
    async with open_database(storage) as database, open_keys(database) as desk:
        assert desk.keyring.check(token, HERE, now()) == Denied(Why.REVOKED, "crm")


async def test_a_router_that_serves_with_the_database_and_is_not_found_is_no_reason_to_write_beside_it(
    keys: Command,
) -> None:
    async with open_database(load_settings(keys.config).storage):
        ran = await keys("keys", "create", "crm", "--scope", "*")
    assert (ran.status, ran.out) == (1, "")
    assert "already serves with the database" in ran.err


async def test_an_expired_key_needs_a_new_end_with_its_new_secret(keys: Command) -> None:
    storage = load_settings(keys.config).storage
    async with open_database(storage) as database, open_keys(database) as desk:
        await desk.commands["create_key"]({"name": "crm", "scopes": ["*"], "expires_s": 1})
        (key,) = desk.keyring.keys
        desk.keyring.put(replace(key, expires_at=now()))
        async with serve_control(load_settings(keys.config).control, desk.commands):
            refused = await keys("keys", "rotate", "crm")
            assert (refused.status, refused.out) == (1, "")
            assert "--expires 90d" in refused.err
            assert TOKEN.fullmatch((await keys("keys", "rotate", "crm", "--expires", "90d")).out.strip())


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (("create", "crm"), 2, "--scope"),
        (("create", "crm", "--scope", "call:place"), 1, 'did you mean "calls:place"?'),
        (("create", "a b", "--scope", "*"), 1, "letters, digits"),
        (("create", "crm", "--scope", "*", "--network", "10.0.0.1/8"), 1, "write for example 10.0.0.0/8"),
        (("create", "crm", "--scope", "*", "--network", ""), 1, "is not a network"),
        (("create", "crm", "--scope", "*", "--expires", "tomorrow"), 2, "Write it as 90d, 12h or 30m."),
        (("create", "crm", "--scope", "*", "--expires", "0d"), 2, "no length of time"),
        (("create", "crm", "--scope", "*", "--calls-per-second", "0"), 2, "--calls-per-second"),
        (("create", "there", "--scope", "*"), 1, "agi-router keys rotate there"),
        (("rotate", "their"), 1, 'there is no key their; did you mean "there"?'),
        (("rotate", "there", "--keep-old", "999w"), 1, "must be at most"),
        (("change", "there"), 2, "Say --scope SCOPE, --network NETWORK, or both"),
        (("change", "their", "--scope", "*"), 1, 'there is no key their; did you mean "there"?'),
        (("change", "there", "--scope", "call:place"), 1, 'did you mean "calls:place"?'),
        (("change", "there", "--scope", "*", "--network", "10.0.0.1/8"), 1, "write for example 10.0.0.0/8"),
        (("revoke", "crm"), 1, "agi-router keys list"),
        (("show", "crm"), 1, "there is no key crm"),
    ],
)
async def test_what_is_wrong_is_told_with_the_next_step(
    keys: Command, words: tuple[str, ...], status: int, told: str
) -> None:
    settings = load_settings(keys.config)
    async with open_database(settings.storage) as database, open_keys(database) as desk:
        await desk.commands["create_key"]({"name": "there", "scopes": ["*"]})
        async with serve_control(settings.control, desk.commands):
            ran = await keys("keys", *words)
    assert (ran.status, ran.out) == (status, "")
    assert told in ran.err


async def test_names_and_scopes_are_completed(keys: Command) -> None:
    await keys("keys", "create", "crm-main", "--scope", "*")
    assert await completed(keys, "keys", "rotate", "crm") == ["crm-main"]
    assert await completed(keys, "keys", "create", "x", "--scope", "calls:p") == ["calls:place"]
    assert await completed(keys, "keys", "change", "crm") == ["crm-main"]
    assert await completed(keys, "keys", "change", "crm-main", "--scope", "calls:p") == ["calls:place"]


async def test_the_commands_of_the_guide_do_what_it_says(keys: Command) -> None:
    guide = (ROOT / "docs" / "keys.md").read_text(encoding="utf-8")
    lines = [line for block in re.findall(r"```sh\n(.*?)```", guide, re.DOTALL) for line in block.splitlines()]
    assert len(lines) == 6
    for line in lines:
        _, *words = shlex.split(line)
        assert (await keys(*words)).status == 0, line
    (key,) = (await keys("keys", "list", "--all", "--json")).json["keys"]
    assert (key["name"], key["state"], key["networks"]) == ("crm", "revoked", ["192.0.2.10/32"])
