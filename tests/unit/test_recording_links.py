"""Signed links to recordings: nobody but the router can make or change one."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_app.recordings.links import Link, Links, link_name

LINK = Link("20261121T012209-4a8f0c1e9b7d-1", "ticket-4711-9c3f2a10", datetime(2026, 11, 21, 12, 0, tzinfo=UTC))
LINKS = Links(b"k" * 32)
SIGNATURE = LINKS.signature(LINK)


def test_a_link_of_ours_is_read_as_it_was_made() -> None:
    assert LINKS.read(LINK.recording_id, LINK.link, str(LINK.expires), SIGNATURE) == LINK


@pytest.mark.parametrize(
    ("recording_id", "link", "expires", "signature"),
    [
        ("20261121T012209-4a8f0c1e9b7d-2", LINK.link, str(LINK.expires), SIGNATURE),
        (LINK.recording_id, "ticket-4712-9c3f2a10", str(LINK.expires), SIGNATURE),
        (LINK.recording_id, LINK.link, str(LINK.expires + 1), SIGNATURE),
        (LINK.recording_id, LINK.link, f"0{LINK.expires}", SIGNATURE),
        (LINK.recording_id, LINK.link, f"{LINK.expires} ", SIGNATURE),
        (LINK.recording_id, LINK.link, "9" * 5000, SIGNATURE),
        (LINK.recording_id, LINK.link, str(LINK.expires), SIGNATURE[:-1]),
        (LINK.recording_id, LINK.link, str(LINK.expires), SIGNATURE + "="),
        (LINK.recording_id, LINK.link, str(LINK.expires), ""),
        (LINK.recording_id, LINK.link, str(LINK.expires), "ü\ud800"),
        (f"{LINK.recording_id}\n{LINK.link}", LINK.link, str(LINK.expires), SIGNATURE),
    ],
)
def test_a_link_that_was_changed_is_none(recording_id: str, link: str, expires: str, signature: str) -> None:
    assert LINKS.read(recording_id, link, expires, signature) is None


def test_a_link_of_another_router_is_none() -> None:
    other = Links(b"l" * 32)
    assert other.read(LINK.recording_id, LINK.link, str(LINK.expires), SIGNATURE) is None


@given(st.text(), st.text(), st.text(), st.text())
def test_nothing_that_is_written_is_taken_for_ours(recording_id: str, link: str, expires: str, signature: str) -> None:
    assert LINKS.read(recording_id, link, expires, signature) is None


@given(st.from_regex(r"[A-Za-z0-9_.@-]{0,64}", fullmatch=True))
def test_a_name_is_never_given_twice_and_can_be_read_in_the_link(wish: str) -> None:
    first, second = link_name(wish), link_name(wish)
    assert first != second
    assert first.startswith(wish)
    link = Link("a", first, LINK.expires_at)
    assert LINKS.read("a", first, str(link.expires), LINKS.signature(link)) == link
