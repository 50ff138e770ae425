"""Calls that somebody asked for: their direction, which side was rung first, the campaign, and who asked."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.add_column("calls", sa.Column("direction", sa.String(16), nullable=False, server_default="inbound"))
    op.add_column("calls", sa.Column("first", sa.String(16), nullable=False, server_default=""))
    op.add_column("calls", sa.Column("campaign", sa.Text(), nullable=False, server_default=""))
    op.add_column("calls", sa.Column("key", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    """Drop the columns."""
    for column in ("key", "campaign", "first", "direction"):
        op.drop_column("calls", column)
