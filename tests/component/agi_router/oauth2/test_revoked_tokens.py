"""A token that the API refuses is replaced once, within the question."""

import asyncio
import time

import pytest

from agi_router.lookup.grants import ShortMemory
from agi_router.routing.decision import FailedAttempt, SentRequest
from tests.clock import leap
from tests.component.agi_router.oauth2.asking import asking, service, user
from tests.component.oidc.crm import Crm
from tests.component.oidc.server import Provider


async def test_fifty_callers_with_a_revoked_token_share_one_new_one(provider: Provider, crm: Crm) -> None:
    async with asking(await user(provider), crm.handle) as ask:
        await ask()
        await provider.revoke(crm.shown[0])
        answers = await asyncio.gather(*(ask() for _ in range(50)))
    assert [answer.body for answer in answers] == [b"ada"] * 50
    assert await provider.requests() == [("refresh_token", "")] * 2
    assert len(crm.shown) <= 101


async def test_a_401_is_answered_with_one_new_token_and_one_repeat_both_on_record(provider: Provider, crm: Crm) -> None:
    async with asking(service(provider), crm.handle) as ask:
        await ask()
        await provider.revoke(crm.shown[0])
        ask.told.clear()
        assert (await ask()).body == b"ada"
    assert len(crm.shown) == 3
    assert crm.shown[1] != crm.shown[2]
    assert [type(told) for told in ask.told] == [SentRequest, FailedAttempt, SentRequest]
    attempt = ask.told[1]
    assert isinstance(attempt, FailedAttempt)
    assert attempt.answer is not None
    assert attempt.answer.status == 401


async def test_an_api_that_refuses_every_token_is_repeated_once_and_costs_no_further_token(
    provider: Provider, crm: Crm
) -> None:
    crm.refuses = True
    async with asking(service(provider), crm.handle) as ask:
        first, second = await ask(), await ask()
    assert first.failure is not None
    assert second.failure == first.failure
    assert "also to a new token" in first.failure.message
    assert "auth.scope" in first.failure.remedy
    assert len(crm.shown) == 3  # two by the first call, one by the second
    assert len(await provider.requests()) == 2


async def test_a_clock_that_was_set_back_does_not_keep_a_refused_token(
    provider: Provider, crm: Crm, monkeypatch: pytest.MonkeyPatch
) -> None:
    crm.refuses = True
    async with asking(service(provider), crm.handle) as ask:
        await ask()
        an_hour_ago = time.time() - 3600
        monkeypatch.setattr(time, "time", lambda: an_hour_ago)
        crm.refuses = False
        await provider.revoke(crm.shown[-1])
        assert (await ask()).body == b"ada"


async def test_when_no_new_token_comes_the_401_stands_with_the_reason(provider: Provider, crm: Crm) -> None:
    auth = await user(provider)
    memory = ShortMemory()
    async with asking(auth, crm.handle, memory) as ask:
        await ask()
        await provider.revoke(crm.shown[0])
        await provider.hold()
        last = asyncio.create_task(ask(deadline_s=20))
        await provider.requests(at_least=2)
        leap(20)
        answer = await last
        await provider.release()
    assert answer.received.status == 401
    assert answer.failure is not None
    assert answer.failure.code == "oauth_timeout"
