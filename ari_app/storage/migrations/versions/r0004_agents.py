"""Which user answered a call: his id, beside the endpoint that won."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of calls before it nobody is known."""
    op.add_column("calls", sa.Column("agent", sa.Text(), nullable=False, server_default=""))
    op.create_index("ix_calls_agent", "calls", ["agent", "ended_at"])


def downgrade() -> None:
    """Drop the column."""
    op.drop_index("ix_calls_agent", "calls")
    op.drop_column("calls", "agent")
