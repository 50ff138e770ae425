"""Whether Asterisk takes text messages of phones for calls."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from ari_app.asterisk.probe import Probe
from ari_app.calls.ports import RefusedError
from ari_app.doctor.check import Check
from ari_app.doctor.devices import RELOAD, SAMPLE
from ari_app.doctor.finding import Finding, Group, Topic

MESSAGES: Final = Topic("messages", Group.DEVICES)
_NAMED: Final = 5


def messages_check(probe: Probe, endpoints: Collection[str]) -> Check:
    """Asks for the contexts of all of these endpoints at once; of one that is not there another check tells."""

    async def contexts() -> Sequence[Finding]:
        read = await asyncio.gather(*(_context(probe, endpoint) for endpoint in endpoints))
        known = {name: context for name, context in zip(endpoints, read, strict=True) if context is not None}
        return [judge_messages(known)] if known else []

    return Check(MESSAGES, contexts)


async def _context(probe: Probe, endpoint: str) -> str | None:
    try:
        return await probe.read(f"PJSIP_ENDPOINT({endpoint},message_context)")
    except RefusedError:
        return None


def judge_messages(contexts: Mapping[str, str]) -> Finding:
    """`contexts` has each endpoint's message_context: without one, the context of its calls is taken."""
    without = [f"PJSIP/{endpoint}" for endpoint, context in contexts.items() if not context]
    if not without:
        return MESSAGES.ok("text messages of phones are not taken for calls")
    more = f" and {len(without) - _NAMED} more" if len(without) > _NAMED else ""
    return MESSAGES.warning(
        f"a text message of {', '.join(without[:_NAMED])}{more} to a number runs through the dialplan like a call",
        f"set message_context = agi-router-messages for them in pjsip.conf, a context that there is not ({SAMPLE}), "
        f"{RELOAD}",
    )
