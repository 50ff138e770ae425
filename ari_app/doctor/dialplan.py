"""The dialplan around the router: where calls come in, what catches them, and the guard on each leg."""

import asyncio
from collections.abc import Sequence
from typing import Final

from ari_app.asterisk.inspection import has_extension
from ari_app.asterisk.probe import Probe
from ari_app.calls.ports import RefusedError
from ari_app.doctor.check import Check
from ari_app.doctor.finding import Finding, Group, Topic

DIALPLAN = Topic("dialplan", Group.ASTERISK)

CONTEXTS: Final = {
    "agi-router": "no number leads to the router",
    "agi-router-call": "nothing hands calls to the router",
    "agi-router-fallback": "callers are lost whenever the router cannot help",
    "agi-router-hangup": "a leg may stay alone in its bridge when the router is down",
    "agi-router-join": "phones cannot transfer a caller to whom they have called by your own dialplan",
}
"""Each context of dialplan/agi-router.conf, and what its absence means. All have the extension `s`."""

APP_OF_THE_DIALPLAN: Final = "agi-router"


def dialplan_check(probe: Probe, app: str) -> Check:
    """Reads the first line of each context."""

    async def dialplan() -> Sequence[Finding]:
        try:
            there = await asyncio.gather(*(has_extension(probe, context, "s") for context in CONTEXTS))
        except RefusedError:
            return [DIALPLAN.skipped("Asterisk cannot tell: func_dialplan.so is not loaded", "load func_dialplan.so")]
        return judge_dialplan({context for context, is_there in zip(CONTEXTS, there, strict=True) if is_there}, app)

    return Check(DIALPLAN, dialplan)


def judge_dialplan(there: set[str], app: str) -> list[Finding]:
    """One finding for each context that is missing, and one for a name that does not fit."""
    missing = [
        DIALPLAN.of(context).error(
            f"the dialplan has no context {context}: {meaning}",
            "agi-router dialplan > /etc/asterisk/agi-router.conf; in extensions.conf: #include agi-router.conf; "
            'then asterisk -rx "dialplan reload"',
        )
        for context, meaning in CONTEXTS.items()
        if context not in there
    ]
    renamed = (
        [
            DIALPLAN.of("app").warning(
                f"the router is called {app}, and agi-router.conf hands calls to {APP_OF_THE_DIALPLAN}",
                f"where you edited that file to say Stasis({app},...), all is well; else set asterisk.ari.app back",
            )
        ]
        if app != APP_OF_THE_DIALPLAN
        else []
    )
    return [*missing, *renamed] or [DIALPLAN.ok(f"the dialplan has {', '.join(CONTEXTS)}")]
