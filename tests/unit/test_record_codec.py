"""Events in the database's form, and back: whatever an event holds, and whoever wrote it."""

from dataclasses import fields
from datetime import UTC, datetime
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_app.domain import events as e
from ari_app.storage.codec import restore, store

START = datetime(2026, 3, 1, 9, 30, 0, 5, tzinfo=UTC)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@given(st.one_of(*(st.builds(cls, at=st.just(START)) for cls in get_args(e.CallEvent))))
def test_every_kind_of_event_comes_back(event: e.CallEvent) -> None:
    stored = store(event)
    again = restore(stored.at, stored.type, stored.data)
    assert again.event == stored.event
    assert type(again.event) is type(event)
    assert again.event is not None
    assert store(again.event) == stored


@given(TEXT)
def test_text_in_any_script_comes_back_unchanged(text: str) -> None:
    event = e.RequestSent(at=START, method="POST", url=text, headers={text: text}, body=text)
    assert store(event).event == event


def test_half_a_surrogate_pair_and_a_nul_are_replaced() -> None:
    stored = store(e.SentToDialplan(at=START, reason="a\ud800b\0c"))
    assert stored.data["reason"] == "a?b\N{REPLACEMENT CHARACTER}c"


def test_a_kind_that_this_version_does_not_know_is_kept_as_it_is() -> None:
    stored = restore(START, "CallParked", {"slot": 7})
    assert (stored.type, stored.data, stored.event) == ("CallParked", {"slot": 7}, None)


def test_fields_of_a_newer_version_are_left_out() -> None:
    assert restore(START, "LegRinging", {"leg": "leg-1", "volume": 11}).event == e.LegRinging(at=START, leg="leg-1")


def test_fields_that_an_older_version_did_not_write_take_their_defaults() -> None:
    old = {"by": "caller", "cause": 16}
    assert restore(START, "CallEnded", old).event == e.CallEnded(at=START, by="caller", cause=16, reason="")


def test_an_event_without_a_required_field_is_kept_unread() -> None:
    assert restore(START, "CallEnded", {"by": "caller"}).event is None


def test_what_json_cannot_hold_is_refused_by_name() -> None:
    event = e.RequestSent(at=START, method="GET", url="x", headers={"a": {1, 2}})  # type: ignore[dict-item]
    with pytest.raises(TypeError, match="set"):
        store(event)


def test_the_moment_is_stored_once() -> None:
    assert "at" not in store(e.LegRinging(at=START, leg="leg-1")).data
    assert all("at" in {field.name for field in fields(cls)} for cls in get_args(e.CallEvent))
