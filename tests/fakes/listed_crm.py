"""A CRM that lists its contacts, page by page, and breaks off where a test wants it."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field

from agi_router.routing.decision import ReceivedAnswer, SentRequest
from agi_router.routing.errors import Failure
from ari_app.domain.crm import Abilities, HookAnswer, HookError, HookName, Patience, Record, Upload

DOWN = Failure("crm_unreachable", "the CRM cannot be reached", "wait until it is back")
_SENT = SentRequest(method="GET", url="http://crm.example.com/contacts", headers={}, body="")
_RECEIVED = ReceivedAnswer(status=200, body="", elapsed_ms=1.0)


@dataclass
class ListedCrm:
    """Implements `ari_app.domain.crm.Crm` for its lists. A page that is an error is raised, one that is an event
    is waited for.

    `answers` are those of all other hooks, `asked` what they were asked, `listed` what the lists were.
    """

    lists: dict[HookName, Sequence[Sequence[Record] | Exception | asyncio.Event]] = field(default_factory=dict)
    answers: dict[HookName, Sequence[Record] | Exception] = field(default_factory=dict)
    asked: list[tuple[HookName, Mapping[str, str]]] = field(default_factory=list)
    name: str = "hubspot"
    title: str = "A CRM"
    runs: int = 0
    lists_changes: frozenset[HookName] = frozenset()
    listed: list[tuple[HookName, Mapping[str, str]]] = field(default_factory=list)

    @property
    def abilities(self) -> Abilities:
        return Abilities(hooks=frozenset([*self.lists, *self.answers]), lists_changes=self.lists_changes)

    async def run(
        self, hook: HookName, values: Mapping[str, str], *, deadline_s: float, upload: Upload | None = None
    ) -> HookAnswer:
        self.asked.append((hook, values))
        answer = self.answers[hook]
        if isinstance(answer, Exception):
            raise answer
        return _answer(answer)

    async def pages(
        self, hook: HookName, values: Mapping[str, str], *, deadline_s: float, patience: Patience | None = None
    ) -> AsyncIterator[HookAnswer]:
        self.runs += 1
        self.listed.append((hook, values))
        for page in self.lists[hook]:
            if isinstance(page, asyncio.Event):
                await page.wait()
                continue
            if isinstance(page, Exception):
                raise page
            yield _answer(page)


def down(again_in_s: float | None = None) -> HookError:
    return HookError(DOWN, is_undone=True, again_in_s=again_in_s)


def person(contact_id: str, **fields: str) -> Record:
    return {"contact_id": contact_id, "name": f"Person {contact_id}", "phone": f"+1415555{contact_id:0>4}", **fields}


def _answer(records: Sequence[Record]) -> HookAnswer:
    return HookAnswer(records=tuple(records), sent=_SENT, received=_RECEIVED)
