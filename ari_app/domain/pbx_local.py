"""Call detail records of Local channels: Asterisk gives some of them another linkedid than that of their call.

A Dial() or a queue that calls Local/101@ext calls its half ;1; the half ;2 goes through the dialplan and calls a phone.
The Cdr of the half ;2 was begun before it belonged to the call. (Asterisk 22; CEL is not concerned.)
"""

from dataclasses import replace

from ari_app.domain.pbx_events import DetailRecord


class LocalHalves:
    """Which calls the halves of Local channels are in, by what both halves are called."""

    def __init__(self) -> None:
        self._before: dict[str, str] = {}
        self._behind: dict[str, str] = {}
        self._halves: dict[str, set[str]] = {}

    def join(self, event: DetailRecord) -> tuple[DetailRecord, str]:
        """The record by the linkedid of its whole call; and the call that turns out to be behind it, "" for none."""
        half = ""
        for channel in (event.channel, event.destination_channel):
            if channel.startswith("Local/") and channel.endswith(";1"):
                stem = channel[:-2]
                self._before[stem] = event.linkedid
                self._halves.setdefault(event.linkedid, set()).add(stem)
                half = self._behind.pop(stem, "")
        if event.channel.startswith("Local/") and event.channel.endswith(";2"):
            stem = event.channel[:-2]
            linkedid = self._before.get(stem)
            if linkedid is not None:
                return replace(event, linkedid=linkedid), ""
            if event.linkedid == event.uniqueid:
                self._behind[stem] = event.linkedid
                self._halves.setdefault(event.linkedid, set()).add(stem)
        if half and half != event.linkedid:
            self._halves.pop(half, None)
            return event, half
        return event, ""

    def is_half(self, linkedid: str) -> bool:
        """Whether this is only what is behind a Local channel: the call before it is not over yet."""
        return any(self._behind.get(stem) == linkedid for stem in self._halves.get(linkedid, ()))

    def forget(self, linkedid: str) -> None:
        """The call is over."""
        for stem in self._halves.pop(linkedid, ()):
            self._before.pop(stem, None)
            self._behind.pop(stem, None)
