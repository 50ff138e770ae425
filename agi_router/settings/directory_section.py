"""The shape of `directory`, `trunks` and `policy`."""

from typing import Any, Self

from pydantic import Field, model_validator

from agi_router.directory.queues import DEFAULT_WAIT_S
from agi_router.directory.trunks import DEFAULT_SETUP_TIMEOUT_S
from agi_router.document import Section
from agi_router.routing.numbers import NumberFormat
from agi_router.routing.order import DEFAULT_RING_EACH_S, Order
from agi_router.settings.response_section import NumberSection, exactly_one
from agi_router.settings.values import (
    Email,
    Endpoint,
    InternalNumberKey,
    Name,
    RingSeconds,
    StateDevice,
    TrunkNames,
    UserId,
)


class DeviceSection(Section):
    """`PJSIP/ada`, `{endpoint: PJSIP/ada}`, or `{external: "+1…", trunk: main, confirm: true}`."""

    endpoint: Endpoint | None = None
    external: str | None = None
    trunk: TrunkNames | None = None
    confirm: bool = False
    auto_answer: bool = False

    @model_validator(mode="before")
    @classmethod
    def _bare_endpoint(cls, given: Any) -> Any:
        return {"endpoint": given} if isinstance(given, str) else given

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        exactly_one(self, ("endpoint", "external"))
        if self.auto_answer and (self.external is not None or self.confirm):
            raise ValueError("auto_answer is for a phone of yours that need not confirm; take it away")
        return self


class UserSection(Section):
    """One user."""

    id: UserId
    name: str = ""
    email: Email | None = None
    extension: str | None = None
    crm_ids: dict[Name, UserId] = Field(default_factory=dict)
    devices: tuple[DeviceSection, ...] = ()
    dnd: StateDevice | None = None


class TeamSection(Section):
    """One team; its members are users' ids or e-mail addresses."""

    id: UserId
    name: str = ""
    members: tuple[str, ...] = ()
    order: Order = Order.SIMULTANEOUS
    ring_each_s: RingSeconds = DEFAULT_RING_EACH_S
    wrap_up_s: float = Field(default=0, ge=0, le=3600)


class QueueSection(Section):
    """One queue of app_queue."""

    id: UserId
    name: Name
    timeout_s: RingSeconds = DEFAULT_WAIT_S


class DirectorySection(Section):
    """`directory`."""

    users: tuple[UserSection, ...] = ()
    teams: tuple[TeamSection, ...] = ()
    queues: tuple[QueueSection, ...] = ()
    numbers: dict[InternalNumberKey, NumberSection] = Field(default_factory=dict)


CALLER, CALLED = "caller", "called"


class TrunkSection(Section):
    """One trunk. `caller_id` is a number, or one of the words CALLER and CALLED."""

    name: Name
    endpoint: Endpoint
    number_format: NumberFormat = NumberFormat.E164
    caller_id: str | None = None
    numbers: tuple[str, ...] = ()
    trusted: bool = False
    setup_timeout_s: float = Field(default=DEFAULT_SETUP_TIMEOUT_S, ge=1, le=60)
