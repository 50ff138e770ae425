"""The recording of a call: both sides as they are heard in its bridge, in a file of Asterisk's spool.

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
        self.is_announced = False  # those who speak have heard that they are recorded
        self.is_beginning = False  # they hear it just now
        self.cut_off = ""  # by whose word it ran, when Asterisk has ended it by itself
        self._by = ""

    @property
    def has_begun(self) -> bool:
        """Whether anything of this call was recorded before."""
        return self._count > 0

    def found(self, trace: Iterable[e.CallEvent]) -> None:
        """What the record tells of a life before a restart."""
        for event in trace:
            match event:
                case e.RecordingStarted(name=name, by=by):
                    self._count += 1
                    self.name, self.is_paused, self._by = name, False, by
                case e.RecordingEnded():
                    self.name, self.is_paused = "", False
                case e.RecordingAnnounced():
                    self.is_announced = True
                case e.Steered(action="record_pause" | "record_resume" as action):
                    self.is_paused = action == "record_pause"
                case _:
                    pass

    async def start(self, by: str) -> Failure | None:
        """Begin another one, by this one's word (RecordingStarted); why it can't be."""
        if self.name or self.is_beginning:
            as_what = f", as {self.name}" if self.name else ""
            return Failure("already_recording", f"this call is recorded already{as_what}", "stop that one first")
        self._count += 1
        name = recording_name(self._call_id, self._count)
        try:
            await self._telephony.start_recording(self._bridge_id, name, LONGEST_RECORDING_S)
        except UnreachableError:  # it may have begun: nobody is recorded without a word of it on record
            self._started(name, by)
            raise
        except RefusedError as error:
            return Failure(
                "recording_failed",
                f"Asterisk can't record this call: {error}",
                "let /var/spool/asterisk/recording exist, and Asterisk write there",
            )
        self._started(name, by)
        return None

    async def change(self, change: RecordingChange) -> Failure | None:
        """Carry this out of a recording that is there; why it can't be."""
        if not self.name:
            return Failure("not_recording", "this call is not recorded", "start a recording first")
        try:
            await self._change(change)
        except NotFoundError:
            self.end()
            return Failure("recording_ended", "Asterisk has ended the recording", "start another one")
        return None

    def over(self, name: str) -> None:
        """Asterisk has ended this one: nobody was left in the bridge for a moment, or it was the longest."""
        if name == self.name:
            self.end()
            self.cut_off = self._by

    def end(self) -> None:
        """Put on record that it is over, if it was not before."""
        if self.name:
            self._tell(e.RecordingEnded(at=now(), name=self.name))
        self.name, self.is_paused = "", False

    def _started(self, name: str, by: str) -> None:
        self.name, self.is_paused, self.cut_off, self._by = name, False, "", by
        self._tell(e.RecordingStarted(at=now(), name=name, file=f"{name}.{self._telephony.recording_format}", by=by))

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
            case RecordingChange.START:  # is no change of one that is there
                raise AssertionError(change)
