"""What an answer says, free of the directory and the policy of the moment: it can be kept, and resolved again later."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from agi_router.routing.destination import DestinationType


@dataclass(frozen=True, slots=True, kw_only=True)
class Understood:
    """An answer, read. All fields are plain JSON values, so that `dataclasses.asdict` can be stored.

    `value` names the destination in the way of `type`; `meaning.destination` resolves it. `crm` is the CRM whose users'
    ids a `value` of type user is among (None: the directory's own ids and e-mail addresses); `trunks` are those for a
    number outside (none: all), and with `confirm` whoever picks up there has to confirm it; `answer` is whether an
    announcement answers the call. `said` is what the answer itself said where the route's table gave it another
    meaning, "" for an answer without a value. `caller_name`, `headers` and `variables` are for the phones, sanitised;
    `ring_s` is 5 to 3600 seconds. `record` is whether the talk is to be recorded, None when the answer does not
    say. `notes` are sentences on what the answer also carried and was of no use.
    """

    value: str
    type: DestinationType
    crm: str | None = None
    trunks: tuple[str, ...] = ()
    confirm: bool = False
    answer: bool = True
    said: str | None = None
    caller_name: str | None = None
    ring_s: float | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    record: bool | None = None
    notes: tuple[str, ...] = ()

    @property
    def answered(self) -> str:
        """What the answer itself said, for the record."""
        return self.value if self.said is None else self.said

    @property
    def carries_more(self) -> bool:
        """Whether there is more in it than a destination."""
        is_said = self.record is not None
        return bool(self.caller_name or self.ring_s or self.headers or self.variables or self.notes) or is_said
