"""A call as programs get it: the same names as `agi-router calls --json`."""

from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from ari_app.domain.parts import CallPart, PartKind
from ari_app.domain.record import CallRecord, Direction, Disposition

Moment = AwareDatetime
Seconds = Annotated[float | None, AfterValidator(lambda value: None if value is None else round(value, 3))]


class Shape(BaseModel):
    """Made of a thing of the domain, by its names."""

    model_config = ConfigDict(from_attributes=True)


class CallLeg(Shape):
    """One contact that was rung."""

    leg: str = Field(examples=["leg-1"], description="its role in the call")
    endpoint: str = Field(examples=["PJSIP/ada"])
    contact: str
    user: str = Field(examples=["456"], description='the id of the user whose it is, "" for nobody of the directory')
    dialled_at: Moment
    ringing_at: Moment | None
    answered_at: Moment | None
    asked_at: Moment | None = Field(description="when whoever picked up was asked to confirm")
    confirmed_at: Moment | None
    ended_at: Moment | None
    outcome: str = Field(examples=["answered"], description='"" while it lives')
    cause: int | None = Field(examples=[16], description="Q.850")
    tech_cause: int | None = Field(examples=[200], description="the SIP status")
    channel_id: str


class Part(Shape):
    """One user, queue or team that took part in a call."""

    kind: PartKind
    name: str = Field(examples=["456"], description="an id of the directory, else Asterisk's name")
    began_at: Moment
    answered_at: Moment | None
    ended_at: Moment | None
    outcome: str = Field(examples=["answered"], description='"" until it is over')
    answered_by: str = Field(examples=["456"], description="who spoke: a user's id, else an endpoint")
    direction: Direction
    waiting_s: Seconds = Field(examples=[4.2])
    talk_s: Seconds = Field(examples=[61.5])


class Contact(Shape):
    """What one CRM says of the number outside."""

    connector: str = Field(examples=["hubspot"], description="the CRM's name in the configuration")
    state: str = Field(examples=["found"], description="found, unknown, several or failed")
    number: str = Field(examples=["+14155550177"])
    contact_id: str = Field(examples=["512"], description="the CRM's id of the contact")
    name: str = Field(examples=["Ben Miller"])
    company: str
    kind: str = Field(examples=["person"], description='person or organization, "" unless found')
    owner: str = Field(description="the CRM's id of the user who looks after the contact")
    url: str = Field(description="the contact's page in the CRM")
    source: str = Field(examples=["crm"], description='crm, phone_book, created or chosen, "" unless found')
    candidates: list[dict[str, str]] = Field(description="of several: those to choose from")


class Call(Shape):
    """One call."""

    call_id: str = Field(examples=["20261121T012209-4a8f0c1e9b7d"])
    route: str = Field(examples=["sales"])
    called_number: str = Field(examples=["+14155550100"])
    caller_number: str = Field(examples=["+14155550177"])
    caller_name: str
    caller_withheld: bool
    channel_id: str
    started_at: Moment | None
    answered_at: Moment | None
    ended_at: Moment | None
    disposition: Disposition
    destination_type: str = Field(examples=["user"])
    destination: str = Field(examples=["456"])
    step: int
    answered_by: str = Field(examples=["PJSIP/ada"])
    agent: str = Field(examples=["456"], description="the id of the user who answered, or for whom it was placed")
    closed_by: str
    door: str = Field(examples=["ari"])
    error_code: str
    ended_by: str
    cause: int | None
    reason: str
    recovered: bool
    direction: Direction
    first: str
    campaign: str
    key: str
    source: str = Field(examples=["router"], description="who told of it: router, or Asterisk's own record: cel, cdr")
    linkedid: str
    ring_s: Seconds
    talk_s: Seconds
    total_s: Seconds
    legs: list[CallLeg]
    contacts: list[Contact]


class CallWithParts(Call):
    """One call, with all who took part in it."""

    parts: list[Part]

    @classmethod
    def of(cls, record: CallRecord, parts: Sequence[CallPart]) -> Self:
        """The call as it is on record."""
        return cls(**Call.model_validate(record).model_dump(), parts=[Part.model_validate(part) for part in parts])
