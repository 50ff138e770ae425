"""What became of a call, and whether all who saw it agree: the log, the phones, the CRM, the caller."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

from ari_app.domain import events as e
from ari_app.domain.record import Disposition, fold
from sandbox.demo.company import Company
from sandbox.demo.part import Part

NOBODY = "nobody"
ELSEWHERE = "Call completed elsewhere"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a call came to, in words; the same type says what was expected."""

    crm_was_asked: str
    crm_named: str
    rang: str
    answered: str
    answered_elsewhere: str
    heard_each_other: str
    hung_up: str


@dataclass(frozen=True, slots=True)
class Fact:
    """One field of both outcomes."""

    name: str
    expected: str
    happened: str

    @property
    def as_told(self) -> bool:
        """Whether it came as it was expected."""
        return self.expected == self.happened


def facts(expected: Outcome, happened: Outcome) -> Sequence[Fact]:
    """Both, field by field."""
    return [
        Fact(
            field.name.replace("_", " ").replace("crm", "CRM"),
            getattr(expected, field.name),
            getattr(happened, field.name),
        )
        for field in fields(Outcome)
    ]


def outcome(company: Company, trace: Sequence[e.CallEvent], *, caller_heard: str) -> Outcome:
    """What the call of this trace came to; `caller_heard` is the phone that the caller heard, or NOBODY."""
    record = fold("", trace)
    phones = company.phones.items()
    legs = {leg.endpoint.removeprefix("PJSIP/"): leg for leg in record.legs}
    rang = names(name for name, leg in legs.items() if leg.ringing_at or leg.answered_at)
    answered = record.answered_by.removeprefix("PJSIP/") or NOBODY
    elsewhere = names(name for name, leg in legs.items() if leg.outcome == "answered_elsewhere")
    agent_heard = names(name for name, phone in phones if phone.saw("hears_caller"))
    return Outcome(
        crm_was_asked=_asked(company),
        crm_named=_found(trace),
        rang=_agreed(rang, names(name for name, phone in phones if phone.saw("rings"))),
        answered=_agreed(answered, names(name for name, phone in phones if phone.saw("answered"))),
        answered_elsewhere=_agreed(elsewhere, names(name for name, phone in phones if _was_told_elsewhere(phone))),
        heard_each_other=_heard(caller_heard, agent_heard),
        hung_up=f"by the {record.ended_by}"
        if record.disposition == Disposition.ANSWERED
        else record.disposition.value.replace("_", " "),
    )


def names(phones: Iterable[str]) -> str:
    """These phones, in one order."""
    return ", ".join(sorted(phones)) or NOBODY


def mutual(phone: str) -> str:
    """What `Outcome.heard_each_other` is when the caller and this phone heard each other."""
    return f"the caller and {phone}"


def _asked(company: Company) -> str:
    asked = [report.detail for report in company.crm.reports if report.what == "asked"]
    return f"for {', '.join(asked)}" if asked else "not reached"


def _found(trace: Sequence[e.CallEvent]) -> str:
    for event in trace:
        match event:
            case e.DestinationFound():
                return f"{event.destination_type} {event.destination}"
            case e.LookupFailed():
                return f"nobody: {event.code}"
            case _:
                continue
    return "nobody: not asked"


def _agreed(by_log: str, by_phones: str) -> str:
    return by_log if by_log == by_phones else f"{by_log} by the log, {by_phones} by the phones"


def _was_told_elsewhere(phone: Part) -> bool:
    ended = phone.saw("ended")
    return ended is not None and ELSEWHERE in ended.detail


def _heard(by_caller: str, by_agent: str) -> str:
    if by_caller == by_agent != NOBODY:
        return mutual(by_caller)
    return f"no: the caller heard {by_caller}, {by_agent} heard the caller"
