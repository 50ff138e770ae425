"""CRMs that tell whose number it is when a test says so."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from ari_app.calls.contacts import AskedCrm
from ari_app.domain.contacts import ContactAnswer


@dataclass
class AFinder:
    """Gives `answer` once `told` is set, and counts who asked."""

    answer: ContactAnswer
    told: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[str] = field(default_factory=list)

    async def find(self, number: str, deadline_s: float) -> ContactAnswer:
        self.asked.append(number)
        await self.told.wait()
        return self.answer


@dataclass
class Crms:
    """These finders, as connectors `first`, `second` ...; a number with a plus is one outside."""

    finders: Sequence[AFinder]
    shows_name: bool = True

    def of_a_call(self) -> Sequence[AskedCrm]:
        return [
            AskedCrm(name=name, finder=finder, deadline_s=2, shows_name=self.shows_name)
            for name, finder in zip(("first", "second"), self.finders, strict=False)
        ]

    def outside(self, number: str) -> str | None:
        return number if number.startswith("+") else None
