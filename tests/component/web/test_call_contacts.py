"""Whose number it was, chosen by somebody: `PUT /api/v1/calls/ID/contacts/CONNECTOR`."""

from datetime import UTC, datetime
from typing import Any

import pytest

from ari_app.access.scopes import Scope
from ari_app.domain import events as e
from tests.component.web.rig import WebRig

BEN = "+14155550177"
AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
ARRIVED = e.CallArrived(
    at=AT, route="sales", called_number="", caller_number=BEN, caller_name="", caller_withheld=False, channel_id="1"
)
SEVERAL = e.ContactNotFound(
    at=AT,
    connector="hubspot",
    number=BEN,
    outcome="several",
    candidates=[{"id": "7", "name": "Ben Miller", "company": "Acme"}, {"id": "8", "name": "Bea Miller", "company": ""}],
)


async def choose(web: WebRig, contact_id: str, call: str = "call-1", connector: str = "hubspot") -> tuple[int, Any]:
    return await web.ask("PUT", f"/calls/{call}/contacts/{connector}", json={"contact_id": contact_id})


@pytest.fixture
def called(web: WebRig) -> WebRig:
    """Somebody has called whose number is that of several contacts."""
    web.feed.write("call-1", ARRIVED)
    web.feed.write("call-1", SEVERAL)
    web.feed.write("call-1", e.CallEnded(at=AT, by="caller", cause=16))
    return web


async def test_one_of_several_is_chosen_after_the_call(called: WebRig) -> None:
    status, contact = await choose(called, "7")
    assert status == 200
    assert (contact["state"], contact["source"], contact["contact_id"]) == ("found", "chosen", "7")
    assert (contact["name"], contact["company"], contact["number"]) == ("Ben Miller", "Acme", BEN)
    await called.feed.flush()
    record = await called.call_log.record("call-1")
    assert record is not None
    assert [each.contact_id for each in record.contacts] == ["7"]


async def test_the_same_choice_once_more_changes_nothing_and_another_one_counts(called: WebRig) -> None:
    await choose(called, "7")
    assert (await choose(called, "7"))[0] == 200
    await choose(called, "8")
    await called.feed.flush()
    events = await called.call_log.trace("call-1")
    assert [event.contact_id for event in events if isinstance(event, e.ContactFound)] == ["7", "8"]


async def test_a_contact_that_nobody_has_told_of_is_known_by_its_id_alone(called: WebRig) -> None:
    status, contact = await choose(called, "99")
    assert (status, contact["contact_id"], contact["name"]) == (200, "99", "")


async def test_what_there_is_not_is_told(called: WebRig) -> None:
    assert (await choose(called, "7", call="nobody"))[1]["code"] == "unknown_call"
    status, problem = await choose(called, "7", connector="hubspott")
    assert (status, problem["code"]) == (404, "connector_unknown")
    assert "hubspot" in problem["detail"]
    assert (await choose(called, ""))[0] == 422


async def test_it_takes_a_right_of_its_own(called: WebRig) -> None:
    called.scopes.discard(Scope.CONTACTS_WRITE)
    assert (await choose(called, "7"))[0] == 403
