"""Confirmation: whoever picks up is asked to press a key, and has answered only then.

A mobile's voicemail answers like a person. It presses nothing, so it never wins: the others ring on meanwhile, and the
caller goes on hearing that he waits.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

from ari_app.calls.call import Call
from ari_app.calls.clock import now
from ari_app.calls.ids import prompt_id
from ari_app.calls.leg import Leg, LegState
from ari_app.calls.ports import TelephonyError
from ari_app.domain import events as e
from ari_app.domain.causes import LegOutcome

ROUNDS: Final = 5
"""How often the prompt is heard, if there is time: who has just put a mobile to his ear missed its beginning."""
PAUSE: Final = "silence/1"

GiveUp = Callable[[Leg, LegOutcome], None]


def is_asked(leg: Leg) -> bool:
    """Whether it was picked up, and may still be confirmed."""
    return leg.state is LegState.ASKED and leg.ending is None


def ask_each(call: Call, legs: Iterable[Leg], give_up: GiveUp) -> None:
    """Ask those of these legs that were picked up since the last time."""
    for leg in legs:
        if is_asked(leg) and not leg.is_asked:
            leg.is_asked = True
            call.request(_ask(call, leg, give_up))


async def _ask(call: Call, leg: Leg, give_up: GiveUp) -> None:
    """Ask, until a key is pressed, the leg ends or the time is up. The key that confirms is noted by the call."""
    confirmation = call.treatment.confirmation
    call.tell(e.ConfirmationAsked(at=now(), leg=leg.role, digit=confirmation.digit))
    try:
        async with asyncio.timeout(confirmation.timeout_s):
            await _play_prompt(call, leg)
            await leg.decided.wait()
    except TimeoutError:
        pass
    if is_asked(leg):
        give_up(leg, LegOutcome.DECLINED if leg.key else LegOutcome.UNCONFIRMED)
    elif leg.state is LegState.UP:
        await call.telephony.stop_playing(prompt_id(leg.channel_id))


async def _play_prompt(call: Call, leg: Leg) -> None:
    """A prompt that cannot be played is no reason not to wait for the key: people know theirs."""
    prompt = (*call.treatment.confirmation.prompt, PAUSE) * ROUNDS
    try:
        await call.telephony.play(leg.channel_id, prompt_id(leg.channel_id), prompt)
    except TelephonyError as error:
        call.log.info("the prompt to confirm could not be played", leg=leg.role, error=str(error))
