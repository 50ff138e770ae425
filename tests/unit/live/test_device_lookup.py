"""Programs that ask for devices, while Asterisk has calls to carry."""

import asyncio
from collections.abc import Mapping, Sequence

from ari_app.live.device_lookup import AT_A_TIME, KnownDevice, some_at_a_time


async def test_some_are_looked_up_at_a_time_and_the_others_wait() -> None:
    gate = asyncio.Event()
    asked: list[str] = []

    async def look_up(endpoints: Sequence[str]) -> Mapping[str, KnownDevice]:
        asked.extend(endpoints)
        await gate.wait()
        return {}

    bounded = some_at_a_time(look_up)
    waiting = [asyncio.ensure_future(bounded([str(number)])) for number in range(AT_A_TIME + 3)]
    for _ in range(10):
        await asyncio.sleep(0)
    assert len(asked) == AT_A_TIME
    waiting[-1].cancel()
    gate.set()
    await asyncio.gather(*waiting[:-1])
    assert asked == [str(number) for number in range(AT_A_TIME + 2)]
