"""What programs may place: by the limits of their own keys, and by those that the dial policy has for each key."""

import asyncio
from pathlib import Path

from ari_app.access.key import KeyLimits, new_key
from ari_app.access.scopes import Scope
from ari_app.calls.clock import now
from tests.component.web.rig import CONFIG, WebRig, web_rig

CALL = {"user": "456", "number": "102"}
OUTSIDE = {"user": "456", "number": "+12025550123", "first": "customer"}


def key(web: WebRig, name: str, limits: KeyLimits) -> dict[str, str]:
    """The header of a program with a new key."""
    made, token = new_key(name, frozenset({Scope.CALLS_PLACE, Scope.POLICY_READ}), now(), limits=limits)
    web.keys.put(made)
    return {"authorization": f"Bearer {token.text}"}


async def place(web: WebRig, headers: dict[str, str], body: dict[str, str] = CALL) -> tuple[int, str]:
    status, told = await web.ask("POST", "/calls", json=body, headers=headers)
    return status, told.get("code", "")


async def test_of_many_requests_at_one_instant_as_many_are_placed_as_the_key_may_have_calls(web: WebRig) -> None:
    crm, other = key(web, "crm", KeyLimits(concurrent_calls=2)), key(web, "other", KeyLimits())
    answers = await asyncio.gather(*(place(web, crm) for _ in range(8)))
    assert sorted(answers) == [(202, "")] * 2 + [(429, "key_concurrent_calls")] * 6
    assert (await place(web, other))[0] == 202
    assert [call.key for call in web.supervisor.live.values()] == ["crm", "crm", "other"]


async def test_a_key_places_no_more_calls_in_a_second_than_it_may(web: WebRig) -> None:
    crm = key(web, "crm", KeyLimits(calls_per_second=1))
    answers = await asyncio.gather(*(place(web, crm) for _ in range(8)))
    assert (202, "") in answers
    assert (429, "key_calls_per_second") in answers


async def test_the_dial_policy_counts_by_the_name_of_the_key(tmp_path: Path) -> None:
    limited = CONFIG.replace("policy: {regions: [US]}", "policy: {regions: [US], key_limits: {calls_per_day: 1}}")
    async with web_rig(tmp_path, limited) as web:
        crm, other = key(web, "crm", KeyLimits()), key(web, "other", KeyLimits())
        assert await place(web, crm, OUTSIDE) == (202, "")
        await web.switch.asked["dial"].wait()
        assert await place(web, crm, OUTSIDE) == (429, "policy_calls_per_day")
        assert await place(web, other, OUTSIDE) == (202, "")
        _, policy = await web.ask("GET", "/policy", headers=crm)
    counted = {
        each["name"]: (each["value"], each["state"])
        for each in policy["counters"]
        if (each["scope"], each["measure"]) == ("key_limits", "calls_per_day")
    }
    assert counted["crm"] == (1, "reached")
