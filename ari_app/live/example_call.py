"""A call in which much happens, and what is told of it, by the very code that tells of calls: examples for people."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from ari_app.domain import events as e
from ari_app.domain.call_notices import Standing, notices_of
from ari_app.domain.call_telling import Folded, Telling, told_after
from ari_app.domain.notices import NoticeType
from ari_app.domain.parts import Parts, parts_after
from ari_app.domain.record import CallRecord, after
from ari_app.wire.calls import CallWithParts

CALL_ID: Final = "20261121T090000-4a8f0c1e9b7d"
BEGAN: Final = datetime(2026, 11, 21, 9, 0, 0, 123000, tzinfo=UTC)
_FILE: Final = "f2ca1bb6c7e907d06dafe4687e579fce76b37e4e93b7605022da52e6ccc26fd2"


def _at(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


_STORY: Final[tuple[e.CallEvent, ...]] = (
    e.CallArrived(
        at=BEGAN,
        route="sales",
        called_number="+14155550100",
        caller_number="+14155550177",
        caller_name="Grace",
        caller_withheld=False,
        channel_id="1795251600.12",
    ),
    e.DestinationFound(at=_at(0.02), value="7", destination_type="team", destination="7"),
    e.StepStarted(at=_at(0.021), step=1, destination_type="team", destination="7", timeout_s=25, team="7"),
    e.LegDialled(at=_at(0.03), leg="leg-1", endpoint="PJSIP/ada", contact="sip:ada@192.0.2.10", user="456"),
    e.LegDialled(at=_at(0.03), leg="leg-2", endpoint="PJSIP/bob", contact="sip:bob@192.0.2.11", user="77"),
    e.LegRinging(at=_at(0.2), leg="leg-1"),
    e.LegAnswered(at=_at(4.3), leg="leg-1"),
    e.CallAnswered(at=_at(4.31), leg="leg-1"),
    e.StepEnded(at=_at(4.31), step=1, outcome="answered"),
    e.LegEnded(at=_at(4.32), leg="leg-2", outcome="answered_elsewhere", cause=26),
    e.Held(at=_at(20), party="leg-1"),
    e.Resumed(at=_at(31), party="leg-1"),
    e.TransferAsked(at=_at(40), by="leg-1", kind="blind", target="102", destination_type="user", destination="77"),
    e.NumberRefused(
        at=_at(40),
        number="+882137007",
        trunk="main",
        code="policy_region",
        detail="the policy names no numbers of this region",
        remedy="Name it in policy.regions, if it is to be dialled.",
    ),
    e.LegDialled(at=_at(40.1), leg="leg-3", endpoint="PJSIP/bob", contact="sip:bob@192.0.2.11", user="77"),
    e.LegAnswered(at=_at(43), leg="leg-3"),
    e.Transferred(at=_at(43.1), by="leg-1", leg="leg-3"),
    e.LegEnded(at=_at(43.2), leg="leg-1", outcome="answered", cause=16),
    e.LegEnded(at=_at(65.88), leg="leg-3", outcome="answered", cause=16),
    e.CallEnded(at=_at(65.887), by="caller", cause=16),
    e.ContactFound(
        at=_at(66),
        connector="hubspot",
        contact_id="512",
        number="+14155550177",
        name="Ben Miller",
        company="Miller Ltd",
        owner="77",
        url="https://crm.example.com/contacts/512",
        matched="e164",
    ),
    e.RecordingStored(
        at=_at(67),
        name=f"{CALL_ID}-recording-1",
        place=f"2026/11/21/{CALL_ID}-recording-1.wav",
        size=986_924,
        sha256=_FILE,
        media_type="audio/wav",
        seconds=61.6,
    ),
    e.VoicemailLeft(
        at=_at(67),
        mailbox="101@default",
        message_id="1795251660-00000000",
        seconds=12.4,
        recording=f"{CALL_ID}-voicemail",
        place=f"2026/11/21/{CALL_ID}-voicemail.wav",
        size=198_444,
        sha256=_FILE,
        media_type="audio/wav",
    ),
    e.RecordingFailed(
        at=_at(67),
        name=f"{CALL_ID}-recording-2",
        code="recording_unfetched",
        detail="Asterisk has no such recording any more",
        remedy="Look whether something else deletes files in /var/spool/asterisk/recording.",
    ),
)


def told_of_example() -> Mapping[NoticeType, tuple[datetime, Mapping[str, Any]]]:
    """Of each type that the call tells, the moment and the data: the first of several."""
    folded, telling = Folded(CallRecord(call_id=CALL_ID), Parts()), Telling()
    told: dict[NoticeType, tuple[datetime, Mapping[str, Any]]] = {}
    for seq, event in enumerate(_STORY, 1):
        now = Folded(after(folded.record, event), parts_after(folded.parts, event))
        telling, said = told_after(telling, seq, folded, event, now)
        parts = now.parts.rows
        shown = CallWithParts.of(now.record, parts).model_dump(mode="json")
        standing = Standing(record=now.record, parts=parts, shown=shown, seq=str(seq))
        for notice in notices_of([(event.at, each) for each in said], standing, "US"):
            told.setdefault(notice.type, (notice.at, notice.data))
        folded = now
    return told
