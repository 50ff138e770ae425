"""A text message as others get it: from the REST API, by command, and as a notice in webhooks."""

import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from agi_router.routing.numbers import normalise
from ari_app.domain.messages import MessageStatus, TextMessage
from ari_app.domain.notices import About, Notice, NoticeType

_USER_PART: Final = re.compile(r"(?:sips?:)?([^@;]*)")

_NOTICES: Final[Mapping[MessageStatus, NoticeType]] = {
    MessageStatus.RECEIVED: NoticeType.MESSAGE_RECEIVED,
    MessageStatus.SENT: NoticeType.MESSAGE_SENT,
    MessageStatus.FAILED: NoticeType.MESSAGE_FAILED,
}


def message_as_json(message: TextMessage) -> dict[str, Any]:
    """All of it; the moment in ISO 8601."""
    return {
        "id": message.id,
        "at": message.at.isoformat().replace("+00:00", "Z"),
        "direction": message.direction.value,
        "status": message.status.value,
        "from": message.sender,
        "to": message.recipient,
        "text": message.text,
        "user": message.user,
        "endpoint": message.endpoint,
        "contacts": [asdict(each) for each in message.contacts],
        "reason": message.reason,
        "key": message.key,
    }


def notice_of(message: TextMessage, region: str) -> Notice:
    """What others are told of it. The messages of one user, or phone, are told in their order."""
    numbers = (_number(each, region) for each in (message.sender, message.recipient))
    return Notice(
        id=message.id,
        type=_NOTICES[message.status],
        at=message.at,
        subject=f"messages/{message.user or message.endpoint}",
        data={"message": message_as_json(message)},
        about=About(
            users=frozenset({message.user} - {""}),
            numbers=frozenset(number for number in numbers if number),
            direction=message.direction.value,
        ),
    )


def _number(address: str, region: str) -> str | None:
    """In E.164, where a number stands in a SIP address or alone."""
    user_part = _USER_PART.match(address)
    return normalise(user_part[1], region) if user_part else None
