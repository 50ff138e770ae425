"""Sounds of an announcement: names of Asterisk's own files, and nothing else that its media can be."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agi_router.directory.directory import Directory
from agi_router.routing.destination import AnnouncementDestination, DestinationType
from agi_router.routing.errors import RoutingError
from agi_router.routing.meaning import destination
from agi_router.routing.policy import DialPolicy
from agi_router.routing.sounds import MOST_SOUNDS, parse_sounds
from agi_router.routing.step import Announce
from agi_router.routing.understood import Understood

POLICY = DialPolicy(frozenset(), "US")


@pytest.mark.parametrize(
    ("text", "sounds"),
    [
        ("hello-world", ("hello-world",)),
        ("sound:hello-world", ("hello-world",)),
        (" sound:custom/closed , digits/1.2 ", ("custom/closed", "digits/1.2")),
    ],
)
def test_sounds_are_read_with_and_without_their_scheme(text: str, sounds: tuple[str, ...]) -> None:
    assert parse_sounds(text) == sounds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a,,b",
        "/etc/passwd",
        "../x",
        "a/../b",
        "a//b",
        ".x",
        "recording:x",
        "https://a.example/x",
        "a b",
        "a&b",
        "a;b",
        ",".join(["a"] * (MOST_SOUNDS + 1)),
    ],
)
def test_what_names_no_sound_is_refused(text: str) -> None:
    with pytest.raises(RoutingError) as raised:
        parse_sounds(text)
    assert raised.value.failure.code == "value_not_sound"


@given(st.text(max_size=20) | st.from_regex(r"[a-z/.:&]*", fullmatch=True))
def test_no_text_leaves_the_folder_of_sounds(text: str) -> None:
    try:
        sounds = parse_sounds(text)
    except RoutingError:
        return
    for sound in sounds:
        assert re.fullmatch(r"[A-Za-z0-9_./-]+", sound)
        assert ".." not in sound.split("/")
        assert not sound.startswith("/")


@pytest.mark.parametrize("answer", [True, False])
def test_an_announcement_is_a_step_that_rings_nobody(answer: bool) -> None:
    directory = Directory([], [], POLICY)
    said = Understood(value="custom/closed,hello-world", type=DestinationType.ANNOUNCEMENT, answer=answer)
    where = destination(said, directory, POLICY)
    assert where == AnnouncementDestination(("custom/closed", "hello-world"), answer)
    step = directory.step(where, 20)
    assert (step.action, step.targets) == (Announce(("custom/closed", "hello-world"), answer), ())
