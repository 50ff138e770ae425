"""Erasing a number over real HTTP."""

from datetime import UTC, datetime, timedelta

import pytest

from ari_app.access.scopes import Scope
from tests.component.web.rig import WebRig
from tests.component.web.test_history import call, write

NOON = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)


async def test_a_number_is_erased_in_every_form_and_others_stay(web: WebRig) -> None:
    mine, other = call(NOON, caller="4155550177"), call(NOON + timedelta(hours=1), caller="+14155550188")
    await write(web, [("mine", mine), ("other", other)])
    status, told = await web.ask("POST", "/history/erasures", json={"number": "+1 (415) 555-0177"})
    assert (status, told["calls"], told["parts"], told["events"]) == (200, 1, 2, len(mine))
    _, left = await web.ask("GET", "/calls")
    assert [each["call_id"] for each in left["items"]] == ["other"]
    status, again = await web.ask("POST", "/history/erasures", json={"number": "+14155550177"})
    assert (status, again["calls"]) == (200, 0)


@pytest.mark.parametrize("number", ["", " ", "nobody", "+", "1" * 65])
async def test_what_is_no_number_erases_nothing(web: WebRig, number: str) -> None:
    await write(web, [("withheld", call(NOON, caller=""))])
    status, told = await web.ask("POST", "/history/erasures", json={"number": number})
    assert (status, told["errors"][0]["pointer"]) == (422, "/number")


async def test_a_key_without_the_scope_erases_nothing(web: WebRig) -> None:
    await write(web, [("mine", call(NOON))])
    web.scopes.remove(Scope.HISTORY_ERASE)
    status, _ = await web.ask("POST", "/history/erasures", json={"number": "+14155550177"})
    assert status == 403
    assert await web.call_log.record("mine") is not None
