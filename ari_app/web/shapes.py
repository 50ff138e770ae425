"""What the REST API answers of calls, beside a call itself."""

from dataclasses import fields
from typing import Final, Literal, Self

from pydantic import BaseModel, Field, JsonValue

from ari_app.domain.activities import ActivityState
from ari_app.domain.history import PartEntry
from ari_app.domain.parts import CallPart, PartKind
from ari_app.domain.record import Direction, Disposition
from ari_app.wire.calls import Call, CallWithParts, Moment, Seconds, Shape


class PartOfCall(Shape):
    """One user, queue or team in a call, beside what the call was."""

    call_id: str = Field(examples=["20261121T012209-4a8f0c1e9b7d"])
    part: int = Field(description="tells the parts of one call apart")
    kind: PartKind
    name: str = Field(examples=["456"], description="an id of the directory, else Asterisk's name")
    began_at: Moment
    answered_at: Moment | None
    ended_at: Moment | None
    waiting_s: Seconds = Field(examples=[4.2])
    talk_s: Seconds = Field(examples=[61.5])
    outcome: str = Field(examples=["answered"], description='"" until it is over')
    answered_by: str = Field(examples=["456"], description="who spoke: a user's id, else an endpoint")
    direction: Direction
    route: str = Field(examples=["sales"])
    caller_number: str = Field(examples=["+14155550177"])
    caller_name: str
    called_number: str = Field(examples=["+14155550100"])
    disposition: Disposition = Field(description="of the call")
    source: str
    linkedid: str

    @classmethod
    def of(cls, entry: PartEntry) -> Self:
        """The entry, flat."""
        part = entry.part
        return cls(
            part=entry.number,
            **{name: getattr(part, name) for name in _PARTS_OWN},
            **{name: getattr(entry, name) for name in _CALLS_OWN},
        )


_PARTS_OWN: Final = (*(field.name for field in fields(CallPart)), "waiting_s", "talk_s")
_CALLS_OWN: Final = tuple(field.name for field in fields(PartEntry) if field.name not in ("part", "number"))


OF_CALL: Final = tuple(name for name in Call.model_fields if name not in {"legs", "contacts"})
"""The columns of a table of calls."""


class ActivityOfCall(BaseModel):
    """The call as one CRM has it; GET /api/v1/crm/activities?call=ID tells more."""

    connector: str = Field(examples=["hubspot"], description="the CRM's name in the configuration")
    state: ActivityState
    id: str = Field(description='the CRM\'s id of the activity, "" while it is not known', examples=["98765"])
    url: str | None = Field(description="where people see it in the CRM, null where the CRM does not tell")
    error: str | None = Field(description="what went wrong, and what to do")


class CallOnRecord(CallWithParts):
    """One call, with all who took part in it, what was recorded of it, and which CRMs have it."""

    recordings: list[str] = Field(description="the ids of its recordings, the first one first")
    activities: list[ActivityOfCall] = Field(description="one for each CRM that is told of it")


class TracedEvent(BaseModel):
    """One event of a call, for programs and, in `text`, for people."""

    seq: int = Field(ge=1)
    at: Moment
    offset_ms: float = Field(description="since the call's first event")
    type: str = Field(examples=["LegRinging"])
    text: str = Field(examples=["PJSIP/ada at sip:ada@192.0.2.10 rings"])
    data: dict[str, JsonValue] = Field(description="the fields of this type of event")


class Trace(BaseModel):
    """A call step by step. One of which only Asterisk's own record tells has no events."""

    call_id: str
    events: list[TracedEvent]


class Gap(Shape):
    """A time in which nobody heard of the calls that Asterisk carries by itself."""

    began_at: Moment
    ended_at: Moment | None = Field(description="null: it goes on")
    filled: bool = Field(description="its calls were read from a table afterwards")
    source: Literal["", "cel", "cdr"] = Field(description="the table")
