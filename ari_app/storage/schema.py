"""The tables. A change here goes with a migration in `migrations/versions`; a test compares the two."""

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)
from sqlalchemy.engine import Dialect


class UtcDateTime(TypeDecorator[datetime]):
    """Aware datetimes in and out; UTC in the database, also where that knows no zones (SQLite)."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """The naive UTC moment that is stored; a naive value is refused, its zone would be a guess."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a time without a zone cannot be stored: {value.isoformat()}")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """The aware UTC moment."""
        return None if value is None else value.replace(tzinfo=UTC)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
    }
)

# One row per call: the fold of its events, column by column as in `CallRecord`.
calls = Table(
    "calls",
    metadata,
    Column("call_id", String(64), primary_key=True),
    # The log's order. `started_at` is empty for a call of which only a later part was seen.
    Column("first_event_at", UtcDateTime, nullable=False, index=True),
    Column("route", Text, nullable=False),
    Column("called_number", Text, nullable=False),
    Column("caller_number", Text, nullable=False, index=True),
    Column("caller_name", Text, nullable=False),
    Column("caller_withheld", Boolean, nullable=False),
    Column("channel_id", Text, nullable=False),
    Column("started_at", UtcDateTime, index=True),
    Column("answered_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Column("disposition", String(32), nullable=False, index=True),
    Column("destination_type", Text, nullable=False),
    Column("destination", Text, nullable=False),
    Column("step", Integer, nullable=False),
    Column("answered_by", Text, nullable=False),
    Column("agent", Text, nullable=False, server_default=""),
    Column("closed_by", Text, nullable=False, server_default=""),
    Column("door", Text, nullable=False, server_default="ari"),
    Column("error_code", Text, nullable=False),
    Column("ended_by", Text, nullable=False),
    Column("cause", Integer),
    Column("reason", Text, nullable=False),
    Column("recovered", Boolean, nullable=False),
    Column("direction", String(16), nullable=False, server_default="inbound"),
    Column("first", String(16), nullable=False, server_default=""),
    Column("campaign", Text, nullable=False, server_default=""),
    Column("key", Text, nullable=False, server_default=""),
    Column("legs", JSON, nullable=False),
)
Index("ix_calls_agent", calls.c.agent, calls.c.ended_at)
Index(
    "ix_calls_customer",
    calls.c.called_number,
    sqlite_where=calls.c.direction == "outbound",
    postgresql_where=calls.c.direction == "outbound",
)
Index(
    "ix_calls_open",
    calls.c.first_event_at,
    sqlite_where=calls.c.ended_at.is_(None),
    postgresql_where=calls.c.ended_at.is_(None),
)

# What happened, in order: `data` holds the fields of the event class named by `type`, except its moment.
call_events = Table(
    "call_events",
    metadata,
    Column("call_id", String(64), ForeignKey("calls.call_id", ondelete="CASCADE"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("type", String(64), nullable=False),
    Column("data", JSON, nullable=False),
)

# What the API last said for each caller: `name` is a keyed hash of the question, `answer` what it was understood as.
last_good_answers = Table(
    "last_good_answers",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("until", UtcDateTime, nullable=False, index=True),
    Column("answer", JSON, nullable=False),
)

# The newest refresh token of each configured one, encrypted by `agi_router.lookup.grants`: the key is not in here.
oauth_grants = Table(
    "oauth_grants",
    metadata,
    Column("grant_id", String(64), primary_key=True),
    Column("sealed", Text, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
)

# Calls to numbers outside, as the dial policy counts them: those of the last day, and those that have no end yet.
outgoing_calls = Table(
    "outgoing_calls",
    metadata,
    Column("id", String(128), primary_key=True),
    Column("number", Text, nullable=False),
    Column("route", Text, nullable=False),
    Column("api_key", Text, nullable=False),
    Column("is_counted", Boolean, nullable=False),
    Column("admitted_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("answered_at", UtcDateTime),
    Column("ended_at", UtcDateTime, index=True),
    Column("talk_s", Float),
)
