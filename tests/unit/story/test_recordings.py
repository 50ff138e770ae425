"""How the trace tells of recordings."""

import pytest

from ari_app.domain import events as e
from ari_app.domain.masking import mask_event
from ari_app.storage.codec import store
from tests.unit.story.calls import at, told

NAME = "20261121T120000-9f3a2c1b77aa-1"
STORED = e.RecordingStored(
    at=at(70), name=NAME, place=f"2026/11/21/{NAME}.wav", size=960_044, sha256="1234567890" * 6, media_type="audio/wav"
)


def test_a_recording_is_told_from_its_announcement_to_the_store() -> None:
    assert told(
        e.RecordingAnnounced(at=at(2), sounds="custom/recorded", to="both"),
        e.RecordingStarted(at=at(5), name=NAME, file=f"{NAME}.wav", by="route"),
        e.RecordingEnded(at=at(65), name=NAME),
        STORED,
    ) == [
        "both sides heard that they are recorded: custom/recorded",
        f"as the route says: both sides are recorded, into {NAME}.wav",
        f"the recording {NAME} ends",
        f"the recording is stored as 2026/11/21/{NAME}.wav (960044 bytes)",
    ]


@pytest.mark.parametrize(
    ("by", "words"),
    [("command", "by request"), ("request", "as it was asked for"), ("answer", "as the API says")],
)
def test_who_wanted_it_is_told(by: str, words: str) -> None:
    started = e.RecordingStarted(at=at(5), name=NAME, file=f"{NAME}.wav", by=by)
    assert told(started) == [f"{words}: both sides are recorded, into {NAME}.wav"]


@pytest.mark.parametrize(("name", "what"), [("", "the call is not recorded"), (NAME, f"the recording {NAME} is lost")])
def test_one_that_came_to_nothing_is_told_with_what_to_do(name: str, what: str) -> None:
    failed = e.RecordingFailed(at=at(5), name=name, code="recording_lost", detail="it is gone", remedy="look there")
    assert told(failed) == [f"{what}: it is gone [recording_lost]. Look there"]


def test_what_names_a_recording_is_no_number_to_be_masked() -> None:
    stored = store(STORED)
    assert mask_event(stored.type, stored.data) == dict(stored.data)
