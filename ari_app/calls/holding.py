"""Who holds a call and who is muted, by request: what each of the two hears of the other.

    held      the other one hears the music of his channel; neither hears the other, nor does a recording
    muted     what the party says is not heard
    aside     the party speaks with somebody else for a while; the other one hears music

Asterisk keeps both on the channel. So they last when the router is away, and go with the channel.
"""

import asyncio
from collections.abc import Iterable, Iterator, Set
from contextlib import suppress
from dataclasses import dataclass, replace

from ari_app.calls.ports import Telephony, TelephonyError
from ari_app.domain import events as e


@dataclass(frozen=True, slots=True)
class _Sound:
    """What Asterisk does with one channel."""

    muted: bool = False
    music: bool = False


class Holding:
    """What is wanted of the channels of a talk, and what Asterisk has been told of it.

    Changes raise a TelephonyError when Asterisk does not carry them out; then all is as it was, as far as it can be.
    """

    def __init__(self, telephony: Telephony) -> None:
        self._telephony = telephony
        self._told: dict[str, _Sound] = {}
        self.held_by: set[str] = set()
        self.muted: set[str] = set()
        self.aside: set[str] = set()

    async def hold(self, channel: str, peer: str, *, on: bool) -> None:
        """This party holds the call, or not any more; `peer` is whom it speaks with."""
        await self._change(self.held_by, channel, peer, on=on)

    async def mute(self, channel: str, peer: str, *, on: bool) -> None:
        """This party is muted, or not any more."""
        await self._change(self.muted, channel, peer, on=on)

    async def step_aside(self, channel: str, peer: str) -> None:
        """This party speaks with somebody else for a while, whoever held or was muted before."""
        self.held_by.clear()
        self.muted.clear()
        await self._change(self.aside, channel, peer, on=True)

    def found(self, held_by: Set[str], muted: Set[str], aside: Set[str], one: str, other: str) -> None:
        """It is so since a life before a restart."""
        self.held_by, self.muted, self.aside = set(held_by), set(muted), set(aside)
        self._told = {channel: sound for channel, sound in self._wanted(one, other) if sound != _Sound()}

    async def release(self) -> None:
        """Nobody holds and nobody is muted any more: they are about to speak with others.

        What can't be ended for one of them, who may have hung up, ends for the other one all the same.
        """
        self.held_by.clear()
        self.muted.clear()
        self.aside.clear()
        releasing = (self._tell(channel, _Sound()) for channel in list(self._told))
        outcomes = await asyncio.gather(*releasing, return_exceptions=True)
        for failure in filter(None, outcomes):
            raise failure

    async def _change(self, parties: set[str], channel: str, peer: str, *, on: bool) -> None:
        was_on = channel in parties
        _set(parties, channel, on=on)
        try:
            await self._settle(channel, peer)
        except TelephonyError:
            _set(parties, channel, on=was_on)
            with suppress(TelephonyError):
                await self._settle(channel, peer)
            raise

    async def _settle(self, one: str, other: str) -> None:
        for channel, sound in self._wanted(one, other):
            await self._tell(channel, sound)

    def _wanted(self, one: str, other: str) -> Iterator[tuple[str, _Sound]]:
        for channel, peer in ((one, other), (other, one)):
            left = peer in self.held_by or peer in self.aside
            silent = left or channel in self.held_by or channel in self.muted
            yield channel, _Sound(muted=silent, music=left)

    async def _tell(self, channel: str, wanted: _Sound) -> None:
        told = self._told.get(channel, _Sound())
        if wanted.muted != told.muted:
            await (self._telephony.mute(channel) if wanted.muted else self._telephony.unmute(channel))
            told = self._told[channel] = replace(told, muted=wanted.muted)
        if wanted.music != told.music:
            await (self._telephony.play_music(channel, "") if wanted.music else self._telephony.stop_music(channel))
        if wanted == _Sound():
            self._told.pop(channel, None)
        else:
            self._told[channel] = wanted


def _set(parties: set[str], channel: str, *, on: bool) -> None:
    if on:
        parties.add(channel)
    else:
        parties.discard(channel)


def on_record(trace: Iterable[e.CallEvent]) -> tuple[Set[str], Set[str], Set[str]]:
    """The parties who hold the call, those who are muted, and those who consult somebody, by its events."""
    aside: set[str] = set()
    held_by: set[str] = set()
    muted: set[str] = set()
    for event in trace:
        match event:
            case e.Steered(action="hold", party=party):
                held_by.add(party)
            case e.Steered(action="resume", party=party):
                held_by.discard(party)
            case e.Steered(action="mute", party=party):
                muted.add(party)
            case e.Steered(action="unmute", party=party):
                muted.discard(party)
            case e.TransferAsked(by=by, by_command=by_command, kind=kind):
                held_by.clear()
                muted.clear()
                if by_command and kind == "attended":
                    aside.add(by)
            case e.Transferred() | e.TransferFailed():  # the former also without being asked: Asterisk did it
                held_by.clear()
                muted.clear()
                aside.clear()
            case _:
                pass
    return held_by, muted, aside
