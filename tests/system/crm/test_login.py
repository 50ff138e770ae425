"""A CRM behind OAuth 2.0 at a router that serves: somebody logs it in, and the next caller is known."""

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from sandbox import Answer
from sandbox.crm import GenericCrm
from sandbox.router import Config
from tests.command import Command
from tests.component.crm.oauth import let_in_by, written
from tests.component.oidc.server import Provider, browse, running_provider
from tests.system.rig import ANSWER, CALLER, Rig, origin, running
from tests.terminal import terminal

ANOTHER = "+14155550123"
"""Of who called a moment ago it is still known who that is."""


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with running_provider() as running:
        yield running


@pytest.fixture
async def crm(provider: Provider) -> AsyncIterator[GenericCrm]:
    async with GenericCrm() as crm:
        let_in_by(provider, crm)
        crm.add_contact(first_name="Grace", last_name="Hopper", phone=CALLER)
        crm.add_contact(first_name="Joan", last_name="Clarke", phone=ANOTHER)
        yield crm


@pytest.fixture
async def rig(tmp_path: Path, provider: Provider, crm: GenericCrm) -> AsyncIterator[Rig]:
    document = tmp_path / "crm.json"
    document.write_text(json.dumps(written(provider)))

    def change(config: Config) -> None:
        config["network"]["allowed_networks"].append("127.0.0.1/32")
        properties = {"Base URL": crm.url, "Client Secret": provider.secret("desk")}
        config["directory"]["users"][0]["devices"] = ["PJSIP/ada"]
        config["crm"] = {
            "office": {
                "document": str(document),
                "properties": properties,
                "login": {"callback_port": 0},
                "find": {"deadline_s": 10},
                "activities": {"enabled": False},
            }
        }
        config["routes"] = {
            "sales": {
                "request": {"url": f"{origin(config)}{ANSWER}", "deadline_s": 10},
                "response": {"type": "user", "path": "to"},
                "fallback": [{"hangup": "busy"}],
            }
        }

    async with running(change) as rig:
        rig.api.answers[ANSWER] = Answer(body={"to": "456"})
        yield rig


def stands(state: str) -> Any:
    def is_so(status: Mapping[str, Any]) -> bool:
        return [each["state"] for each in status["crm"]] == [state]

    return is_so


async def logged_in(rig: Rig) -> None:
    """Somebody logs the CRM in, in a terminal and a browser."""
    async with terminal("--config", str(rig.router.config_path), "crm", "login", "office") as told:
        await told.until(r"Client ID \[desk\]:")
        told.type("\n")
        await browse(await told.until(r"(http://127\.0\.0\.1:\d+/auth\?\S+)\r"))
        await told.until("office is logged in")


async def contact_of_a_call(rig: Rig, caller: str = CALLER) -> tuple[str, str]:
    """A customer speaks with Ada: what the CRM said of her, and her name."""
    async with rig.user("ada") as ada:
        call = await rig.call(caller)
        await (await ada.next_call()).answer()
        await call.answered()
        await call.hang_up()
        await rig.idle()
    [contact] = (await rig.newest()).contacts
    return contact.state, contact.name


async def test_who_calls_is_known_from_the_login_on_and_after_every_restart(
    rig: Rig, provider: Provider, crm: GenericCrm
) -> None:
    await rig.router.until(stands("needed"))
    assert await contact_of_a_call(rig) == ("failed", "")
    assert crm.requests == []
    await logged_in(rig)
    assert await contact_of_a_call(rig) == ("found", "Grace Hopper")
    for _ in range(2):  # each time by the refresh token that the one before has replaced
        await rig.router.stop()
        await rig.router.start()
        assert await contact_of_a_call(rig) == ("found", "Grace Hopper")
    command = Command(rig.router.config_path)
    tried = await command("crm", "try", "office", "Contacts", "--json")  # beside the router, by the token that it has
    assert [record["firstname"] for record in tried.json["records"]] == ["Grace", "Joan"], tried.err
    told_of = await command("crm", "status")
    assert any(row.startswith("office CRM with OAuth logged in") for row in told_of.rows)


async def test_a_consent_that_is_withdrawn_is_seen_and_mended_by_another_login(rig: Rig, provider: Provider) -> None:
    command = Command(rig.router.config_path)
    await logged_in(rig)
    assert await contact_of_a_call(rig) == ("found", "Grace Hopper")
    await provider.withdraw()
    assert await contact_of_a_call(rig, ANOTHER) == ("failed", "")
    await rig.router.until(stands("refused"))
    [finding] = [each for each in (await command("doctor", "--json")).json["findings"] if each["id"] == "crm:office"]
    assert (finding["status"], finding["remedy"]) == ("error", "log in again: agi-router crm login office")
    await logged_in(rig)
    assert await contact_of_a_call(rig, ANOTHER) == ("found", "Joan Clarke")
