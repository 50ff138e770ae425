"""The dialplan around the router: where calls come in, what catches them, and the guard on each leg."""

import asyncio
from collections.abc import Mapping, Sequence, Set
from typing import Final

from agi_router.routing.destination import QueueDestination, VoicemailDestination
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
"""Each context of dialplan/agi-router.conf that every call needs, and what its absence means. All have the extension
`s`."""

FOR_DESTINATIONS: Final = {
    QueueDestination.type: ("agi-router-queue", "no caller can wait in a queue"),
    VoicemailDestination.type: ("agi-router-voicemail", "no caller can leave a message"),
}
"""By types of destinations, the contexts that only they need; an agi-router.conf of before knows none of them."""

APP_OF_THE_DIALPLAN: Final = "agi-router"


def contexts_for(destination_types: Set[str]) -> dict[str, str]:
    """The contexts that a configuration with these types of destinations needs, and what their absence means."""
    return CONTEXTS | dict(FOR_DESTINATIONS[type_] for type_ in FOR_DESTINATIONS if type_ in destination_types)


def dialplan_check(probe: Probe, app: str, contexts: Mapping[str, str]) -> Check:
    """Reads the first line of each of these contexts."""

    async def dialplan() -> Sequence[Finding]:
        try:
            there = await asyncio.gather(*(has_extension(probe, context, "s") for context in contexts))
        except RefusedError:
            return [DIALPLAN.skipped("Asterisk cannot tell: func_dialplan.so is not loaded", "load func_dialplan.so")]
        found = {context for context, is_there in zip(contexts, there, strict=True) if is_there}
        return judge_dialplan(found, app, contexts)

    return Check(DIALPLAN, dialplan)


def judge_dialplan(there: set[str], app: str, contexts: Mapping[str, str] = CONTEXTS) -> list[Finding]:
    """One finding for each context that is missing, and one for a name that does not fit."""
    missing = [
        DIALPLAN.of(context).error(
            f"the dialplan has no context {context}: {meaning}",
            "agi-router dialplan > /etc/asterisk/agi-router.conf; in extensions.conf: #include agi-router.conf; "
            'then asterisk -rx "dialplan reload"',
        )
        for context, meaning in contexts.items()
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
    return [*missing, *renamed] or [DIALPLAN.ok(f"the dialplan has {', '.join(contexts)}")]
