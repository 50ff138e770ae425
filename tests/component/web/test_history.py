"""The history of calls over real HTTP: lists, pages, CSV."""

import asyncio
import csv
import io
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest

from ari_app.access.scopes import Scope
from ari_app.domain import events as e
from ari_app.domain.history import EVERY_CALL, Paging
from ari_app.web.spreadsheet import cell
from tests.component.locking import writing_beside
from tests.component.web.rig import TOKEN, WebRig
from tests.patience import PATIENCE_S

NOON = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)


def call(
    at: datetime, *, caller: str = "+14155550177", name: str = "Grace", user: str = "456", answered: bool = True
) -> list[e.CallEvent]:
    """A call for team 7 that rings at a user's phone."""
    arrived = e.CallArrived(
        at=at,
        route="sales",
        called_number="+14155550100",
        caller_number=caller,
        caller_name=name,
        caller_withheld=False,
        channel_id="1",
    )
    step = e.StepStarted(at=at, step=1, destination_type="team", destination="7", timeout_s=20, team="7")
    dialled = e.LegDialled(at=at, leg="leg-1", endpoint="PJSIP/ada", contact="sip:ada@192.0.2.1", user=user)
    picked_up = at + timedelta(seconds=4)
    spoke: list[e.CallEvent] = [
        e.LegAnswered(at=picked_up, leg="leg-1"),
        e.CallAnswered(at=picked_up, leg="leg-1"),
    ]
    ended = e.CallEnded(at=at + timedelta(seconds=10), by="caller", cause=16)
    return [arrived, step, dialled, *(spoke if answered else []), ended]


async def write(web: WebRig, calls: Iterable[tuple[str, list[e.CallEvent]]]) -> None:
    for call_id, happened in calls:
        for event in happened:
            web.call_log.write(call_id, event)
    await web.call_log.flush()


async def listed(web: WebRig, **query: Any) -> list[str]:
    """The ids of the calls that a question gets."""
    status, page = await web.ask("GET", "/calls", params=query)
    assert status == 200, page
    return [item["call_id"] for item in page["items"]]


async def lines(web: WebRig, path: str, **query: Any) -> list[dict[str, str]]:
    headers = {"authorization": f"Bearer {TOKEN}"}
    async with web.http.get(f"{web.url}/api/v1{path}", params=query, headers=headers) as answer:
        assert (answer.status, answer.content_type) == (200, "text/csv")
        text = await answer.text()
    return list(csv.DictReader(io.StringIO(text, newline="")))


async def test_a_page_has_items_a_total_and_the_way_on(web: WebRig) -> None:
    await write(web, [(f"call-{hour}", call(NOON + timedelta(hours=hour))) for hour in range(5)])
    status, page = await web.ask("GET", "/calls", params={"limit": 2})
    assert status == 200
    assert [item["call_id"] for item in page["items"]] == ["call-4", "call-3"]
    assert page["total"] == 5
    seen = []
    cursor = page["next"]
    while cursor:
        _, page = await web.ask("GET", "/calls", params={"limit": 2, "cursor": cursor})
        seen += [item["call_id"] for item in page["items"]]
        cursor = page["next"]
    assert seen == ["call-2", "call-1", "call-0"]
    assert await listed(web, sort="oldest_first", limit=2, offset=1) == ["call-1", "call-2"]


async def test_an_item_is_what_the_call_itself_is_but_for_its_parts(web: WebRig) -> None:
    await write(web, [("call-1", call(NOON))])
    _, page = await web.ask("GET", "/calls")
    _, one = await web.ask("GET", "/calls/call-1")
    del one["parts"], one["recordings"], one["activities"]
    assert page["items"] == [one]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"user": "456"}, ["b", "a"]),
        ({"user": ["456", "77"]}, ["c", "b", "a"]),
        ({"team": "7", "disposition": "abandoned"}, ["b"]),
        ({"queue": "support"}, []),
        ({"direction": "outbound"}, []),
        ({"direction": "inbound", "source": "router"}, ["c", "b", "a"]),
        ({"source": ["cel", "cdr"]}, []),
        ({"disposition": ["answered", "abandoned"]}, ["c", "b", "a"]),
    ],
)
async def test_filters_take_the_calls_that_they_name(web: WebRig, query: dict[str, Any], expected: list[str]) -> None:
    second = timedelta(seconds=1)
    await write(
        web,
        [("a", call(NOON)), ("b", call(NOON + second, answered=False)), ("c", call(NOON + 2 * second, user="77"))],
    )
    assert await listed(web, **query) == expected


@pytest.mark.parametrize(
    "written", ["+1 415 555-0177", "(415) 555-0177", "14155550177", "+14155550177", "tel:+1-415-555-0177"]
)
async def test_a_number_may_be_written_in_any_way(web: WebRig, written: str) -> None:
    await write(web, [("a", call(NOON)), ("b", call(NOON, caller="4155550177")), ("c", call(NOON, caller="+1415555"))])
    assert await listed(web, number=written) == ["b", "a"]


async def test_a_plus_that_became_a_space_is_still_a_plus(web: WebRig) -> None:
    await write(web, [("a", call(NOON, caller="+4930123456"))])
    status, page = await web.ask("GET", "/calls?number=+4930123456&from=2026-03-28T13:00:00+01:00")
    assert (status, page["total"]) == (200, 1)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"from": "2026-03-29", "to": "2026-03-29"}, ["29T00:00Z", "29T21:59:59Z", "29T22:00Z", "29T23:59:59Z"]),
        ({"from": "2026-03-29", "to": "2026-03-29", "tz": "Europe/Berlin"}, ["28T23:00Z", "29T00:00Z", "29T21:59:59Z"]),
        ({"from": "2026-03-29T23:00:00", "tz": "Europe/Berlin", "to": "2026-03-29"}, ["29T21:59:59Z"]),
        ({"from": "2026-03-30T00:00:00+02:00"}, ["29T22:00Z", "29T23:59:59Z", "30T00:00Z"]),
        ({"to": "2026-03-28T23:00:00Z"}, ["28T22:59:59Z", "28T23:00Z"]),
        ({"from": "2026-03-30"}, ["30T00:00Z"]),
    ],
)
async def test_periods_are_inclusive_in_the_zone_that_is_stated(
    web: WebRig, query: dict[str, str], expected: list[str]
) -> None:
    """Berlin's clocks go forward on the 29th, which has 23 hours there."""
    moments = ["28T22:59:59Z", "28T23:00Z", "29T00:00Z", "29T21:59:59Z", "29T22:00Z", "29T23:59:59Z", "30T00:00Z"]
    await write(web, [(moment, call(datetime.fromisoformat(f"2026-03-{moment}"))) for moment in moments])
    assert await listed(web, sort="oldest_first", **query) == expected


@pytest.mark.parametrize(
    ("query", "code", "told"),
    [
        ({"tz": "Europe/Berln"}, "bad_request", 'did you mean "Europe/Berlin"'),
        ({"from": "yesterday"}, "bad_request", "write 2026-11-21"),
        ({"tz": "berlin"}, "bad_request", 'tz: berlin is no time zone; did you mean "Europe/Berlin"?'),
        ({"tz": "Nowhere"}, "bad_request", "such as Europe/Berlin or UTC"),
        ({"from": "2026-13-01"}, "bad_request", "from: 2026-13-01 is neither a day nor a moment"),
        ({"to": "2026-11-21T25:00"}, "bad_request", "to: 2026-11-21T25:00 is neither a day nor a moment"),
        ({"from": "2026-03-02", "to": "2026-03-01"}, "bad_period", "before it begins"),
        ({"cursor": "abc"}, "bad_cursor", "cursor"),
        ({"limit": "10001"}, "bad_request", "limit"),
        ({"limit": "0"}, "bad_request", "limit"),
        ({"usr": "456"}, "bad_request", "usr: there is no such parameter"),
    ],
)
async def test_what_cannot_be_asked_is_told(web: WebRig, query: dict[str, str], code: str, told: str) -> None:
    for path in ("/calls", "/history/users"):
        status, problem = await web.ask("GET", path, params=query)
        assert (status, problem["code"]) == (422, code)
        assert told in problem["detail"]


async def test_users_and_teams_have_an_entry_for_each_call_in_which_they_took_part(web: WebRig) -> None:
    await write(web, [("a", call(NOON)), ("b", call(NOON + timedelta(hours=1), user="77", answered=False))])
    _, users = await web.ask("GET", "/history/users", params={"sort": "oldest_first"})
    assert [(item["call_id"], item["name"], item["outcome"], item["answered_by"]) for item in users["items"]] == [
        ("a", "456", "answered", "456"),
        ("b", "77", "abandoned", ""),
    ]
    for name in ("456", "ada@example.com", "101"):
        _, hers = await web.ask("GET", "/history/users", params={"user": name})
        assert [item["call_id"] for item in hers["items"]] == ["a"]
    assert [(item["waiting_s"], item["talk_s"]) for item in users["items"]] == [(4.0, 6.0), (10.0, None)]
    _, teams = await web.ask("GET", "/history/teams", params={"user": "456"})
    assert [(item["call_id"], item["name"], item["disposition"]) for item in teams["items"]] == [("a", "7", "answered")]
    assert (await web.ask("GET", "/history/queues"))[1]["total"] == 0


async def test_the_export_has_every_call_that_the_list_has(web: WebRig) -> None:
    await write(web, [(f"call-{number:04}", call(NOON + timedelta(seconds=number))) for number in range(1203)])
    exported = await lines(web, "/calls.csv", sort="oldest_first")
    assert [line["call_id"] for line in exported] == await listed(web, sort="oldest_first", limit=10_000)
    assert (exported[0]["caller_number"], exported[0]["started_at"]) == ("+14155550177", "2026-03-28T12:00:00Z")
    assert (exported[0]["talk_s"], exported[0]["caller_withheld"]) == ("6.0", "false")
    users = await lines(web, "/history/users.csv")
    assert (len(users), users[0]["name"], users[0]["waiting_s"]) == (1203, "456", "4.0")
    assert len(await lines(web, "/history/teams.csv", to="2026-03-28T12:00:09Z")) == 10
    assert await lines(web, "/history/queues.csv") == []


async def test_what_a_caller_writes_is_no_formula(web: WebRig) -> None:
    await write(web, [("a", call(NOON, name='=HYPERLINK("http://192.0.2.1","x")', caller="+14155550177"))])
    [line] = await lines(web, "/calls.csv")
    assert line["caller_name"] == '\'=HYPERLINK("http://192.0.2.1","x")'
    assert line["caller_number"] == "+14155550177"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("+14155550177", "+14155550177"),
        ("+1+cmd", "'+1+cmd"),
        ("+", "'+"),
        ("-2", "'-2"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("\uff1d1", "'\uff1d1"),
        ("a=1", "a=1"),
        (-2, "-2"),
        (None, ""),
    ],
)
def test_a_cell_is_never_a_formula(value: object, shown: str) -> None:
    assert cell(value) == shown


async def test_gaps_of_the_period_are_told_beside_the_calls(web: WebRig, tmp_path: Path) -> None:
    async with writing_beside(tmp_path / "calls.db") as database:
        database.executemany(
            "INSERT INTO history_gaps (began_at, ended_at, filled, source) VALUES (?, ?, ?, ?)",
            [
                ("2026-03-28 10:00:00.000000", "2026-03-28 10:05:00.000000", True, "cdr"),
                ("2026-03-29 10:00:00.000000", None, False, ""),
            ],
        )
    filled = {"began_at": "2026-03-28T10:00:00Z", "ended_at": "2026-03-28T10:05:00Z", "filled": True, "source": "cdr"}
    open_end = {"began_at": "2026-03-29T10:00:00Z", "ended_at": None, "filled": False, "source": ""}
    assert await web.ask("GET", "/history/gaps") == (200, {"gaps": [open_end, filled]})
    assert await web.ask("GET", "/history/gaps?to=2026-03-28") == (200, {"gaps": [filled]})
    for path in ("/calls", "/history/users"):
        assert (await web.ask("GET", path))[1] == {"items": [], "total": 0, "next": None, "gaps": [open_end, filled]}
        assert (await web.ask("GET", f"{path}?to=2026-03-28T10:01:00Z"))[1]["gaps"] == [filled]


async def test_a_number_is_erased_however_it_is_written(web: WebRig) -> None:
    await write(
        web, [("a", call(NOON)), ("b", call(NOON, caller="4155550177")), ("c", call(NOON, caller="+12025550123"))]
    )
    status, erased = await web.ask("POST", "/history/erasures", json={"number": "(415) 555-0177"})
    assert (status, erased["calls"], erased["in_progress"]) == (200, 2, 0)
    assert await listed(web) == ["c"]


async def test_erasing_needs_a_scope_of_its_own_and_a_number(web: WebRig) -> None:
    for body in ({}, {"number": ""}, {"number": "nobody"}, {"number": "1", "all": True}):
        assert (await web.ask("POST", "/history/erasures", json=body))[0] == 422
    web.scopes.discard(Scope.HISTORY_ERASE)
    status, problem = await web.ask("POST", "/history/erasures", json={"number": "+14155550177"})
    assert (status, problem["code"]) == (403, "scope_missing")


@pytest.mark.parametrize(
    "path",
    [
        *(f"/{listed}?{name}=%00" for listed in ("calls", "history/users") for name in ("user", "queue", "number")),
        *("/calls.csv?team=1%00", "/calls/%00", "/calls/%00/trace", "/events?call=%00", "/events?user=%00"),
    ],
)
async def test_what_one_of_the_databases_cannot_look_for_is_refused_by_both(web: WebRig, path: str) -> None:
    assert (await web.ask("GET", path))[0] == 422


async def test_no_number_with_a_zero_byte_is_erased(web: WebRig) -> None:
    assert (await web.ask("POST", "/history/erasures", json={"number": "555\x00"}))[0] == 422


async def test_who_leaves_amid_a_page_leaves_nothing_behind(web: WebRig) -> None:
    await write(web, [(f"call-{number}", call(NOON)) for number in range(100)])
    before = asyncio.all_tasks()
    for steps in range(40):
        async with anyio.create_task_group() as answering:  # which is how Starlette ends what nobody takes
            answering.start_soon(web.services.history.calls, EVERY_CALL, Paging())
            for _ in range(steps):
                await asyncio.sleep(0)
            answering.cancel_scope.cancel()
    async with asyncio.timeout(PATIENCE_S):
        while asyncio.all_tasks() - before:
            await asyncio.sleep(0.01)
