"""What is to be told of a call that Asterisk alone carries, each time that more of it is known.

It is known afterwards, and told anew as a whole: there are no events, but what a record has and the former one had not.
Who was rung, and which queues were waited for, is told when the call is over.
"""

from collections.abc import Iterator
from datetime import datetime

from ari_app.domain.call_telling import Said, missed_by, of_group
from ari_app.domain.notices import NoticeType
from ari_app.domain.parts import PartKind
from ari_app.domain.pbx_record import PbxRecord
from ari_app.domain.record import Direction


def told_of_pbx(before: PbxRecord | None, now: PbxRecord, *, filled: bool) -> Iterator[tuple[datetime, Said]]:
    """What the record tells that the one before did not, with its moment, in its order.

    Of a call that was read from a table afterwards (`filled`) only what it came to: its start is no news.
    """
    was, record = before.record if before else None, now.record
    if was is not None and was.ended_at is not None:
        return
    if was is None and not filled and record.started_at is not None:
        yield record.started_at, Said(type=NoticeType.CALL_STARTED)
    if record.answered_at is not None and not (filled or (was and was.answered_at)):
        data = {"user": record.agent, "endpoint": record.answered_by}
        yield record.answered_at, Said(type=NoticeType.CALL_ANSWERED, data=data)
    if record.ended_at is None:
        return
    for part in now.parts:
        if part.kind is not PartKind.USER:
            yield part.answered_at or part.ended_at or record.ended_at, of_group(NoticeType.QUEUE_LEFT, part)
        elif part.answered_at is None and part.direction is not Direction.OUTBOUND:
            for missed in missed_by(part, record):
                yield part.ended_at or record.ended_at, missed
    yield record.ended_at, Said(type=NoticeType.CALL_ENDED)
