"""`agi-router crm login`, `logout`, `status` and `try`, with a CRM over real HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from ari_app.control.server import serve_control
from ari_app.crm.connectors import open_connectors
from ari_app.crm.settings import CrmSettings
from ari_app.crm.standing import LoginState
from ari_app.domain.crm import HookName
from ari_app.live.crm_commands import crm_commands
from ari_app.settings import load_settings
from ari_app.storage.crm_logins import stored_logins
from ari_app.storage.grants import writing_grants
from ari_app.storage.serving import open_database
from sandbox.api import bearer
from sandbox.crm import Fault, GenericCrm
from tests.command import Command, installed
from tests.component.crm.oauth import let_in_by, written
from tests.component.http_api import LOOPBACK, api, replies
from tests.component.oidc.server import Provider, browse, led_to, running_provider
from tests.patience import PATIENCE_S
from tests.terminal import terminal

TOKEN = "token-of-the-crm"
CONFIG = """\
asterisk: {{ari: {{username: router, password: 8f14e45f}}}}
storage: {{url: calls.db}}
defaults: {{region: US}}
network: {{allowed_networks: [127.0.0.0/8]}}
routes: {{sales: {{request: {{url: "https://api.example.com/who"}}, response: {{format: text, type: user}}}}}}
crm:
  office:
    document: {document}
    properties: {properties}
    login: {{callback_port: 0}}
"""


@pytest.fixture
async def crm() -> AsyncIterator[GenericCrm]:
    async with GenericCrm() as crm:
        crm.accept(bearer(TOKEN))
        crm.add_user(first_name="Ada")
        yield crm


@pytest.fixture
def office(tmp_path: Path, crm: GenericCrm) -> Command:
    """The CRM is configured, and its token is not."""
    config = tmp_path / "router.yaml"
    config.write_text(CONFIG.format(document="generic", properties=json.dumps({"Base URL": crm.url})))
    return Command(config)


async def test_a_login_is_tried_kept_and_used(office: Command, crm: GenericCrm, tmp_path: Path) -> None:
    before = await office("crm", "status")
    assert "office A plain REST CRM login needed - -" in before.rows
    assert "office: give Access token: agi-router crm login office" in before.rows
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    made = await office("crm", "login", "office", "--property", f"Access token=@{tmp_path / 'token'}")
    assert made.status == 0, made.err
    assert made.rows == ["A plain REST CRM lets the router in: 1 user on its first page", "office is logged in"]
    tried = await office("crm", "try", "office", "users")
    assert (tried.status, tried.rows[-2:]) == (0, ["user_id firstname", "u1 Ada"])
    assert '\n      "id": "u1",\n' in tried.out
    status = await office("crm", "status", "--json")
    [told] = status.json["connectors"]
    assert (told["state"], told["missing"]) == ("untried", [])
    assert [(each["name"], each["value"], each["is_set"]) for each in told["properties"]] == [
        ("Base URL", crm.url, True),
        ("Access token", None, True),
    ]
    assert TOKEN not in made.out + made.err + tried.out + tried.err + status.out
    assert (await office("crm", "logout", "office")).status == 0
    again = await office("crm", "try", "office", "Users")
    assert (again.status, "nobody has logged office in" in again.err) == (1, True)


async def test_a_good_configuration_names_its_crms(office: Command) -> None:
    assert "CRMs office (A plain REST CRM)" in (await office("check-config")).rows
    assert (await office("check-config", "--json")).json["summary"]["crm"] == {"office": "generic"}


async def test_what_the_crm_refuses_is_not_kept(office: Command, crm: GenericCrm) -> None:
    refused = await office("crm", "login", "office", "--property", "Access token=another")
    assert refused.status == 1
    assert "does not let the router in" in refused.err
    assert "Nothing was kept" in refused.err
    assert refused.err.count("agi-router crm login") == 1
    await crm.stop()
    away = await office("crm", "login", "office", "--property", f"Access token={TOKEN}")
    assert (away.status, "could not be asked for its users" in away.err) == (1, True)
    assert "needed" in (await office("crm", "status", "--json")).out
    unchecked = await office("crm", "login", "office", "--property", f"Access token={TOKEN}", "--unchecked")
    assert unchecked.status == 0
    assert "needed" not in (await office("crm", "status", "--json")).out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("login", "offise"), 'did you mean "office"'),
        (("login", "office"), 'Give it: --property "Access token=@FILE"'),
        (("login", "office", "--property", "Acess token=x"), 'did you mean "Access token"'),
        (("login", "office", "--property", "Base URL=http://x"), "stands in the configuration"),
        (("login", "office", "--property", "Access token=CHANGE_ME"), "is a placeholder"),
        (("try", "office", "Userz"), 'did you mean "Users"'),
        (("try", "office", "FindContact", "--with", "fone=1"), 'did you mean "phone"'),
        (("try", "offise", "Users"), "no document of this name"),
        (("try", "generic", "Users", "--property", "Base=x"), "is no property"),
        (("try", "generic", "Users", "--property", "Base URL=http://x"), "A plain REST CRM needs Access token"),
    ],
)
async def test_what_is_wrong_is_told_before_anything_is_sent(
    office: Command, crm: GenericCrm, words: tuple[str, ...], says: str
) -> None:
    ran = await office("crm", *words)
    assert ran.status == 2
    assert says in ran.err
    assert crm.requests == []


async def test_a_running_router_goes_on_with_the_login_at_once(office: Command) -> None:
    settings = load_settings(office.config)
    async with (
        open_database(settings.storage) as database,
        writing_grants(database) as grants,
        open_connectors(settings.crm, LOOPBACK, grants, stored_logins(database)) as connectors,
        serve_control(settings.control, crm_commands(connectors, lambda _: {"e164": 3, "national": 12})),
    ):
        made = await office("crm", "login", "office", "--property", f"Access token={TOKEN}", "--json")
        assert made.status == 0, made.err
        assert made.json["connector"]["state"] == "untried"
        assert connectors["office"].standing().state is LoginState.UNTRIED
        tried = await office("crm", "try", "office", "Users", "--json")  # beside it, by what it has kept
        assert tried.json["records"][0]["user_id"] == "u1"
        status = await office("crm", "status")
        assert "office: contacts were found by national (12), e164 (3)" in status.rows
        connectors["office"].experience.answered(HookName.USERS)
        narrow = await office("crm", "status", extra={"COLUMNS": "80"})
        [row] = [line for line in narrow.out.splitlines() if "A plain REST CRM  logged in" in line]
        assert (len(row) <= 80, len(row.split("  "))) == (True, 5)
        assert (await office("crm", "logout", "office")).status == 0
        assert connectors["office"].standing().state is LoginState.NEEDED


async def test_a_crm_that_the_running_router_does_not_have_yet_is_logged_in_for_its_next_start(office: Command) -> None:
    settings = load_settings(office.config)
    async with (
        open_database(settings.storage) as database,
        writing_grants(database) as grants,
        open_connectors(CrmSettings(), LOOPBACK, grants, stored_logins(database)) as none,
        serve_control(settings.control, crm_commands(none, lambda _: {})),
    ):
        status = await office("crm", "status")
        assert status.rows == ["office is in the configuration, but not in the running router yet: restart it"]
        made = await office("crm", "login", "office", "--property", f"Access token={TOKEN}")
        assert made.status == 0, made.err
        assert made.rows[-1] == "The running router does not have office yet: restart it"
        async with open_connectors(settings.crm, LOOPBACK, grants, stored_logins(database)) as restarted:
            assert restarted["office"].standing().state is LoginState.UNTRIED


async def test_a_hook_is_tried_with_a_document_alone(office: Command, crm: GenericCrm, tmp_path: Path) -> None:
    given = ("--property", f"Base URL={crm.url}", "--property", f"Access token={TOKEN}")
    created = await office("crm", "try", "generic", "CreateActivity", "--with", "call_id=7", *given, "--json")
    made = {"activity_id": "a2", "url": f"{crm.origin}/activities/a2"}
    assert (created.status, created.json["records"]) == (0, [made])
    assert created.json["sent"]["headers"]["Authorization"] == "***"
    recording = tmp_path / "call.wav"
    recording.write_bytes(b"RIFF" * 100)
    uploaded = await office(
        *("crm", "try", "generic", "UpdateCallRecording", "--with", "activity_id=a2", "--file", str(recording), *given)
    )
    assert uploaded.status == 0, uploaded.err
    assert [(kept.activity_id, kept.name, kept.size) for kept in crm.files] == [("a2", "call.wav", 400)]


async def test_a_dry_run_sends_nothing(office: Command, crm: GenericCrm) -> None:
    given = ("--property", f"Base URL={crm.url}", "--property", f"Access token={TOKEN}", "--dry-run")
    shown = await office("crm", "try", "generic", "FindContact", "--with", "phone=+14155550177", *given)
    assert (shown.status, shown.rows[0]) == (0, f"GET {crm.url}/contacts?phone=%2B14155550177")
    assert "Authorization: ***" in shown.rows
    assert crm.requests == []


async def test_a_number_is_asked_for_in_all_of_its_forms(office: Command) -> None:
    given = ("--property", f"Access token={TOKEN}", "--with", "phone=(415) 555-0177", "--dry-run", "--json")
    body = json.loads((await office("crm", "try", "hubspot", "FindContact", *given)).json["sent"]["body"])
    asked = [group["filters"][0]["value"] for group in body["filterGroups"]]
    assert asked == ["4155550177", "4155550177", "+14155550177", "+14155550177"]


async def test_an_answer_nested_without_end_is_shown_as_it_came(office: Command) -> None:
    async with api(replies(text="[" * 15_000)) as port:
        given = ("--property", f"Base URL=http://127.0.0.1:{port}", "--property", f"Access token={TOKEN}")
        failed = await office("crm", "try", "generic", "Users", *given)
    assert failed.status == 1
    assert "it is nested too deeply" in failed.err
    assert "[[[[" in failed.out


async def test_a_failure_tells_what_the_crm_said_and_whether_it_did_it(office: Command, crm: GenericCrm) -> None:
    crm.faults.next(Fault(status=500))
    given = ("--property", f"Base URL={crm.url}", "--property", f"Access token={TOKEN}")
    failed = await office("crm", "try", "generic", "CreateActivity", "--with", "call_id=7", *given)
    assert failed.status == 1
    assert any(row.startswith("500 after") for row in failed.rows)
    assert "CreateActivity: the CRM answered 500: out of order" in failed.err
    assert "The CRM may have done it all the same." in failed.err


async def test_all_pages_are_read_when_asked_for(office: Command, crm: GenericCrm) -> None:
    crm.page_size = 1
    crm.add_user(first_name="Grace")
    given = ("--property", f"Base URL={crm.url}", "--property", f"Access token={TOKEN}")
    one = await office("crm", "try", "generic", "Users", *given, "--json")
    both = await office("crm", "try", "generic", "Users", *given, "--all", "--json")
    assert [len(ran.json["records"]) for ran in (one, both)] == [1, 2]


@pytest.fixture(scope="module")
def started_provider() -> Iterator[Provider]:
    with running_provider() as running:
        yield running


async def test_a_login_in_a_browser(tmp_path: Path, started_provider: Provider, crm: GenericCrm) -> None:
    """In a terminal: secrets are asked for and not shown; the page that is opened comes back by itself."""
    let_in_by(started_provider, crm)
    (tmp_path / "oauth.json").write_text(json.dumps(written(started_provider)))
    config = tmp_path / "router.yaml"
    config.write_text(CONFIG.format(document="oauth.json", properties=json.dumps({"Base URL": crm.url})))
    async with terminal("--config", str(config), "crm", "login", "office") as told:
        await told.until(r"Client ID \[desk\]:")
        told.type("\n")
        await told.until("Client Secret: ")  # the blank is shown once nothing typed is
        told.type(f"{started_provider.secret('desk')}\n")
        url = await told.until(r"(http://127\.0\.0\.1:\d+/auth\?\S+)\r")
        await browse(url)
        await told.until("office is logged in")
        assert started_provider.secret("desk") not in told.text
    tried = await Command(config)("crm", "try", "office", "Users", "--json")
    assert tried.json["records"][0]["user_id"] == "u1", tried.err


async def test_a_program_that_logs_in_reads_json_alone(
    tmp_path: Path, started_provider: Provider, crm: GenericCrm
) -> None:
    """The page to open is for people: it stands on standard error."""
    let_in_by(started_provider, crm)
    (tmp_path / "oauth.json").write_text(json.dumps(written(started_provider)))
    config = tmp_path / "router.yaml"
    given = {"Base URL": crm.url, "Client Secret": started_provider.secret("desk"), "Client ID": "desk"}
    config.write_text(CONFIG.format(document="oauth.json", properties=json.dumps(given)))
    process = await installed("--config", str(config), "crm", "login", "office", "--json")
    assert process.stderr is not None
    # A time for each, as the terminal of the other tests has it: a Python starts before the first one.
    async with asyncio.timeout(PATIENCE_S):
        await process.stderr.readuntil(b"\n")
    async with asyncio.timeout(PATIENCE_S):
        await browse((await process.stderr.readuntil(b"\n")).decode().strip())
    async with asyncio.timeout(PATIENCE_S):
        out, err = await process.communicate()
    assert process.returncode == 0, err
    assert json.loads(out) == {"name": "office", "users": 1, "connector": None}


async def test_a_login_over_ssh_by_the_address_of_the_page(
    tmp_path: Path, started_provider: Provider, crm: GenericCrm
) -> None:
    let_in_by(started_provider, crm)
    (tmp_path / "oauth.json").write_text(json.dumps(written(started_provider)))
    config = tmp_path / "router.yaml"
    given = {"Base URL": crm.url, "Client Secret": started_provider.secret("desk"), "Client ID": "desk"}
    config.write_text(CONFIG.format(document="oauth.json", properties=json.dumps(given)))
    async with terminal("--config", str(config), "crm", "login", "office") as told:
        url = await told.until(r"(http://127\.0\.0\.1:\d+/auth\?\S+)\r")
        told.type("http://127.0.0.1/callback?code=x&state=y\n")
        await told.until("is not what this login has asked for")
        told.type(f"{await led_to(url)}\n")
        await told.until("office is logged in")
