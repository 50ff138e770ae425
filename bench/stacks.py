"""A profiler's samples, counted: py-spy's raw format, a line for each stack seen, `outer (file:line);inner ... 17`."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Self


@dataclass(frozen=True, slots=True)
class Stack:
    """One stack, the outermost function first, and how many samples saw it."""

    frames: Sequence[str]
    samples: int

    @classmethod
    def read(cls, line: str) -> Self:
        """Read one line. Raises ValueError for anything else."""
        frames, _, samples = line.rpartition(" ")
        return cls(tuple(frames.split(";")), int(samples))


def library(frame: str) -> str:
    """To whom a function belongs: "send (aiohttp/client.py:12)" -> "aiohttp", "loads (json.py:9)" -> "json"."""
    path = frame.partition(" (")[2].rpartition(":")[0]
    parts = PurePath(path).parts
    match parts:
        case ("<frozen importlib._bootstrap>",) | ("<string>",) | ():
            return "(Python)"
        case (module,):
            return module.removesuffix(".py")
        case (first, *rest):
            return rest[0] if first == "site-packages" else first
        case _:
            raise AssertionError(f"a path has parts: {path!r}")


def by_self(stacks: Iterable[Stack], name: Callable[[str], str] = str) -> Counter[str]:
    """Samples by the innermost function (by `name` of it): where the time is really spent."""
    counted: Counter[str] = Counter()
    for stack in stacks:
        counted[name(stack.frames[-1])] += stack.samples
    return counted


def by_total(stacks: Iterable[Stack], name: Callable[[str], str] = str) -> Counter[str]:
    """Samples by every function on the stack, once each: itself and all that it calls."""
    counted: Counter[str] = Counter()
    for stack in stacks:
        for frame in dict.fromkeys(map(name, stack.frames)):
            counted[frame] += stack.samples
    return counted


def listing(title: str, counted: Counter[str], all_samples: int, ms_per_call: float, rows: int) -> str:
    """The largest entries as text: their share, and what that is of a call's CPU time."""
    lines = [title, "  share  ms/call"]
    for name, samples in counted.most_common(rows):
        share = samples / all_samples
        lines.append(f"{share:7.1%} {share * ms_per_call:8.3f}  {name}")
    return "\n".join(lines)
