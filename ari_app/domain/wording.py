"""How the router words things for people: moments, and texts from outside that must fit into a line."""

from datetime import datetime

# What fits into a glance; the whole text is in the trace's JSON.
LONGEST_TEXT = 300
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def ago(seconds: float) -> str:
    """How long ago, as people say it: "12 s ago", "3 days ago"."""
    for unit, length_s in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= 2 * length_s:
            return f"{seconds / length_s:.0f} {unit}s ago"
    return f"{seconds:.0f} s ago"


def day_and_time(local: datetime) -> str:
    """A moment as a calendar and a clock on the wall show it: "Fri 2026-12-25 10:00"."""
    return f"{_WEEKDAYS[local.weekday()]} {local:%Y-%m-%d %H:%M}"


def printable(text: str) -> str:
    """The text on one line: control characters, which could steer a terminal, are shown as their escapes."""
    flat = " ".join(text.split())
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in flat)


def capitalised(sentence: str) -> str:
    """The sentence as one of its own."""
    return sentence[:1].upper() + sentence[1:]


def cut(text: str) -> str:
    """What fits into a glance, with the length of the whole."""
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}… ({len(text)} characters)"
