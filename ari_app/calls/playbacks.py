"""What has been played to those of a call, and to its bridge: each playback's end is told once, by an event."""

import asyncio
from collections.abc import Mapping

from ari_app.calls.ports import PlaybackEnded


class Playbacks:
    """The ends that were told so far."""

    def __init__(self) -> None:
        self._ended: dict[str, PlaybackEnded] = {}
        self._bell = asyncio.Event()

    @property
    def ended(self) -> Mapping[str, PlaybackEnded]:
        """By their ids."""
        return self._ended

    def note(self, event: PlaybackEnded) -> None:
        """One more."""
        self._ended[event.playback_id] = event
        self._bell.set()
        self._bell = asyncio.Event()

    def forget(self, playback_id: str) -> None:
        """It is played once more."""
        self._ended.pop(playback_id, None)

    async def next_end(self) -> None:
        """Wait for one more, whichever it is."""
        await self._bell.wait()
