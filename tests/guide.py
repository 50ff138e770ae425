"""Guides whose examples are carried out: what stands in them, and whether an answer is the one that is printed.

A `sh` block is run by bash, with PBX and KEY in its environment, and the block after it is what it prints:
`json answer` a body, `http answer` a status line, headers and a body (`curl -i`), `text answer` lines. A block of any
other kind (`sh yours`, `yaml`) is not run.

An answer is like the printed one when it has the same fields with values of the same types; those of EXACT, and all
that is true or false, have to be the very same. A field "..." in an object says that there are more; so does a last
item "..." of a list. Of `text answer` the first line counts. The id of a call that is printed stands from then on for
the one that came in its place.
"""

import asyncio
import json
import os
from dataclasses import dataclass, field
from typing import Any, Final

import pytest

from tests.fakes.documented_api import A_CALL_ID, BLOCK

EXACT: Final = frozenset(
    [
        *("agent", "answered_by", "called_number", "caller_name", "caller_number", "cause", "code", "detail"),
        *("disposition", "endpoint", "key", "party", "reason", "remedy", "state", "status", "title", "total", "type"),
        "user",
    ]
)
MORE: Final = "..."


@dataclass(frozen=True, slots=True)
class Example:
    """A command as printed, and what it prints; `line` is where it stands."""

    line: int
    command: str
    kind: str
    answer: str


def examples(text: str) -> list[Example]:
    blocks = list(BLOCK.finditer(text))
    found = []
    for block, after in zip(blocks, [*blocks[1:], None], strict=True):
        if block["kind"] == "sh":
            line = text.count("\n", 0, block.start()) + 1
            assert after is not None, f"line {line}: no answer"
            assert after["kind"].endswith(" answer"), f"line {line}: no answer"
            found.append(Example(line, block["text"], after["kind"].split()[0], after["text"]))
    return found


@dataclass(slots=True)
class Comparison:
    """What was printed, and what came; `ids` are those that came for the printed ones."""

    ids: dict[str, str] = field(default_factory=dict)

    def actual(self, printed: str) -> str:
        """The text with the ids that came."""
        return A_CALL_ID.sub(lambda found: self.ids.get(found[0], found[0]), printed)

    def compare(self, kind: str, printed: str, came: str) -> None:
        """Raises AssertionError with where they differ."""
        match kind:
            case "json":
                self.like(json.loads(printed), json.loads(came))
            case "http":
                self._http(printed, came.replace("\r\n", "\n"))
            case "text":
                assert came.splitlines()[:1] == self.actual(printed).splitlines()[:1]
            case _:
                pytest.fail(f"{kind} is no kind of answer")

    def _http(self, printed: str, came: str) -> None:
        (head, _, body), (came_head, _, came_body) = printed.partition("\n\n"), came.partition("\n\n")
        if body.strip():
            self.like(json.loads(body), json.loads(came_body))
        status, *headers = head.strip().splitlines()
        came_status, *came_headers = came_head.strip().splitlines()
        assert came_status.split()[1:] == status.split()[1:]
        told = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in came_headers)}
        for name, _, value in (line.partition(":") for line in headers):
            assert told.get(name.lower()) == self.actual(value.strip()), name

    def like(self, printed: Any, came: Any, where: str = "") -> None:
        match printed, came:
            case dict(), dict():
                assert printed.keys() - {MORE} <= came.keys(), where
                assert MORE in printed or printed.keys() == came.keys(), where
                for name in printed.keys() - {MORE}:
                    self.like(printed[name], came[name], f"{where}/{name}")
            case [*items], [*came_items]:
                more = items[-1:] == [MORE]
                items = items[:-1] if more else items
                assert len(items) == len(came_items) or (more and len(items) < len(came_items)), where
                for number, (item, came_item) in enumerate(zip(items, came_items, strict=False)):
                    self.like(item, came_item, f"{where}/{number}")
            case str(), str():
                if A_CALL_ID.fullmatch(printed):
                    self.ids.setdefault(printed, came)
                    assert self.ids[printed] == came, where
                assert where.rpartition("/")[2] not in EXACT or printed == came, where
            case _:
                exact = printed is None or isinstance(printed, bool) or where.rpartition("/")[2] in EXACT
                assert came == printed if exact else isinstance(came, int | float), where


async def carried_out(command: str, url: str, key: str) -> str:
    """What it prints."""
    process = await asyncio.create_subprocess_exec(
        *("bash", "-euo", "pipefail", "-c", command),
        env={**os.environ, "PBX": url, "KEY": key},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, f"{command}\n{err.decode()}"
    return out.decode()
