"""Users and the devices that ring for them."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class EndpointDevice:
    """A phone of our own: a PJSIP endpoint, without technology; every contact of it rings.

    With `confirm` it answers only by a key that is pressed on it. With `auto_answer` it picks up by itself when its
    user has asked for the call; other calls ring.
    """

    endpoint: str
    confirm: bool = False
    auto_answer: bool = False


@dataclass(frozen=True, slots=True)
class ExternalDevice:
    """A phone outside, such as a mobile: an E.164 number, by the first of these trunks that works (none: of all).

    With `confirm` it answers only by a key that is pressed on it: its voicemail presses none.
    """

    number: str
    trunks: tuple[str, ...] = ()
    confirm: bool = False


Device = EndpointDevice | ExternalDevice


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person. Answers name him by `id` or, in any case of letters, by `email`; all devices ring together.

    `crm_ids` has the ids by which CRMs know him, under the CRMs' names. `dnd` is the device of Asterisk, such as
    Custom:DND101, whose state tells whether he wants not to be disturbed; None when there is none.
    """

    id: str
    name: str = ""
    email: str | None = None
    extension: str | None = None
    crm_ids: Mapping[str, str] = field(default_factory=dict)
    devices: tuple[Device, ...] = ()
    dnd: str | None = None
