"""The rows of VoIPline's answers: a user's, a queue's or a ring group's part of a call that is over."""

from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, Field

from ari_app.domain.history import PartEntry
from ari_app.domain.part_rows import Named, PartRow
from ari_app.live.directory_names import Names

NOBODY: Final = (None, None)

CallType = Literal["user_inbound_answered", "user_inbound_missed", "user_outbound_answered", "user_outbound_missed"]
CallId = Annotated[str, Field(description="digits", examples=["20261121012233175072196917162"])]
Moment = Annotated[str, Field(description="UTC, with milliseconds and Z", examples=["2019-06-18T14:58:39.000Z"])]
Seconds = Annotated[int, Field(ge=0, examples=[5])]


class UserRow(BaseModel):
    """A user who was rung in a call, or for whom it was placed."""

    unique_call_id: CallId
    type: CallType
    caller_id: str | None = Field(examples=["+14155550177"], description="null: withheld, or not known")
    caller_name: str | None = Field(examples=["Grace Hopper"])
    dest_number: str = Field(examples=["+14155550100"])
    user_name: str = Field(examples=["Ada"])
    user_number: str = Field(examples=["101"], description="his extension; his id when he has none")
    call_start_at: Moment = Field(description="when he was rung first")
    connected_at: Moment | None
    call_duration: Seconds = Field(description="ringing and talk together")
    conversation_duration: Seconds

    @classmethod
    def of(cls, entry: PartEntry, names: Names) -> Self:
        """The row of this user's part."""
        row, user = PartRow.of(entry, names), names.user(entry.part.name)
        return cls.model_validate(
            {
                **_shared(row),
                "type": f"user_{row.direction}_{'answered' if row.is_answered else 'missed'}",
                "caller_id": row.caller_number,
                "user_name": user.name,
                "user_number": user.number,
            }
        )


class _GroupRow(BaseModel):
    unique_call_id: CallId
    status: Literal["answered", "abandoned"]
    callerid: str | None = Field(examples=["+14155550177"])
    caller_name: str | None
    dest_number: str = Field(examples=["+14155550100"])
    user_name: str | None = Field(examples=["Ada"], description="who answered")
    user_number: str | None = Field(examples=["101"])
    call_start_at: Moment = Field(description="when the caller began to wait for this group")
    connected_at: Moment | None
    call_duration: Seconds = Field(description="waiting and talk together")
    conversation_duration: Seconds


class QueueRow(_GroupRow):
    """A queue in which a caller waited."""

    queue_name: str = Field(examples=["support-queue"])

    @classmethod
    def of(cls, entry: PartEntry, names: Names) -> Self:
        """The row of this queue's part."""
        row = PartRow.of(entry, names)
        return cls.model_validate({**_of_group(row), "queue_name": row.group})


class RingGroupRow(_GroupRow):
    """A ring group (a team) that was rung for a caller."""

    ring_group_name: str = Field(examples=["Sales"])

    @classmethod
    def of(cls, entry: PartEntry, names: Names) -> Self:
        """The row of this team's part."""
        row = PartRow.of(entry, names)
        return cls.model_validate({**_of_group(row), "ring_group_name": row.group})


def _of_group(row: PartRow) -> dict[str, object]:
    who: Named | tuple[None, None] = row.user or NOBODY
    return {
        **_shared(row),
        "status": "answered" if row.is_answered else "abandoned",
        "callerid": row.caller_number,
        "user_name": who[0],
        "user_number": who[1],
    }


def _shared(row: PartRow) -> dict[str, object]:
    return {
        "unique_call_id": row.unique_call_id,
        "caller_name": row.caller_name,
        "dest_number": row.called_number,
        "call_start_at": row.began_at,
        "connected_at": row.answered_at,
        "call_duration": row.duration_s,
        "conversation_duration": row.talk_s,
    }
