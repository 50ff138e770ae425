"""The calls of the demo: who calls, and what is expected to come of it; and how one of them is placed."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ari_app.domain.events import CallEvent
from sandbox.demo.company import GRACE, OFFICE, STRANGER, TONES, Company
from sandbox.demo.outcome import NOBODY, Outcome, mutual, names, outcome
from sandbox.phone.calls import CallError
from sandbox.phone.outgoing import OutgoingCall

ANSWER_S = 25.0  # longer than both steps of the route
SPEAK_S = 1.0
PATIENCE_S = 15.0  # for what is there at once, but on a machine that is busy


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """One call. Without `crm_up` the CRM is stopped before it, and started again after it."""

    title: str
    about: str
    caller: str
    caller_name: str
    crm_up: bool = True
    expected: Outcome


ADAS_PHONES = ("ada", "ada-desk", "ada-mobile")
TO_BOB = {
    "rang": "bob",
    "answered": "bob",
    "answered_elsewhere": NOBODY,
    "heard_each_other": mutual("bob"),
    "hung_up": "by the caller",
}

SCRIPTS: Sequence[Script] = (
    Script(
        title="A customer calls",
        about="The CRM knows her: Ada spoke with her last. All three of Ada's phones ring; she takes the mobile.",
        caller=GRACE,
        caller_name="Grace",
        expected=Outcome(
            crm_was_asked=f"for {GRACE}",
            crm_named="user 456",
            rang=names(ADAS_PHONES),
            answered="ada-mobile",
            answered_elsewhere=names(ADAS_PHONES[:2]),
            heard_each_other=mutual("ada-mobile"),
            hung_up="by the caller",
        ),
    ),
    Script(
        title="Somebody calls whom the CRM does not know",
        about="The call goes on to the route's fallback: Bob.",
        caller=STRANGER,
        caller_name="",
        expected=Outcome(crm_was_asked=f"for {STRANGER}", crm_named="nobody: path_missing", **TO_BOB),
    ),
    Script(
        title="The customer calls again, and the CRM is down",
        about="It was stopped a moment ago. The caller must not notice: Bob again.",
        caller=GRACE,
        caller_name="Grace",
        crm_up=False,
        expected=Outcome(crm_was_asked="not reached", crm_named="nobody: api_refused", **TO_BOB),
    ),
)


class Teller(Protocol):
    """Whoever tells the calls while they happen."""

    async def last_call(self) -> Sequence[CallEvent]:
        """The whole trace of the newest call, told to its end."""
        ...


async def perform(script: Script, company: Company, teller: Teller) -> Outcome:
    """Place the call, be the caller, and gather what came of it."""
    company.forget()
    if not script.crm_up:
        await company.crm.stop()
    call = await company.carrier.call(OFFICE, caller=script.caller, caller_name=script.caller_name)
    heard = await _talk(call, company, script.expected.answered)
    await company.router.until(lambda status: status["live_calls"] == 0 and status["events_pending"] == 0)
    trace = await teller.last_call()
    await _said_goodbye(company)
    happened = outcome(company, trace, caller_heard=heard)
    if not script.crm_up:
        await company.crm.start()
        await company.crm.ready()
    return happened


async def _talk(call: OutgoingCall, company: Company, agent: str) -> str:
    """Wait for an answer, speak, hang up; gives the phone that was heard."""
    try:
        await call.answered(ANSWER_S)
    except CallError:
        return NOBODY
    except TimeoutError:
        await call.cancel()
        return NOBODY
    caller_hears, _ = await asyncio.gather(
        call.hears(TONES[agent], SPEAK_S), company.phones[agent].told("hears_caller", PATIENCE_S)
    )
    await asyncio.sleep(SPEAK_S)
    await call.hang_up()
    return agent if caller_hears else NOBODY


async def _said_goodbye(company: Company) -> None:
    """Give the phones that rang a moment to tell of the end."""
    await asyncio.gather(*(phone.told("ended", PATIENCE_S) for phone in company.phones.values() if phone.saw("rings")))
