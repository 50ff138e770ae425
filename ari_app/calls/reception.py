"""What the caller hears until he speaks with somebody, and when he is answered: the treatment of his route.

A playback holds up what is asked of its channel after it, so that the music follows the announcement by itself, and the
announcement is stopped before anything else can be heard.
"""

import asyncio
from collections.abc import Callable
from typing import assert_never

from agi_router.routing.treatment import Answer, Treatment, Waiting
from ari_app.calls.ports import Telephony


class Reception:
    """One caller's waiting; he may be answered from the beginning, by the dialplan.

    What is asked of it is done in its order. Each request raises a TelephonyError. `on_early_answer` is called when he
    is answered for the waiting, with the word of his treatment, or for a step that he is to hear, with "step"; and not
    for somebody who answered.
    """

    def __init__(
        self,
        telephony: Telephony,
        channel_id: str,
        playback_id: str,
        *,
        is_answered: bool,
        on_early_answer: Callable[[str], None],
    ) -> None:
        self._telephony = telephony
        self._channel = channel_id
        self._playback = playback_id
        self._treatment = Treatment()
        self._announcing = False
        self._audible = False
        self._in_order = asyncio.Lock()
        self.is_answered = is_answered
        self._on_early_answer = on_early_answer

    async def arrive(self, treatment: Treatment, *, announce: bool = True) -> None:
        """Take the caller in: he hears that he waits, or only ringing if he is to be answered for the waiting."""
        self._treatment = treatment
        async with self._in_order:
            if treatment.answer is Answer.NOW:
                await self._answer_early(treatment.answer.value)
            if treatment.answer is not Answer.ON_WAIT or self.is_answered:
                await self._begin(announce=announce)
            elif treatment.waiting is not Waiting.SILENCE:
                await self._telephony.ring(self._channel)

    async def wait(self) -> None:
        """Somebody begins to be rung for the caller: answer him, if it is time for that."""
        async with self._in_order:
            if self._treatment.answer is Answer.ON_WAIT and not self.is_answered:
                await self._answer_early(self._treatment.answer.value)
                await self._begin(announce=True)

    async def answer(self) -> None:
        """Answer the caller, and end his waiting: he is about to speak with somebody."""
        async with self._in_order:
            await self._end()
            await self._answer()

    async def attend(self, *, answer: bool) -> None:
        """End his waiting for something else that he is to hear; `answer` him for it."""
        async with self._in_order:
            await self._end()
            if answer:
                await self._answer_early("step")

    async def end(self) -> None:
        """Leave the caller's audio to somebody else. A caller who is not answered may go on to see that it rings."""
        async with self._in_order:
            await self._end()

    async def resume(self) -> None:
        """After `end`: let the caller hear again that he waits."""
        async with self._in_order:
            await self._begin(announce=False)

    async def _answer_early(self, answer: str) -> None:
        if not self.is_answered:
            self._on_early_answer(answer)
        await self._answer()

    async def _answer(self) -> None:
        if not self.is_answered:
            self.is_answered = True
            await self._telephony.answer(self._channel)

    async def _begin(self, *, announce: bool) -> None:
        sounds = self._treatment.announcement if announce else ()
        waiting = self._treatment.waiting
        self._announcing = bool(sounds)
        self._audible = self.is_answered or bool(sounds) or waiting is not Waiting.RINGING
        if sounds:
            await self._telephony.play(self._channel, self._playback, sounds)
        match waiting:
            case Waiting.RINGING:
                await self._telephony.ring(self._channel)
            case Waiting.MUSIC:
                await self._telephony.play_music(self._channel, self._treatment.music_class)
            case Waiting.SILENCE:
                await self._telephony.play_silence(self._channel)
            case _:
                assert_never(waiting)

    async def _end(self) -> None:
        announcing, audible = self._announcing, self._audible
        self._announcing = self._audible = False
        if announcing:
            await self._telephony.stop_playing(self._playback)
        if audible:
            await self._stop(self._treatment.waiting)

    async def _stop(self, waiting: Waiting) -> None:
        match waiting:
            case Waiting.RINGING:
                await self._telephony.stop_ringing(self._channel)
            case Waiting.MUSIC:
                await self._telephony.stop_music(self._channel)
            case Waiting.SILENCE:
                await self._telephony.stop_silence(self._channel)
            case _:
                assert_never(waiting)
