"""Agents over REST: how each stands, and what may be changed of it."""

import asyncio
from datetime import UTC, datetime

import pytest

from ari_app.access.scopes import Scope
from ari_app.calls import agent_changes
from ari_app.calls.ports import RefusedError, UnreachableError
from ari_app.domain import events as e
from tests.component.web.rig import WebRig

CHANGES = [("pause", {}), ("resume", {}), ("dnd", {"on": True}), ("end-wrap-up", None)]


async def test_agents_are_told_as_they_stand(web: WebRig) -> None:
    web.presence.device_changed("PJSIP/ada", "INUSE")
    status, told = await web.ask("GET", "/agents")
    assert (status, told["total"], told["next"], told["queues_known"]) == (200, 2, None, True)
    assert told["items"][0] == (await web.ask("GET", "/agents/456"))[1]
    assert told["items"][0] == {
        "user": "456",
        "name": "Ada",
        "devices": {"PJSIP/ada": "INUSE", "PJSIP/ada-desk": None, "Custom:DND101": None},
        "registered": True,
        "state": "in_call",
        "for_s": None,
        "dnd": False,
        "queues": [
            {"queue": "sales-queue", "paused": False, "reason": ""},
            {"queue": "support-queue", "paused": False, "reason": ""},
        ],
    }


@pytest.mark.parametrize("name", ["456", "ada@example.com", "ADA@example.com", "101"])
async def test_an_agent_is_found_by_id_address_and_extension(web: WebRig, name: str) -> None:
    status, agent = await web.ask("GET", f"/agents/{name}")
    assert (status, agent["user"]) == (200, "456")


@pytest.mark.parametrize(("action", "body"), CHANGES)
async def test_an_agent_s_state_is_changed_by_keys_with_that_scope_only(web: WebRig, action: str, body: object) -> None:
    web.scopes = {Scope.AGENTS_READ}
    status, problem = await web.ask("POST", f"/agents/456/{action}", json=body)
    assert (status, problem["code"]) == (403, "scope_missing")
    assert (web.breaks.asked, web.device_switch.asked) == ([], [])
    web.scopes = {Scope.AGENTS_WRITE}
    assert (await web.ask("POST", f"/agents/456/{action}", json=body))[0] == 200
    assert (await web.ask("GET", "/agents/456"))[0] == 403


@pytest.mark.parametrize(("action", "body"), CHANGES)
async def test_nobody_is_changed_who_is_not_there(web: WebRig, action: str, body: object) -> None:
    status, problem = await web.ask("POST", f"/agents/nobody/{action}", json=body)
    assert (status, problem["code"]) == (404, "agent_unknown")


async def test_a_break_is_in_all_queues_and_the_answer_tells_it(web: WebRig) -> None:
    status, agent = await web.ask("POST", "/agents/456/pause", json={"reason": "lunch\r\nAction: Ping"})
    assert status == 200
    assert [(queue["paused"], queue["reason"]) for queue in agent["queues"]] == [(True, "lunch Action: Ping")] * 2
    status, agent = await web.ask("POST", "/agents/456/resume", json={})
    assert (status, [queue["paused"] for queue in agent["queues"]]) == (200, [False, False])


async def test_a_break_may_be_in_one_queue(web: WebRig) -> None:
    _, agent = await web.ask("POST", "/agents/456/pause", json={"queue": "support-queue"})
    assert {queue["queue"]: queue["paused"] for queue in agent["queues"]} == {
        "sales-queue": False,
        "support-queue": True,
    }
    assert web.breaks.asked == [("support-queue", True, "")]


async def test_a_long_reason_is_cut_as_asterisk_cuts_it(web: WebRig) -> None:
    _, agent = await web.ask("POST", "/agents/456/pause", json={"queue": "support-queue", "reason": "é" * 100})
    assert agent["queues"][1]["reason"] == "é" * 39


@pytest.mark.parametrize(
    ("user", "queue", "code"), [("77", "", "agent_in_no_queue"), ("456", "ghost", "agent_not_in_queue")]
)
async def test_who_is_no_member_has_no_break(web: WebRig, user: str, queue: str, code: str) -> None:
    status, problem = await web.ask("POST", f"/agents/{user}/pause", json={"queue": queue})
    assert (status, problem["code"]) == (409, code)
    assert ("sales-queue, support-queue" in problem["remedy"]) == (user == "456")


async def test_without_a_link_to_queues_nobody_has_a_break(web: WebRig) -> None:
    web.presence.memberships.forget()
    status, problem = await web.ask("POST", "/agents/456/pause", json={})
    assert (status, problem["code"]) == (503, "asterisk_unreachable")
    assert web.breaks.asked == []


async def test_what_asterisk_refuses_is_told_with_the_right_that_is_missing(web: WebRig) -> None:
    web.breaks.refusals = [None, RefusedError("Asterisk's AMI refuses QueuePause: Permission denied")]
    status, problem = await web.ask("POST", "/agents/456/pause", json={})
    assert (status, problem["code"]) == (502, "asterisk_refused")
    assert "done in sales-queue only" in problem["detail"]
    assert "write = agent" in problem["remedy"]


async def test_an_action_whose_answer_was_lost_is_not_sent_again(web: WebRig) -> None:
    web.breaks.refusals = [UnreachableError("no answer within 5 s (QueuePause)")]
    status, problem = await web.ask("POST", "/agents/456/pause", json={"queue": "support-queue"})
    assert (status, problem["code"]) == (503, "asterisk_unreachable")
    assert "not known" in problem["remedy"]
    assert len(web.breaks.asked) == 1


async def test_what_asterisk_does_not_confirm_is_told(web: WebRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_changes, "TOLD_WITHIN_S", 0.05)
    web.breaks.silent = web.device_switch.silent = True
    for action, body in (("pause", {}), ("dnd", {"on": True})):
        status, problem = await web.ask("POST", f"/agents/456/{action}", json=body)
        assert (status, problem["code"]) == (504, "not_confirmed")


async def test_do_not_disturb_is_set_and_ended(web: WebRig) -> None:
    for on, state in ((True, "INUSE"), (False, "NOT_INUSE")):
        status, agent = await web.ask("POST", "/agents/456/dnd", json={"on": on})
        assert (status, agent["dnd"]) == (200, on)
        assert web.device_switch.asked[-1] == ("Custom:DND101", state)
    web.device_switch.refusal = UnreachableError("Asterisk is not there")
    assert (await web.ask("POST", "/agents/456/dnd", json={"on": True}))[0] == 503


async def test_wrap_up_is_ended_and_the_next_talk_begins_another(web: WebRig) -> None:
    talk(web, "1")
    assert (await web.ask("GET", "/agents/77"))[1]["state"] == "wrap_up"
    status, agent = await web.ask("POST", "/agents/77/end-wrap-up")
    assert (status, agent["state"], agent["for_s"]) == (200, "free", None)
    talk(web, "2")
    assert (await web.ask("GET", "/agents/77"))[1]["state"] == "wrap_up"


def talk(web: WebRig, call_id: str) -> None:
    """Bob has spoken with a caller of his team until now."""
    now = datetime.now(UTC)
    for event in (
        e.CallArrived(
            at=now,
            route="sales",
            called_number="",
            caller_number="",
            caller_name="",
            caller_withheld=False,
            channel_id="1.1",
        ),
        e.StepStarted(at=now, step=1, destination_type="team", destination="7", timeout_s=25, team="7"),
        e.LegDialled(at=now, leg="leg-1", endpoint="PJSIP/bob", contact="", user="77"),
        e.LegAnswered(at=now, leg="leg-1"),
        e.CallAnswered(at=now, leg="leg-1"),
        e.LegEnded(at=now, leg="leg-1", outcome="answered", cause=16),
        e.CallEnded(at=now, by="caller", cause=16),
    ):
        web.presence.write(call_id, event)


@pytest.mark.parametrize(
    ("action", "body"),
    [
        ("pause", {"queue": "x" * 129}),
        ("pause", {"reason": 1}),
        ("pause", {"unknown": "x"}),
        ("resume", {"reason": "x"}),
        ("dnd", {}),
        ("dnd", {"on": "maybe"}),
    ],
)
async def test_a_body_that_cannot_be_is_refused(web: WebRig, action: str, body: object) -> None:
    status, problem = await web.ask("POST", f"/agents/456/{action}", json=body)
    assert (status, problem["code"]) == (422, "bad_request")


async def test_two_changes_at_once_are_both_done(web: WebRig) -> None:
    answers = await asyncio.gather(
        web.ask("POST", "/agents/456/pause", json={"queue": "support-queue"}),
        web.ask("POST", "/agents/456/dnd", json={"on": True}),
    )
    assert [status for status, _ in answers] == [200, 200]
    _, agent = await web.ask("GET", "/agents/456")
    assert (agent["dnd"], agent["queues"][1]["paused"]) == (True, True)
