"""Indexes in which the history is walked page by page: each ends in what tells two calls of one moment apart."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_OUTSIDE = sa.text("destination_type = 'external'")
_OUTBOUND = sa.text("direction = 'outbound'")
_PART_ORDER = ["began_at", "call_id", "part"]


def upgrade() -> None:
    """Replace those that only found calls."""
    for column in ("first_event_at", "started_at", "disposition"):
        op.drop_index(f"ix_calls_{column}", "calls")
    op.drop_index("ix_calls_customer", "calls")
    op.create_index("ix_calls_order", "calls", ["first_event_at", "call_id"])
    op.create_index("ix_calls_disposition_order", "calls", ["disposition", "first_event_at", "call_id"])
    op.create_index("ix_calls_called_number", "calls", ["called_number"])
    op.create_index("ix_calls_outside", "calls", ["destination"], sqlite_where=_OUTSIDE, postgresql_where=_OUTSIDE)
    op.drop_index("ix_call_parts_name", "call_parts")
    op.drop_index("ix_call_parts_began_at", "call_parts")
    op.create_index("ix_call_parts_order", "call_parts", ["kind", *_PART_ORDER])
    op.create_index("ix_call_parts_name_order", "call_parts", ["kind", "name", *_PART_ORDER])


def downgrade() -> None:
    """Put the old ones back."""
    op.drop_index("ix_call_parts_name_order", "call_parts")
    op.drop_index("ix_call_parts_order", "call_parts")
    op.create_index("ix_call_parts_began_at", "call_parts", ["began_at"])
    op.create_index("ix_call_parts_name", "call_parts", ["kind", "name", "began_at"])
    for index in ("order", "disposition_order", "called_number", "outside"):
        op.drop_index(f"ix_calls_{index}", "calls")
    op.create_index("ix_calls_customer", "calls", ["called_number"], sqlite_where=_OUTBOUND, postgresql_where=_OUTBOUND)
    for column in ("first_event_at", "started_at", "disposition"):
        op.create_index(f"ix_calls_{column}", "calls", [column])
