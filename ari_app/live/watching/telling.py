"""A notice of something that is no call."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from ari_app.domain.notices import About, Notice, NoticeType

ROUTER: Final = "router"
"""The subject of what concerns the router as a whole."""


def now() -> datetime:
    """The moment, in UTC."""
    return datetime.now(UTC)


def notice(
    kind: NoticeType, subject: str, data: Mapping[str, Any], *, at: datetime | None = None, about: About | None = None
) -> Notice:
    """With an id of its own; it happened `at`, or just now."""
    return Notice(id=uuid4().hex, type=kind, at=at or now(), subject=subject, data=data, about=about or About())
