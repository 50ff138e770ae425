"""What a template can say of a notice: the notice, its call, and the one user, queue or team of it that is meant."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Self

from ari_app.domain.causes import LegOutcome
from ari_app.domain.history import PartEntry
from ari_app.domain.notices import Notice, NoticeType
from ari_app.domain.part_rows import PartRow, People
from ari_app.domain.parts import CallPart, PartKind
from ari_app.domain.record import Direction, Disposition

OF_ONE: Final = frozenset(
    {
        NoticeType.CALL_RINGING,
        NoticeType.CALL_MISSED,
        NoticeType.CALL_TRANSFERRED,
        NoticeType.QUEUE_JOINED,
        NoticeType.QUEUE_LEFT,
        NoticeType.AGENT_CHANGED,
    }
)
"""Each of these concerns one user, queue or team, which its data name: nobody else of its call is meant."""

LinkTo = Callable[[str], str | None]
"""Makes a link by which people hear the recording with this id; None where nobody could open it."""


def no_link(_: str) -> str | None:
    """Where there are no links."""
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Of one notice, for one rule. `call` is {} where the notice has none; `part` and `row` where nobody is meant.

    `headers` are those of the subscription, by their names in lower case.
    """

    notice: Notice
    call: Mapping[str, Any]
    part: CallPart | None
    row: PartRow | None
    people: People
    headers: Mapping[str, str]
    recording_link: LinkTo

    @classmethod
    def of(
        cls,
        notice: Notice,
        kind: PartKind | None,
        people: People,
        headers: Mapping[str, str],
        recording_link: LinkTo = no_link,
    ) -> Self:
        """Those of this notice, about its user, queue or team of this kind."""
        call = notice.data.get("call") or {}
        part = None if kind is None else _meant(notice, call, kind)
        row = None if part is None else PartRow.of(_entry(call, part), people)
        return cls(
            notice=notice,
            call=call,
            part=part,
            row=row,
            people=people,
            headers={name.lower(): value for name, value in headers.items()},
            recording_link=recording_link,
        )

    def last(self, kind: PartKind) -> CallPart | None:
        """The newest part of this kind in the call."""
        return next(reversed(_parts(self.call, kind)), None)

    def moment(self, name: str) -> datetime | None:
        """A moment of the call."""
        return _moment(self.call.get(name))


def _meant(notice: Notice, call: Mapping[str, Any], kind: PartKind) -> CallPart | None:
    """Whom the notice names; of others the user whose call it is, or whoever has answered.

    Of a transfer it is the user who has passed the call on: he is done with it.
    """
    named = notice.data.get("by_user" if notice.type is NoticeType.CALL_TRANSFERRED else kind.value)
    if not named and notice.type in OF_ONE:
        return None
    parts = _parts(call, kind)
    whose = named or (call.get("agent") if kind is PartKind.USER else None)
    of_name = [part for part in parts if part.name == whose]
    of_answer = [] if named else [part for part in parts if part.answered_at]
    part = next(reversed(of_name or of_answer), None)
    if part is None or part.ended_at is not None or notice.type is not NoticeType.CALL_TRANSFERRED:
        return part
    return replace(part, ended_at=notice.at, outcome=LegOutcome.TRANSFERRED.value)


def _parts(call: Mapping[str, Any], kind: PartKind) -> list[CallPart]:
    return [_part(kind, given) for given in call.get("parts") or () if given["kind"] == kind.value]


def _part(kind: PartKind, given: Mapping[str, Any]) -> CallPart:
    began_at = _moment(given["began_at"])
    assert began_at is not None, "every part has begun"
    return CallPart(
        kind=kind,
        name=given["name"],
        began_at=began_at,
        answered_at=_moment(given["answered_at"]),
        ended_at=_moment(given["ended_at"]),
        outcome=given["outcome"],
        answered_by=given["answered_by"],
        direction=Direction(given["direction"]),
    )


def _entry(call: Mapping[str, Any], part: CallPart) -> PartEntry:
    return PartEntry(
        call_id=call["call_id"],
        number=0,
        part=part,
        route=call["route"],
        caller_number=call["caller_number"],
        caller_name=call["caller_name"],
        called_number=call["called_number"],
        disposition=Disposition(call["disposition"]),
        source=call["source"],
        linkedid=call["linkedid"],
    )


def _moment(given: Any) -> datetime | None:
    return given if given is None or isinstance(given, datetime) else datetime.fromisoformat(given)
