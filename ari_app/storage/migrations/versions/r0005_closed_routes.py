"""Whose business hours were over when a call came."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; before it every route was open at all times."""
    op.add_column("calls", sa.Column("closed_by", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("calls", "closed_by")
