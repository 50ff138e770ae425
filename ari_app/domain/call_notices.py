"""The notices of a call, of what is to be told of it: with an id of their own, and whom they concern."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final

from agi_router.routing.numbers import normalise
from ari_app.domain.call_telling import Said, names_of
from ari_app.domain.notices import About, Notice, NoticeType
from ari_app.domain.parts import CallPart, PartKind
from ari_app.domain.record import CallRecord

LONGEST_STEM: Final = 40
_SAFE: Final = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The call as it stood when this was told: after its event with this number, "" for one that has no events.

    `shown` is the call as the REST API answers with it.
    """

    record: CallRecord
    parts: Sequence[CallPart]
    shown: Mapping[str, Any]
    seq: str = ""


def notices_of(said: Sequence[tuple[datetime, Said]], call: Standing, region: str) -> list[Notice]:
    """These things as notices, in their order. Numbers without a plus are read as those of this region."""
    made: list[Notice] = []
    for at, each in said:
        twins = sum(notice.type is each.type for notice in made)
        made.append(
            Notice(
                id=notice_id(call.record.call_id, call.seq, each.type, twins),
                type=each.type,
                at=at,
                subject=f"call/{call.record.call_id}",
                data={"call": call.shown, **each.data},
                call_id=call.record.call_id,
                about=_about(each, call, region),
            )
        )
    return made


def notice_id(call_id: str, seq: str, kind: NoticeType, twins: int = 0) -> str:
    """The same for the same thing, however often it is derived: at most 64 letters, digits, - and _.

    No full stop: signatures of Standard Webhooks join the id and what follows by one.
    """
    stem = call_id.replace(".", "_")
    if len(stem) > LONGEST_STEM or not _SAFE.fullmatch(stem):
        stem = sha256(call_id.encode()).hexdigest()[:LONGEST_STEM]
    told = "-".join(part for part in (seq, kind.value.rpartition(".")[2], str(twins or "")) if part)
    return f"{stem}-{told}"


def _about(said: Said, call: Standing, region: str) -> About:
    record, rows = call.record, call.parts
    users = names_of(rows, PartKind.USER) | {leg.user for leg in record.legs} | {record.agent}
    if said.user is not None:
        users = frozenset({said.user})
    groups = rows if said.part is None else (said.part,)
    numbers = [record.caller_number, record.called_number, str(said.data.get("number", ""))]
    if record.destination_type == "external":
        numbers.append(record.destination)
    return About(
        users=frozenset(users - {""}),
        teams=names_of(groups, PartKind.TEAM),
        queues=names_of(groups, PartKind.QUEUE),
        numbers=frozenset(_e164(number, region) for number in numbers if number),
        route=record.route,
        direction=record.direction.value,
    )


@lru_cache(maxsize=256)
def _e164(number: str, region: str) -> str:
    """As it is written where it is no number of the world: an extension."""
    return normalise(number, region) or number
