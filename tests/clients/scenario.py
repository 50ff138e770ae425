"""A scenario: one function on a client, the ground it stands on, and the situation it needs."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Generic, TypeVar

from tests.clients.world import World

Client = TypeVar("Client")


class Basis(Enum):
    """How well founded an expectation is; the first three are firm, the others open a discussion."""

    PAGE = "V"
    THIRD_PARTY = "3P"
    # silent or faulty pages, settled in systems.md
    DECIDED = "decided"
    MEMORY = "M"
    INFERRED = "inferred"


@dataclass(frozen=True)
class Step(Generic[Client]):
    """One row of a scenarios file, before it is bound to a world."""

    check: Callable[[Client, World], Awaitable[None]]
    basis: Basis
    situation: str = ""


@dataclass(frozen=True)
class Scenario(Generic[Client]):
    """`await scenario.run(client)` raises AssertionError, or the client's own error, or returns."""

    name: str
    basis: Basis
    run: Callable[[Client], Awaitable[None]]
    # what the harness brings about before (or, where it says "while", during) the run; empty: nothing
    situation: str


def bind(world: World, steps: Iterable[Step[Client]]) -> list[Scenario[Client]]:
    return [Scenario(_name(step.check), step.basis, partial(_run, step.check, world), step.situation) for step in steps]


async def _run(check: Callable[[Client, World], Awaitable[None]], world: World, client: Client) -> None:
    await check(client, world)


def _name(check: Callable[[Client, World], Awaitable[None]]) -> str:
    if isinstance(check, partial):
        told = "_".join(str(getattr(part, "name", repr(part))) for part in check.args)
        return f"{check.func.__name__}[{told}]"
    return getattr(check, "__name__", repr(check))
