"""The tables, with those of their indexes that are over all rows. A change here goes with a migration in
`migrations/versions`; a test compares the two.
"""

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
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
    true,
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

# SQLite counts up only what is its own integer.
_SERIAL = BigInteger().with_variant(Integer, "sqlite")

# One row per call: the fold of its events, column by column as in `CallRecord`.
calls = Table(
    "calls",
    metadata,
    Column("call_id", String(64), primary_key=True),
    # The log's order. `started_at` is empty for a call of which only a later part was seen.
    Column("first_event_at", UtcDateTime, nullable=False),
    Column("route", Text, nullable=False),
    Column("called_number", Text, nullable=False, index=True),
    Column("caller_number", Text, nullable=False, index=True),
    Column("caller_name", Text, nullable=False),
    Column("caller_withheld", Boolean, nullable=False),
    Column("channel_id", Text, nullable=False),
    Column("started_at", UtcDateTime),
    Column("answered_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Column("disposition", String(32), nullable=False),
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
    # What CRMs know of the other side.
    Column("contacts", JSON, nullable=False, server_default="[]"),
    # Who told of the call: router, or Asterisk's own record (cel, cdr), which also knows its `linkedid`.
    Column("source", String(8), nullable=False, server_default="router"),
    Column("linkedid", Text, nullable=False, server_default="", index=True),
    # When its numbers were masked, for its age.
    Column("masked_at", UtcDateTime),
)
Index("ix_calls_agent", calls.c.agent, calls.c.ended_at)
# By its channel a call of the router's is found again in Asterisk's own record.
Index("ix_calls_channel_id", calls.c.channel_id)
# The history walks one of these in its order, whatever page is asked for.
Index("ix_calls_order", calls.c.first_event_at, calls.c.call_id)
Index("ix_calls_disposition_order", calls.c.disposition, calls.c.first_event_at, calls.c.call_id)

# What happened, in order: `data` holds the fields of the event class named by `type`, except its moment.
# `seq` is the order within the call, `position` that of all calls' events together: see `positions`.
call_events = Table(
    "call_events",
    metadata,
    Column("call_id", String(64), ForeignKey("calls.call_id", ondelete="CASCADE"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("type", String(64), nullable=False),
    Column("data", JSON, nullable=False),
    Column("position", BigInteger, nullable=False, server_default="0", index=True, unique=True),
)

# One row: the last position that was given, and the last one of the events that were deleted since for their age.
event_positions = Table(
    "event_positions",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("last", BigInteger, nullable=False),
    Column("gone", BigInteger, nullable=False),
)

# Who took part in a call, as in `ari_app.domain.parts.CallPart`; `part` counts from 1.
call_parts = Table(
    "call_parts",
    metadata,
    Column("call_id", String(64), ForeignKey("calls.call_id", ondelete="CASCADE"), primary_key=True),
    Column("part", Integer, primary_key=True),
    Column("kind", String(8), nullable=False),
    Column("name", Text, nullable=False),
    Column("began_at", UtcDateTime, nullable=False),
    Column("answered_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Column("outcome", String(32), nullable=False),
    Column("answered_by", Text, nullable=False),
    Column("direction", String(16), nullable=False),
)
_PART_ORDER = (call_parts.c.began_at, call_parts.c.call_id, call_parts.c.part)
Index("ix_call_parts_order", call_parts.c.kind, *_PART_ORDER)
Index("ix_call_parts_name_order", call_parts.c.kind, call_parts.c.name, *_PART_ORDER)

# When nobody heard of the PBX's calls. `ended_at` is empty while it goes on; `source` is the table, cel or cdr, from
# which it was `filled`.
history_gaps = Table(
    "history_gaps",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("began_at", UtcDateTime, nullable=False, index=True),
    Column("ended_at", UtcDateTime),
    Column("source", String(8), nullable=False),
    Column("filled", Boolean, nullable=False),
)

# When each of the ways by which calls are heard of was last known to be sound: the next gap begins then.
history_marks = Table(
    "history_marks",
    metadata,
    Column("name", String(16), primary_key=True),
    Column("at", UtcDateTime, nullable=False),
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

# What was given to connect each CRM of the configuration, encrypted: properties and tokens of OAuth.
crm_logins = Table(
    "crm_logins",
    metadata,
    Column("connector", String(64), primary_key=True),
    Column("sealed", Text, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
)

# The users of each CRM, as it listed them last: read and replaced as a whole.
crm_users = Table(
    "crm_users",
    metadata,
    Column("connector", String(64), primary_key=True),
    Column("read_at", UtcDateTime, nullable=False),
    Column("users", JSON, nullable=False),
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

# Who may use the REST API. Of a secret there is only the SHA-256; the one that was replaced is taken for a while.
api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(12), primary_key=True),
    Column("name", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("old_digest", String(64)),
    Column("old_until", UtcDateTime),
    Column("scopes", JSON, nullable=False),
    Column("networks", JSON, nullable=False),
    Column("requests_per_minute", Integer),
    Column("calls_per_second", Integer),
    Column("concurrent_calls", Integer),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
    Column("last_used_at", UtcDateTime),
)

# Requests that must be carried out once: `name` is a hash of who asks and his key, `fingerprint` one of the request.
reservations = Table(
    "reservations",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("call_id", String(64), nullable=False),
    Column("at", UtcDateTime, nullable=False, index=True),
)

# What others are told, in the order of its commits; `subject` is what is told in its order, `about` what filters see.
# Only what a subscription takes is in here.
notices = Table(
    "notices",
    metadata,
    Column("position", _SERIAL, primary_key=True, autoincrement=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("type", String(64), nullable=False),
    Column("at", UtcDateTime, nullable=False, index=True),
    Column("subject", Text, nullable=False),
    Column("call_id", String(64), nullable=False, index=True),
    Column("about", JSON, nullable=False),
    Column("data", JSON, nullable=False),
    sqlite_autoincrement=True,
)

# Receivers of webhooks. `sealed` holds secrets and headers, encrypted with the key that stands beside the database.
webhook_subscriptions = Table(
    "webhook_subscriptions",
    metadata,
    Column("id", String(24), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("url", Text, nullable=False),
    Column("template", Text, nullable=False),
    Column("wanted", JSON, nullable=False),
    Column("sealed", Text, nullable=False),
    Column("is_enabled", Boolean, nullable=False),
    Column("disabled_reason", Text, nullable=False),
    # The first attempt that failed since one was delivered.
    Column("failing_since", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
)

# One notice on its way to one receiver. Of each subject the lowest pending `id` is sent, by whoever has claimed it:
# to him it is due at once, to everybody else when the claim is over, which is what `due_at` then says.
webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("id", _SERIAL, primary_key=True, autoincrement=True),
    Column(
        "subscription_id",
        String(24),
        ForeignKey("webhook_subscriptions.id", ondelete="CASCADE"),
        nullable=False,
    ),
    Column("position", _SERIAL, ForeignKey("notices.position", ondelete="CASCADE"), nullable=False, index=True),
    Column("subject", Text, nullable=False),
    Column("state", String(12), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Column("claimed_by", String(64)),
    Column("finished_at", UtcDateTime),
    Column("is_replay", Boolean, nullable=False),
    sqlite_autoincrement=True,
)
Index("ix_webhook_deliveries_list", webhook_deliveries.c.subscription_id, webhook_deliveries.c.id)

# Every request to a receiver.
webhook_attempts = Table(
    "webhook_attempts",
    metadata,
    Column("delivery_id", _SERIAL, ForeignKey("webhook_deliveries.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", UtcDateTime, nullable=False),
    Column("url", Text, nullable=False),
    Column("elapsed_ms", Float, nullable=False),
    Column("status", Integer),
    Column("error", Text, nullable=False),
    Column("answer", Text, nullable=False),
)

# Recordings of calls and voicemail, as in `ari_app.domain.recordings`; their sound is in the store.
recordings = Table(
    "recordings",
    metadata,
    Column("id", String(128), primary_key=True),
    Column("call_id", String(64), nullable=False, index=True),
    Column("kind", String(12), nullable=False),
    Column("state", String(12), nullable=False),
    Column("started_at", UtcDateTime, nullable=False, index=True),
    Column("ended_at", UtcDateTime),
    Column("media_type", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("seconds", Float),
    Column("mailbox", Text, nullable=False),
    Column("reason", Text, nullable=False),
)

# Who was sent a recording.
recording_listenings = Table(
    "recording_listenings",
    metadata,
    Column("id", _SERIAL, primary_key=True, autoincrement=True),
    Column("recording_id", String(128), ForeignKey("recordings.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("at", UtcDateTime, nullable=False),
    Column("key", Text, nullable=False),
    Column("link", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("first_byte", BigInteger, nullable=False),
    Column("sent", BigInteger, nullable=False),
)

# Text messages of phones, as in `ari_app.domain.messages`.
messages = Table(
    "messages",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("at", UtcDateTime, nullable=False, index=True),
    Column("direction", String(12), nullable=False),
    Column("status", String(12), nullable=False),
    Column("sender", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("user", Text, nullable=False),
    Column("endpoint", Text, nullable=False),
    Column("contacts", JSON, nullable=False),
    Column("reason", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("masked_at", UtcDateTime),
)
Index("ix_messages_user", messages.c.user, messages.c.at)

# The phone book, as in `ari_app.domain.contacts.Contact`. `run` is the last one that has seen the contact, `made_by`
# the request that has created it here. SQLite reads the index of the order alone while it searches.
contacts = Table(
    "contacts",
    metadata,
    Column("position", _SERIAL, primary_key=True, autoincrement=True),
    Column("connector", Text, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("id", String(255), nullable=False),
    Column("name", Text, nullable=False),
    Column("company", Text, nullable=False),
    Column("company_id", Text, nullable=False),
    Column("job_title", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("phones", JSON, nullable=False),
    Column("owner", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("changed_at", UtcDateTime),
    Column("ordered_by", Text, nullable=False),
    Column("searched", Text, nullable=False),
    Column("run", BigInteger, nullable=False),
    Column("made_by", String(64), nullable=False),
)
# The id first: PostgreSQL reads all of a connector by another order, until it has statistics.
Index("ix_contacts_known", contacts.c.id, contacts.c.kind, contacts.c.connector, unique=True)
Index("ix_contacts_order", contacts.c.ordered_by, contacts.c.position, contacts.c.searched)

# Their phones in E.164.
contact_numbers = Table(
    "contact_numbers",
    metadata,
    Column("number", String(16), primary_key=True),
    Column(
        "position",
        _SERIAL,
        ForeignKey("contacts.position", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
        index=True,
    ),
)

# The last run that has synchronised each connector's contacts. `read_by` is how numbers were read for the copy.
contact_syncs = Table(
    "contact_syncs",
    metadata,
    Column("connector", Text, primary_key=True),
    Column("run", BigInteger, nullable=False),
    Column("state", String(12), nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Column("hook", Text, nullable=False),
    Column("page", Integer, nullable=False),
    Column("seen", Integer, nullable=False),
    Column("changed", Integer, nullable=False),
    Column("unusable", Integer, nullable=False),
    Column("deleted", Integer, nullable=False),
    Column("failure", JSON),
    Column("whole_at", UtcDateTime),
    Column("is_full", Boolean, nullable=False, server_default=true()),
    Column("full_at", UtcDateTime),
    Column("read_from", JSON, nullable=False, server_default="{}"),
    Column("read_by", Text, nullable=False),
)

# How often each form of a number was the one by which a CRM knew a contact.
crm_number_forms = Table(
    "crm_number_forms",
    metadata,
    Column("connector", String(64), primary_key=True),
    Column("form", String(32), primary_key=True),
    Column("matched", Integer, nullable=False),
    Column("matched_at", UtcDateTime, nullable=False),
)

# A call as a CRM has it, as in `ari_app.domain.activities`. `due_at` is empty while there is nothing to tell; whoever
# has claimed a row is due again when the claim is over. `reference` is the call's id as the CRM knows it.
crm_activities = Table(
    "crm_activities",
    metadata,
    Column("id", _SERIAL, primary_key=True, autoincrement=True),
    Column("connector", Text, nullable=False),
    Column("call_id", String(64), nullable=False, index=True),
    Column("reference", String(64), nullable=False),
    Column("state", String(12), nullable=False),
    Column("activity_id", Text, nullable=False),
    Column("told", JSON, nullable=False),
    Column("given", JSON, nullable=False),
    Column("doing", Text, nullable=False),
    Column("tried_at", UtcDateTime),
    Column("revision", Integer, nullable=False),
    Column("due_at", UtcDateTime),
    Column("attempts", Integer, nullable=False),
    Column("failing_since", UtcDateTime),
    Column("error", Text, nullable=False),
    Column("claimed_by", String(64)),
    Column("created_at", UtcDateTime, nullable=False),
    Column("url", Text, nullable=False, server_default=""),
    sqlite_autoincrement=True,
)
Index("ix_crm_activities_call", crm_activities.c.connector, crm_activities.c.call_id, unique=True)
