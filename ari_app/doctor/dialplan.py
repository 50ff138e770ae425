"""The dialplan around the router: where calls come in, what catches them, and the guard on each leg."""

import asyncio
from collections.abc import Mapping, Sequence, Set
from ipaddress import ip_address
from typing import Final

from agi_router.fastagi.settings import DEFAULT_PORT, AgiSettings
from agi_router.routing.destination import QueueDestination, VoicemailDestination
from ari_app.asterisk.inspection import has_extension
from ari_app.asterisk.probe import Probe
from ari_app.calls.ports import NotFoundError, RefusedError
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
    QueueDestination.type: {"agi-router-queue": "no caller can wait in a queue"},
    VoicemailDestination.type: {
        "agi-router-voicemail": "no caller can leave a message",
        "agi-router-voicemail-left": "nobody is told of the messages that callers leave",
    },
}
"""By types of destinations, the contexts that only they need; an agi-router.conf of before knows none of them."""

FOR_AGI_DOOR: Final = {
    "agi-router-agi-call": "no call asks the router at the AGI door",
    "agi-router-agi-fallback": "callers are lost whenever the router cannot help",
    "agi-router-agi-leg": "Dial() fails: what ROUTE_OPTIONS has it run is not there",
    "agi-router-agi-answered": "the minutes of a number outside do not count while it speaks",
    "agi-router-agi-report": "no end of a call is reported: its record stays open, and what it counts is held",
}
"""The same for dialplan/agi-router-agi.conf."""

APP_OF_THE_DIALPLAN: Final = "agi-router"


def contexts_for(destination_types: Set[str]) -> dict[str, str]:
    """The contexts that a configuration with these types of destinations needs, and what their absence means."""
    of_types = (contexts for type_, contexts in FOR_DESTINATIONS.items() if type_ in destination_types)
    return CONTEXTS | {context: meaning for contexts in of_types for context, meaning in contexts.items()}


def dialplan_check(probe: Probe, app: str, contexts: Mapping[str, str], agi: AgiSettings | None) -> Check:
    """Reads the first line of each of these contexts, and where callers look for the AGI door."""
    of_agi = FOR_AGI_DOOR if agi else {}

    async def dialplan() -> Sequence[Finding]:
        try:
            known = {**contexts, **of_agi}
            there = await asyncio.gather(*(has_extension(probe, context, "s") for context in known))
            host = await _global(probe, "AGI_ROUTER_HOST") if agi else ""
        except RefusedError:
            return [DIALPLAN.skipped("Asterisk cannot tell: func_dialplan.so is not loaded", "load func_dialplan.so")]
        found = {context for context, is_there in zip(known, there, strict=True) if is_there}
        elsewhere = judge_agi_host(host, agi) if agi else []
        return [*judge_dialplan(found, app, contexts, of_agi), *elsewhere]

    return Check(DIALPLAN, dialplan)


async def _global(probe: Probe, name: str) -> str:
    try:
        return await probe.read(name)
    except NotFoundError:
        return ""


def judge_dialplan(
    there: set[str], app: str, contexts: Mapping[str, str] = CONTEXTS, of_agi: Mapping[str, str] = {}
) -> list[Finding]:
    """One finding for each context that is missing, and one for a name that does not fit.

    Whoever has an AGI door, `of_agi`, may do without agi-router.conf as a whole.
    """
    by_agi_alone = bool(of_agi) and there.isdisjoint(contexts)
    if by_agi_alone:
        missing = _missing(of_agi, there, "agi-router-agi.conf")
        alone = ", and nothing of agi-router.conf: calls come by the AGI door alone"
        return missing or [DIALPLAN.ok(f"the dialplan has {', '.join(of_agi)}{alone}")]
    missing = [*_missing(contexts, there, "agi-router.conf"), *_missing(of_agi, there, "agi-router-agi.conf")]
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
    return [*missing, *renamed] or [DIALPLAN.ok(f"the dialplan has {', '.join([*contexts, *of_agi])}")]


def _missing(contexts: Mapping[str, str], there: set[str], file: str) -> list[Finding]:
    return [
        DIALPLAN.of(context).error(
            f"the dialplan has no context {context}: {meaning}",
            f"agi-router dialplan {file} > /etc/asterisk/{file}; in extensions.conf: #include {file}; "
            'then asterisk -rx "dialplan reload"',
        )
        for context, meaning in contexts.items()
        if context not in there
    ]


def judge_agi_host(host: str, agi: AgiSettings) -> list[Finding]:
    """Whether AGI_ROUTER_HOST under [globals], "" where it is not set, is where the door listens.

    A name instead of an address, and a door that listens on all addresses, are compared by their ports.
    """
    address, colon, port = (host or f"127.0.0.1:{DEFAULT_PORT}").rpartition(":")
    if not colon or "]" in port:
        address, port = address + colon + port, str(DEFAULT_PORT)
    try:
        is_here = ip_address(agi.host).is_unspecified or ip_address(address.strip("[]")) == ip_address(agi.host)
    except ValueError:
        is_here = True
    if is_here and port == str(agi.port):
        return []
    says = f"is {host}" if host else f"is not set, which means 127.0.0.1:{DEFAULT_PORT}"
    return [
        DIALPLAN.of("agi-host").warning(
            f"AGI_ROUTER_HOST under [globals] {says}, and the AGI door listens on {agi.address}: "
            "callers take your fallback",
            f'set AGI_ROUTER_HOST = {agi.address} in extensions.conf, and asterisk -rx "dialplan reload"; where each '
            "channel has its own, all is well",
        )
    ]
