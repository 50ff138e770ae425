"""A call as Aircall shows it: moments in seconds since 1970, the user who spoke, the outside number."""

import hashlib
from datetime import datetime
from typing import Literal, Self

from pydantic import BaseModel, Field

from agi_router.directory.users import User as DirectoryUser
from ari_app.domain.record import CallRecord, Direction

_BITS = 52
"""Numbers in JSON are exact up to here in most programs."""


class User(BaseModel):
    """A user of the directory."""

    id: int | str = Field(examples=[456], description="a number, where the directory's id is one")
    name: str = Field(examples=["Ada"])
    email: str | None = Field(examples=["ada@example.com"])


class Number(BaseModel):
    """The number of ours by which a call came, or which it showed."""

    id: int | None = Field(examples=[14155550100], description="its digits; null when it is not E.164")
    digits: str = Field(examples=["+14155550100"])


class Call(BaseModel):
    """A call that is over."""

    id: int = Field(ge=0, examples=[812], description="made of the call's id")
    direction: Literal["inbound", "outbound"]
    status: Literal["done"] = "done"
    started_at: int = Field(examples=[1763688600], description="seconds since 1970")
    answered_at: int | None
    ended_at: int | None
    duration: int = Field(ge=0, description="whole seconds, ringing included")
    raw_digits: str = Field(examples=["+12025550123"], description="the number outside, anonymous when it is withheld")
    user: User | None = Field(description="who spoke, or for whom the call was placed; null: nobody answered")
    number: Number

    @classmethod
    def of(cls, record: CallRecord, users: dict[str, DirectoryUser]) -> Self:
        """The record of a call; `users` by their ids."""
        is_inbound = record.direction is Direction.INBOUND
        outside, ours = record.caller_number, record.called_number
        if not is_inbound:
            outside, ours = ours, outside
        return cls(
            id=int.from_bytes(hashlib.sha256(record.call_id.encode()).digest()[:8]) >> (64 - _BITS),
            direction="inbound" if is_inbound else "outbound",
            started_at=_seconds(record.started_at) or 0,
            answered_at=_seconds(record.answered_at),
            ended_at=_seconds(record.ended_at),
            duration=max(0, int(record.total_s or 0)),
            raw_digits=outside or "anonymous",
            user=_user(record.agent, users.get(record.agent)) if record.agent else None,
            number=Number(id=number_id(ours), digits=ours),
        )


def user_id(own: str) -> int | str:
    """The directory's id as a number, if it is one and can be read back."""
    return int(own) if own.isascii() and own.isdigit() and str(int(own)) == own else own


def number_id(number: str) -> int | None:
    """The id of a number of ours: its digits."""
    digits = number.removeprefix("+")
    return int(digits) if number.startswith("+") and digits.isascii() and digits.isdigit() else None


def _user(own_id: str, user: DirectoryUser | None) -> User:
    if user is None:  # who has left the directory
        return User(id=user_id(own_id), name=own_id, email=None)
    return User(id=user_id(own_id), name=user.name or own_id, email=user.email)


def _seconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())
