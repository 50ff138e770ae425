"""Indexes over some rows of a table. Imported by migrations alone: SQLAlchemy loads a database's whole dialect for each
`..._where`, and a router needs that of its own database only.
"""

from typing import Any

from sqlalchemy import Column, ColumnElement, Index

from ari_app.storage.schema import api_keys, calls, crm_activities, recordings, webhook_deliveries


def _index(name: str, *columns: Column[Any], where: ColumnElement[bool], unique: bool = False) -> None:
    Index(name, *columns, unique=unique, sqlite_where=where, postgresql_where=where)


_index("ix_calls_outside", calls.c.destination, where=calls.c.destination_type == "external")
_index("ix_calls_unmasked", calls.c.first_event_at, calls.c.call_id, where=calls.c.masked_at.is_(None))
_index("ix_calls_open", calls.c.first_event_at, where=calls.c.ended_at.is_(None))
_index("ix_api_keys_living", api_keys.c.name, unique=True, where=api_keys.c.revoked_at.is_(None))
_index("ix_recordings_unfetched", recordings.c.state, where=recordings.c.state.in_(("running", "ended")))

_subscription, _state = webhook_deliveries.c.subscription_id, webhook_deliveries.c.state
_index(
    "ix_webhook_deliveries_pending",
    _subscription,
    webhook_deliveries.c.subject,
    webhook_deliveries.c.id,
    where=_state == "pending",
)
_index(
    "ix_webhook_deliveries_due",
    _subscription,
    webhook_deliveries.c.due_at,
    webhook_deliveries.c.id,
    where=_state == "pending",
)
_index("ix_webhook_deliveries_failed", _subscription, webhook_deliveries.c.id, where=_state == "failed")

_connector = crm_activities.c.connector
_is_due = crm_activities.c.due_at.is_not(None)
_index("ix_crm_activities_due", _connector, crm_activities.c.due_at, crm_activities.c.id, where=_is_due)
_is_left = crm_activities.c.state.not_in(("stopped", "dismissed"))
_index("ix_crm_activities_state", _connector, crm_activities.c.state, where=_is_left)
