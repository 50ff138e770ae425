"""Customers whom agents have called, by their numbers: whoever calls back is put through to his last agent."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_OUTBOUND = sa.text("direction = 'outbound'")


def upgrade() -> None:
    """Add the index."""
    op.create_index("ix_calls_customer", "calls", ["called_number"], sqlite_where=_OUTBOUND, postgresql_where=_OUTBOUND)


def downgrade() -> None:
    """Drop the index."""
    op.drop_index("ix_calls_customer", "calls")
