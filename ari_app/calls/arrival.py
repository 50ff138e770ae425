"""A caller as the dialplan handed him over."""

from dataclasses import dataclass

from agi_router.routing.call_info import CallInfo
from ari_app.calls.ports import ChannelEntered, PresentChannel
from ari_app.domain.record import CallRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A caller as the dialplan handed him over, by `Stasis(app,ROUTE,CALLED[,PRESENTATION])`."""

    route: str = ""
    called_number: str = ""
    caller_number: str = ""
    caller_name: str = ""
    caller_withheld: bool = False


def read_arrival(entered: ChannelEntered | PresentChannel) -> Arrival:
    """Understand the arguments; what is missing is "" (an unknown route then goes to the global fallback).

    A presentation that starts with "prohib" is a withheld number (CALLERID(num-pres): prohib, prohib_not_screened ...).
    """
    route, called_number, presentation = (*entered.args, "", "", "")[:3]
    withheld = presentation.startswith("prohib") or entered.caller_number.lower() == "anonymous"
    return Arrival(
        route=route,
        called_number=called_number,
        caller_number="" if withheld else entered.caller_number,
        caller_name="" if withheld else entered.caller_name,
        caller_withheld=withheld,
    )


def arrival_on_record(record: CallRecord) -> Arrival:
    """The caller of a call that began before a restart, in the route that he is in by now."""
    return Arrival(
        route=record.route,
        called_number=record.called_number,
        caller_number=record.caller_number,
        caller_name=record.caller_name,
        caller_withheld=record.caller_withheld,
    )


def info_on_record(record: CallRecord) -> CallInfo:
    """The call as its record knows it: without SIP headers and channel variables."""
    return CallInfo(
        call_id=record.call_id,
        route_name=record.route,
        caller_number=record.caller_number,
        caller_name=record.caller_name,
        caller_withheld=record.caller_withheld,
        called_number=record.called_number,
    )
