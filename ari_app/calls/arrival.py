"""A caller as the dialplan handed him over, and the beginning of his record."""

from dataclasses import dataclass

from ari_app.calls.call import Call, now
from ari_app.calls.ports import ChannelEntered, PresentChannel
from ari_app.domain import events as e


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A caller as the dialplan handed him over, by `Stasis(app,ROUTE,CALLED[,PRESENTATION])`."""

    route: str
    called_number: str
    caller_number: str
    caller_name: str
    caller_withheld: bool


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


def tell_arrival(call: Call, arrival: Arrival) -> None:
    """Begin the record."""
    call.route, call.called_number = arrival.route, arrival.called_number
    call.tell(
        e.CallArrived(
            at=now(),
            route=arrival.route,
            called_number=arrival.called_number,
            caller_number=arrival.caller_number,
            caller_name=arrival.caller_name,
            caller_withheld=arrival.caller_withheld,
            channel_id=call.caller.channel_id,
        )
    )
