"""Erasing what is on record of a number, for its owner who asks for it: by the command, and over REST."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

from agi_router.routing.last_agent import forms_of
from agi_router.routing.numbers import digits, national, normalise
from ari_app.control.settings import ControlError
from ari_app.domain.history import Erased, Eraser


class Erasing:
    """Erases; `settle` waits until all that calls have told is in the database, `region` is that of the dial policy.

    `forget_recordings` deletes those of calls that are on record no more, and tells how many.
    """

    def __init__(
        self,
        eraser: Eraser,
        settle: Callable[[], Awaitable[None]],
        region: Callable[[], str],
        forget_recordings: Callable[[], Awaitable[int]],
    ) -> None:
        self._eraser = eraser
        self._settle = settle
        self._region = region
        self._forget_recordings = forget_recordings

    async def erase(self, number: str) -> Erased:
        """Erase it in every form in which a carrier may have written it. Raises an UnavailableError."""
        await self._settle()
        erased = await self._eraser.erase(all_forms_of(number, self._region()))
        return replace(erased, recordings=await self._forget_recordings())

    async def answer(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """A command of the control socket: `number`. Raises ControlError when it is missing."""
        number = str(arguments.get("number", "")).strip()
        if not number:
            raise ControlError("no number was named", "Write one: agi-router history erase +14155550177")
        return {"number": number, **asdict(await self.erase(number))}


def all_forms_of(number: str, region: str) -> tuple[str, ...]:
    """The number as it may stand in a log: as it is written here, in E.164, and as it is dialled at home and abroad."""
    forms = {number, *forms_of(number, region)}
    if e164 := normalise(number, region):
        forms |= {f"00{digits(e164)}", national(e164), digits(e164), e164}
    return tuple(sorted(forms - {""}))
