"""Calls as CRMs have them, by REST: listed, and decided about."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ari_app.access.scopes import Scope
from ari_app.domain.activities import Activity, ActivityState
from ari_app.live.activities import activity_as_json, notice_of
from ari_app.storage.activity_marks import ActivityMarker, Wish
from ari_app.storage.activity_records import ActivityRecords
from ari_app.storage.activity_store import open_activities
from ari_app.storage.call_log import writing_call_log
from ari_app.web.crm_activities import Activity as ActivityShape
from tests.component.storage_events import arrived
from tests.component.web.rig import TOKEN, WebRig


async def told(web: WebRig, *states: ActivityState) -> None:
    """So many calls, told to the CRM `office`, each in one of these states."""
    marker = ActivityMarker()
    marker.wishes = {"office": Wish(directions=frozenset({"inbound"}))}
    async with writing_call_log(web.database, marker=marker) as call_log:
        for number in range(len(states)):
            call_log.write(f"call-{number}", arrived())
        await call_log.flush()
    async with open_activities(web.database.writer, is_alone=True) as store:
        claimed = await store.claim("office", 100, datetime.now(UTC) + timedelta(minutes=1))
        for activity, state in zip(sorted(claimed, key=lambda each: each.call_id), states, strict=True):
            await store.settle(replace(activity, state=state, error="the connection was cut", due_at=None))


async def test_activities_are_listed_page_by_page_and_by_their_states(web: WebRig) -> None:
    await told(web, ActivityState.UNKNOWN, ActivityState.FAILED, ActivityState.STOPPED)
    status, page = await web.ask("GET", "/crm/activities?limit=2")
    assert status == 200
    status, rest = await web.ask("GET", f"/crm/activities?limit=2&cursor={page['next']}")
    assert {each["call_id"] for each in (*page["items"], *rest["items"])} == {"call-0", "call-1", "call-2"}
    assert rest["next"] is None
    _, found = await web.ask("GET", "/crm/activities?state=unknown&state=failed&connector=office")
    assert {(each["call_id"], each["state"]) for each in found["items"]} == {
        ("call-0", "unknown"),
        ("call-1", "failed"),
    }
    assert {each["error"] for each in found["items"]} == {"the connection was cut"}
    _, none = await web.ask("GET", "/crm/activities?call=call-9")
    assert none == {"items": [], "next": None}
    status, _ = await web.ask("GET", "/crm/activities?state=odd")
    assert status == 422


async def test_a_call_tells_what_each_crm_has_of_it(web: WebRig) -> None:
    await told(web, ActivityState.UNKNOWN, ActivityState.STOPPED)
    _, unknown = await web.ask("GET", "/calls/call-0")
    of_it = {"connector": "office", "id": "", "url": None, "error": "the connection was cut"}
    assert unknown["activities"] == [{**of_it, "state": "unknown"}]
    adopt = {"action": "adopt", "activity_id": "a7"}
    await web.ask("POST", "/crm/activities/office/call-0/resolve", json=adopt)
    _, adopted = await web.ask("GET", "/calls/call-0")
    assert adopted["activities"] == [{**of_it, "state": "open", "id": "a7", "error": None}]


def test_others_are_told_of_an_activity_that_needs_somebody() -> None:
    activity = Activity(
        id=7,
        connector="office",
        call_id="call-1",
        reference="call-1",
        state=ActivityState.FAILED,
        created_at=datetime.now(UTC),
        error="it was refused",
    )
    notice = notice_of(activity)
    assert (notice.type.value, notice.subject, notice.call_id) == ("activity.failed", "crm/office", "call-1")
    assert notice.data["activity"] == activity_as_json(activity)
    assert notice.data["activity"].keys() == ActivityShape.model_fields.keys()


async def test_a_person_decides_and_no_second_time(web: WebRig) -> None:
    await told(web, ActivityState.UNKNOWN, ActivityState.FAILED, ActivityState.UNKNOWN)
    adopt = {"action": "adopt", "activity_id": "a7"}
    status, adopted = await web.ask("POST", "/crm/activities/office/call-0/resolve", json=adopt)
    assert (status, adopted["state"], adopted["activity_id"], adopted["error"]) == (200, "open", "a7", "")
    assert adopted["due_at"] is not None
    status, again = await web.ask("POST", "/crm/activities/office/call-1/resolve", json={"action": "again"})
    assert (status, again["state"]) == (200, "pending")
    status, left = await web.ask("POST", "/crm/activities/office/call-2/resolve", json={"action": "dismiss"})
    assert (status, left["state"], left["due_at"]) == (200, "dismissed", None)
    status, problem = await web.ask("POST", "/crm/activities/office/call-0/resolve", json=adopt)
    assert (status, problem["code"]) == (409, "activity_settled")
    status, problem = await web.ask("POST", "/crm/activities/other/call-0/resolve", json=adopt)
    assert (status, problem["code"]) == (404, "activity_unknown")
    records = ActivityRecords(web.database.writer, web.database.reader)
    assert await records.counts() == {"office": {ActivityState.OPEN: 1, ActivityState.PENDING: 1}}


@pytest.mark.parametrize(
    "form",
    [{"action": "adopt"}, {"action": "again", "activity_id": "a7"}, {"action": "odd"}, {"action": "again", "x": 1}],
)
async def test_what_is_not_clear_is_refused(web: WebRig, form: dict[str, object]) -> None:
    await told(web, ActivityState.UNKNOWN)
    status, problem = await web.ask("POST", "/crm/activities/office/call-0/resolve", json=form)
    assert status == 422
    assert problem["detail"]


async def test_metrics_count_what_is_left_by_states(web: WebRig) -> None:
    await told(web, ActivityState.UNKNOWN, ActivityState.UNKNOWN, ActivityState.STOPPED)
    async with web.http.get(f"{web.url}/metrics", headers={"authorization": f"Bearer {TOKEN}"}) as answer:
        text = await answer.text()
    assert 'agi_router_crm_activities{crm="office",state="unknown"} 2.0' in text
    assert 'state="stopped"' not in text


async def test_a_key_needs_the_scopes(web: WebRig) -> None:
    web.scopes.remove(Scope.CRM_WRITE)
    assert (await web.ask("GET", "/crm/activities"))[0] == 200
    status, _ = await web.ask("POST", "/crm/activities/office/call-0/resolve", json={"action": "again"})
    assert status == 403
