"""What has happened to a call, for whoever asked for it, is known also while the database takes nothing."""

from pathlib import Path

import pytest

from ari_app.domain import events as e
from ari_app.live.feed import Feed
from ari_app.storage.call_log import open_call_log
from ari_app.storage.settings import StorageSettings
from tests.component.locking import writing_beside
from tests.component.storage_events import answered_call, at

REQUESTED = e.CallRequested(at=at(0), first="agent", user="456", user_name="Ada", number="+12025550123")
SENT = e.SentToDialplan(at=at(8), reason="no step was answered")
ENDED = e.CallEnded(at=at(9), by="caller", cause=16)


async def test_a_call_that_was_asked_for_is_known_before_it_is_on_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ari_app.live.feed.LONGEST_COMMIT_S", 0.05)
    settings = StorageSettings.at(tmp_path / "calls.db")
    async with open_call_log(settings) as call_log:
        feed = Feed(call_log)
        async with writing_beside(settings.path):
            for event in (REQUESTED, ENDED):
                feed.write("asked", event)
            for other in answered_call():
                feed.write("arrived", other)
            assert await feed.happened("asked") == (REQUESTED, ENDED)
            assert await feed.happened("arrived") == [], "of which nobody waits for the end"
        await call_log.flush()
        assert await call_log.trace("asked") == [REQUESTED, ENDED]


async def test_calls_that_are_over_are_not_kept_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ari_app.live.feed.MOST_OVER", 1)
    async with open_call_log(StorageSettings.at(tmp_path / "calls.db")) as call_log:
        feed = Feed(call_log)
        for call_id in ("first", "second", "third"):
            for event in (REQUESTED, SENT, ENDED):
                feed.write(call_id, event)
        assert list(feed._asked_for) == ["third"]
        assert list(await feed.happened("first")) == list(await feed.happened("third")) == [REQUESTED, SENT, ENDED]
