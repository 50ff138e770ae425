"""The recording of a call, by request: both sides as they are heard in its bridge, in a file of Asterisk's spool.

It ends when it is stopped, or with the call; a transfer goes on into the same file. Nobody on hold is in it.
"""

from collections.abc import Callable, Iterable
from typing import Final

from agi_router.routing.errors import Failure
from ari_app.calls.clock import now
from ari_app.calls.ids import recording_name
from ari_app.calls.ports import NotFoundError, RefusedError, Telephony, UnreachableError
from ari_app.calls.steering_request import RecordingChange
from ari_app.domain import events as e

RECORDING_FORMAT: Final = "wav"
"""16-bit linear at 8 kHz, of which any program can make what it needs."""

LONGEST_RECORDING_S: Final = 14_400.0
"""No call is longer (AGI_ROUTER_MAX_SECONDS); it ends a recording whose router has died."""


class Recording:
    """What is recorded of one call. Its changes raise UnreachableError when Asterisk does not answer."""

    def __init__(self, telephony: Telephony, call_id: str, bridge_id: str, tell: Callable[[e.CallEvent], None]) -> None:
        self._telephony = telephony
        self._call_id = call_id
        self._bridge_id = bridge_id
        self._tell = tell
        self._count = 0
        self.name = ""  # "" while nothing is recorded
        self.is_paused = False

    def found(self, trace: Iterable[e.CallEvent]) -> None:
        """What the record tells of a life before a restart."""
        for event in trace:
            match event:
                case e.RecordingStarted(name=name):
                    self._count += 1
                    self.name, self.is_paused = name, False
                case e.RecordingEnded():
                    self.name = ""
                case e.Steered(action="record_pause" | "record_resume" as action):
                    self.is_paused = action == "record_pause"
                case _:
                    pass

    async def change(self, change: RecordingChange) -> Failure | None:
        """Carry this out; why it can't be."""
        if change is RecordingChange.START:
            return await self._start()
        if not self.name:
            return Failure("not_recording", "this call is not recorded", "start a recording first")
        try:
            await self._change(change)
        except NotFoundError:
            self.end()
            return Failure("recording_ended", "Asterisk has ended the recording", "start another one")
        return None

    def end(self) -> None:
        """Put on record that it is over, if it was not before."""
        if self.name:
            self._tell(e.RecordingEnded(at=now(), name=self.name))
        self.name = ""

    async def _start(self) -> Failure | None:
        if self.name:
            return Failure("already_recording", f"this call is recorded already, as {self.name}", "stop that one first")
        self._count += 1
        name = recording_name(self._call_id, self._count)
        try:
            await self._telephony.start_recording(self._bridge_id, name, LONGEST_RECORDING_S)
        except UnreachableError:  # it may have begun: nobody is recorded without a word of it on record
            self._started(name)
            raise
        except RefusedError as error:
            return Failure(
                "recording_failed",
                f"Asterisk can't record this call: {error}",
                "let /var/spool/asterisk/recording exist, and Asterisk write there",
            )
        self._started(name)
        return None

    def _started(self, name: str) -> None:
        self.name, self.is_paused = name, False
        self._tell(e.RecordingStarted(at=now(), name=name, file=f"{name}.{RECORDING_FORMAT}"))

    async def _change(self, change: RecordingChange) -> None:
        match change:
            case RecordingChange.STOP:
                await self._telephony.stop_recording(self.name)
                self.end()
            case RecordingChange.PAUSE:
                await self._telephony.pause_recording(self.name)
                self.is_paused = True
                self._tell(e.Steered(at=now(), action="record_pause", value=self.name))
            case RecordingChange.RESUME:
                await self._telephony.resume_recording(self.name)
                self.is_paused = False
                self._tell(e.Steered(at=now(), action="record_resume", value=self.name))
            case _:  # START is no change of one that is there
                raise AssertionError(change)
