"""The answers: the seeds, and what a random generator makes of them. The same generator gives the same answers."""

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

SEEDS = Path(__file__).with_name("seeds")
CHARSETS = (
    None,
    None,
    None,
    "utf-8",
    "latin1",
    "cp1251",
    "ascii",
    "utf-16",
    "utf-7",
    "idna",
    "hex",
    "no\0ne",
    "\ud800",
)
TEXTS = (
    "ada", "7", "77", "ada@example.com", "vip", "PJSIP/ada", "PJSIP/ada&PJSIP/+19005550123@trunk", "+12025550123@trunk",
    "PJSIP/trunk", "x@trunk@trunk", "+12025550123", "+44 20 7946 0018", "tel:0044-20-79460018", "112", "+112", "9 1 1",
    "+380501234567", "+1900555\u0660123", "\uff0b1202555\uff10123", "+882161234567", "12025550123;ext=9", "BUSY",
    "a\r\nX-Injected: 1", "a\nX", "a\rX", "a\0b", "a\x1b[31m", "a\x7f\x85\u2028b", "\u202eevil", "\ufeff", "\ud800",
    "${EVAL(${SHELL(id)})}", "${CALLERID(num)}", "a,b)c", "a;b|c", "%0d%0a", "\\r\\n", '"><script>', "'--",
    "team", "group", "sales",
    "last_agent", "604800",
    "user", "person", "endpoint", "external", "hangup", "auto", " ", "\t7\t", "x" * 255, "\u0130" * 90, "9" * 64,
    "announcement", "sound:custom/closed", "/etc/passwd", "../x", "recording:x",
    "voicemail", "101@sales", "101&102",
    "queue", "9", "number", "200", "+1 (415) 555-0100", "dialplan", "ivr,s,1", "ivr,101,2", "ivr)},s,1", "outbound,s,1",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -0.0, 7, 77, 12025550123, 7.0, 7.5, -1, 4, 1e308, 2**53 + 1, 10**400, [], {}, [[]], {"": {}},
    {"to": "ada"}, ["ada"], {"code": 10**400, "message": "a\r\nb"}, {"message": {}}, float("inf"), float("nan"),
)  # fmt: skip
RAW = (b"\r\n", b"\0", b"\xef\xbb\xbf", b"\xff\xfe", b"\xed\xa0\x80", b"1e999", b"-", b"[" * 5000, b"9" * 5000, b'"')


def answers(random: Random, rounds: int, seeds: Path = SEEDS) -> Iterator[tuple[bytes, str | None]]:
    """Bodies, each with the charset of its Content-Type: the seeds as they are, then as many others."""
    known = [file.read_bytes() for file in sorted(seeds.iterdir())]
    yield from ((body, None) for body in known)
    for _ in range(rounds):
        body = random.choice(known)
        for _ in range(random.randint(0, 3)):
            body = _of_json(random, body) if random.random() < 0.6 else _of_bytes(random, body, known)
        yield body, random.choice(CHARSETS)


def _of_json(random: Random, body: bytes) -> bytes:
    """The same document with another value in one place; what is no JSON becomes a hostile text."""
    try:
        tree = json.loads(body)
    except (ValueError, RecursionError):
        return random.choice(TEXTS).encode("utf-8", "surrogatepass")
    value = random.choice(TEXTS if random.random() < 0.7 else VALUES)
    places = _places(tree)
    if places:
        holder, key = random.choice(places)
        holder[key] = value
    else:
        tree = value
    return json.dumps(tree, ensure_ascii=random.random() < 0.5).encode("utf-8", "surrogatepass")


def _places(tree: Any) -> list[tuple[Any, Any]]:
    """Every place of the document: the object or list, and its key or index."""
    places: list[tuple[Any, Any]] = []
    holders = [tree]
    while holders:
        holder = holders.pop()
        keys = holder if isinstance(holder, dict) else range(len(holder)) if isinstance(holder, list) else ()
        places += [(holder, key) for key in keys]
        holders += [holder[key] for key in keys]
    return places


def _of_bytes(random: Random, body: bytes, known: list[bytes]) -> bytes:
    start, end = sorted((random.randint(0, len(body)), random.randint(0, len(body))))
    inside = random.choice(
        (b"", random.choice(RAW), body[start:end] * 2, random.choice(known), bytes([random.randrange(256)]))
    )
    return body[:start] + inside + body[random.choice((start, end)) :]
