"""The users of CRMs over REST, and what users of ours show of them."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agi_router.directory.crm_users import CrmUser
from ari_app.access.scopes import Scope
from ari_app.domain.crm_users import CrmUserList
from tests.component.web.rig import CONFIG, WebRig, web_rig

CONNECTED = (
    CONFIG.replace("devices: [PJSIP/bob]}", "devices: [PJSIP/bob], email: bob@example.com, crm_ids: {other: '9'}}")
    + "\ncrm: {office: {document: generic, users: {every: never}}}\n"
)
BOB = CrmUser(id="78", name="Bob", email="BOB@example.com")
ROBOT = CrmUser(id="79", name="Robot", extension="900")
LISTED = CrmUserList(connector="office", read_at=datetime(2026, 11, 21, tzinfo=UTC), users=(BOB, ROBOT))


@pytest.fixture
async def web(tmp_path: Path) -> AsyncIterator[WebRig]:
    async with web_rig(tmp_path, CONNECTED) as rig:
        rig.services.crm_users.users.take([LISTED])
        yield rig


async def test_each_user_of_a_crm_is_told_with_who_he_is_or_what_to_do(web: WebRig) -> None:
    status, told = await web.ask("GET", "/crm/office/users")
    assert (status, told["total"], told["read_at"], told["failure"]) == (200, 2, "2026-11-21T00:00:00Z", None)
    bob, robot = told["items"]
    assert (bob["crm_id"], bob["user"], bob["matched_by"], bob["problem"]) == ("78", "77", "email", None)
    assert (robot["user"], robot["matched_by"], robot["problem"]["code"]) == (None, None, "crm_user_unmatched")
    assert told["unknown_there"] == [{"user": "456", "name": "Ada"}]
    _, page = await web.ask("GET", "/crm/office/users?limit=1&offset=1")
    assert [user["crm_id"] for user in page["items"]] == ["79"]


async def test_users_of_ours_show_all_of_their_ids(web: WebRig) -> None:
    _, bob = await web.ask("GET", "/users/77")
    assert bob["crm_ids"] == {"office": "78", "other": "9"}
    _, users = await web.ask("GET", "/users")
    assert {user["id"]: user["crm_ids"] for user in users["items"]} == {"456": {}, "77": bob["crm_ids"]}


async def test_a_crm_that_is_not_connected_is_told_so(web: WebRig) -> None:
    status, problem = await web.ask("GET", "/crm/shop/users")
    assert (status, problem["code"], problem["remedy"]) == (404, "crm_unknown", "Connected are: office.")


async def test_the_users_of_crms_are_for_keys_that_may_read_the_directory(web: WebRig) -> None:
    web.scopes.discard(Scope.DIRECTORY_READ)
    status, problem = await web.ask("GET", "/crm/office/users")
    assert (status, problem["code"]) == (403, "scope_missing")


async def test_a_route_that_a_crm_decides_is_told_with_the_crm(tmp_path: Path) -> None:
    owner = "routes:\n  owner: {request: {crm: office, deadline_s: 2}}\n"
    assert "routes:\n" in CONNECTED
    async with web_rig(tmp_path, CONNECTED.replace("routes:\n", owner)) as rig:
        _, route = await rig.ask("GET", "/routes/owner")
        assert route["request"] == {"crm": "office", "deadline_s": 2.0}
        assert (route["response"]["type"], route["response"]["paths"]) == ("user", [])
        _, told = await rig.ask("POST", "/routes/owner/test", json={"number": "+12025550188"})
        assert told["error"]["code"] == "crm_not_connected"
