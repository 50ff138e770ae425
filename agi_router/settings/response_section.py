"""The shape of `response`, and of a destination as the configuration names it, in its table and in a fallback."""

from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from agi_router.document import Section
from agi_router.routing.destination import DestinationType, HangupCause
from agi_router.routing.last_agent import LONGEST_S
from agi_router.routing.order import IfBusy, Order
from agi_router.routing.route import AnswerFormat
from agi_router.settings.values import (
    CarriedHeader,
    CarriedVariable,
    Endpoint,
    Mailbox,
    Name,
    Paths,
    Place,
    RingSeconds,
    Sounds,
    TrunkNames,
)

MOST_CARRIED = 20
_OF_PEOPLE = frozenset({"user", "team", "endpoint", "number", "last_agent"})
_TIMELESS = {
    "hangup": "takes no time",
    "voicemail": "takes the time of a message",
    "dialplan": "takes no time",
    "announcement": "is played to its end",
}


class FallbackSection(Section):
    """One step: who, and for how long."""

    destinations: ClassVar[tuple[str, ...]] = (
        "user",
        "team",
        "endpoint",
        "external",
        "hangup",
        "number",
        "queue",
        "voicemail",
        "dialplan",
        "announcement",
        "last_agent",
    )

    user: str | None = None
    team: str | None = None
    endpoint: Endpoint | None = None
    external: str | None = None
    hangup: HangupCause | None = None
    number: str | None = None
    queue: str | None = None
    voicemail: Mailbox | None = None
    dialplan: Place | None = None
    announcement: Sounds | None = None
    last_agent: Annotated[float, Field(ge=1, le=LONGEST_S)] | None = None
    answer: bool | None = None
    trunk: TrunkNames | None = None
    confirm: bool = False
    timeout_s: RingSeconds | None = None
    order: Order | None = None
    if_busy: IfBusy | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        exactly_one(self, self.destinations)
        if self.answer is not None and self.announcement is None:
            raise ValueError("has answer, which only an announcement needs; take it away")
        if self.confirm and self.external is None:
            raise ValueError("has confirm, which only an external number needs here; set it on the user's device")
        for key, why in _TIMELESS.items():
            if getattr(self, key) is not None and self.timeout_s is not None:
                article = "an" if key.startswith("a") else "a"
                raise ValueError(f"has {article} {key}, which {why}; take timeout_s away")
        if self.order is not None and self.team is None and self.number is None:
            raise ValueError("has an order, in which only the members of a team ring; take order away")
        if self.if_busy is not None and not _OF_PEOPLE & self.model_fields_set:
            raise ValueError("has if_busy, and only of users, teams and endpoints it is known; take if_busy away")
        if self.last_agent is not None and self.last_agent % 1:
            raise ValueError("has a last_agent that is no whole number of seconds; 604800 is a week")
        return self


class NumberSection(FallbackSection):
    """What an internal number leads to: a destination, or a route."""

    destinations: ClassVar[tuple[str, ...]] = (
        *(key for key in FallbackSection.destinations if key != "number"),
        "route",
    )

    route: Name | None = None

    @model_validator(mode="after")
    def _says_only_where(self) -> Self:
        if self.number is not None:
            raise ValueError("leads to another number; write here what that one leads to")
        for key in ("timeout_s", "order", "if_busy"):
            if getattr(self, key) is not None:
                raise ValueError(f"has {key}, which is that of the step; take it away")
        return self


class ResponseSection(Section):
    """`response`."""

    format: AnswerFormat = AnswerFormat.JSON
    path: Paths | None = None
    type: DestinationType | None = None
    type_path: Paths | None = None
    types: dict[str, DestinationType] = Field(default_factory=dict)
    crm: Name | None = None
    confirm: bool = False
    values: dict[str, FallbackSection] = Field(default_factory=dict)
    caller_name: Paths | None = None
    ring_timeout: Paths | None = None
    record: Paths | None = None
    headers: dict[CarriedHeader, Paths] = Field(default_factory=dict, max_length=MOST_CARRIED)
    variables: dict[CarriedVariable, Paths] = Field(default_factory=dict, max_length=MOST_CARRIED)

    @model_validator(mode="after")
    def _paths_fit_the_format(self) -> Self:
        if self.format is not AnswerFormat.TEXT:
            if self.path is None:
                raise ValueError('needs a path to the value, for example path: calls[0].user.id ("" for a bare value)')
            return self
        for key in ("path", "type_path", "caller_name", "ring_timeout", "record", "headers", "variables"):
            if getattr(self, key):
                raise ValueError(f"has {key}, but a text answer is the value itself; take {key} away")
        return self

    @model_validator(mode="after")
    def _knows_the_type(self) -> Self:
        if self.type is not None and self.type_path is not None:
            raise ValueError("has both type and type_path; give type when it is always the same one, else type_path")
        if self.type is None and self.type_path is None and not self.values:
            raise ValueError("needs the type of the value; give type, type_path, or a table of values")
        if self.types and self.type_path is None:
            raise ValueError("has types, the words that an answer has at type_path; add type_path, or take types away")
        if self.crm is not None and self.type_path is None and self.type is not DestinationType.USER:
            raise ValueError("has crm, which tells whose id a user's is; set type: user, or take crm away")
        if self.confirm and self.type in (DestinationType.USER, DestinationType.ENDPOINT, DestinationType.HANGUP):
            raise ValueError("has confirm, which only a number outside needs here; set it on the user's device")
        return self


def exactly_one(section: Section, keys: tuple[str, ...]) -> None:
    """Raises ValueError unless one of the keys is given, and `trunk` only beside `external`."""
    given = [key for key in keys if getattr(section, key) is not None]
    if len(given) != 1:
        raise ValueError(f"has {' and '.join(given) or 'no destination'}; give one of {', '.join(keys)}")
    if getattr(section, "trunk", None) is not None and given != ["external"]:
        raise ValueError("has a trunk, which only an external number needs")
