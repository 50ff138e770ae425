"""By which door a call came: whether the router dialled, or the dialplan."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; before it there was one door."""
    op.add_column("calls", sa.Column("door", sa.Text(), nullable=False, server_default="ari"))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("calls", "door")
