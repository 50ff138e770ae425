"""What runs of the phone book read: all that a CRM has, or what has changed since the run before."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; whatever was read so far was everything."""
    op.add_column("contact_syncs", sa.Column("is_full", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.add_column("contact_syncs", sa.Column("full_at", sa.DateTime()))
    op.add_column("contact_syncs", sa.Column("read_from", sa.JSON(), nullable=False, server_default="{}"))


def downgrade() -> None:
    """Drop the columns."""
    op.drop_column("contact_syncs", "read_from")
    op.drop_column("contact_syncs", "full_at")
    op.drop_column("contact_syncs", "is_full")
