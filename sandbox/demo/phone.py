"""One phone of the demo with its owner, a process of its own: it rings, and somebody may pick it up.

python -m sandbox.demo.phone NAME --server ADDRESS:PORT --address ADDRESS --tone 1000 [--answer-after 1]
"""

import argparse
import asyncio
import math
from contextlib import suppress

from sandbox.demo.reports import Report, tell
from sandbox.layout import Peer, phone_password
from sandbox.phone import Ending, Phone
from sandbox.phone.calls import CallError
from sandbox.phone.incoming import IncomingCall
from sandbox.phone.phone import REGISTRATION_S, RegistrationError

CALLER_TONE_HZ = 500
LONGEST_TALK_S = 120.0


async def live(phone: Phone, answer_after_s: float) -> None:
    """Take calls until the process is ended; several at a time."""
    async with phone, asyncio.TaskGroup() as calls:
        tell(Report("ready"))
        calls.create_task(stay_registered(phone, REGISTRATION_S / 3))
        while True:
            calls.create_task(take(await phone.next_call(timeout_s=math.inf), answer_after_s))


async def stay_registered(phone: Phone, every_s: float) -> None:
    """Register anew, for ever: a demo may stay up for longer than a registration lasts."""
    while True:
        await asyncio.sleep(every_s)
        with suppress(RegistrationError):  # the next one is in time, too
            await phone.register()


async def take(call: IncomingCall, answer_after_s: float) -> None:
    """One call, from the first ring to its end."""
    tell(Report("rings", call.caller_number))
    try:
        ending = await _lived(call, answer_after_s)
    except CallError:  # it ended in the very moment that it was to ring, or to be picked up
        ending = await call.ended()
    tell(Report("ended", ending.reason or ""))


async def _lived(call: IncomingCall, answer_after_s: float) -> Ending:
    await call.ring()
    try:
        ending = await call.ended(answer_after_s)
    except TimeoutError:
        await call.answer()
        tell(Report("answered"))
        listening = asyncio.create_task(_listen(call))
        try:
            ending = await call.ended(LONGEST_TALK_S)
        except TimeoutError:
            await call.hang_up()
            ending = await call.ended()
        finally:
            listening.cancel()
    return ending


async def _listen(call: IncomingCall) -> None:
    if await call.hears(CALLER_TONE_HZ, 1.0):
        tell(Report("hears_caller"))


def _peer(text: str) -> Peer:
    host, _, port = text.rpartition(":")
    return host, int(port)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("name")
    arguments.add_argument("--server", type=_peer, required=True)
    arguments.add_argument("--address", required=True)
    arguments.add_argument("--tone", type=int, required=True)
    arguments.add_argument("--answer-after", type=float, default=math.inf)
    given = arguments.parse_args()
    own = Phone(
        given.name,
        server=given.server,
        address=given.address,
        password=phone_password(given.name),
        tone_hz=given.tone,
    )
    asyncio.run(live(own, given.answer_after))
