"""The users that CRMs list."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "crm_users",
        sa.Column("connector", sa.String(64), nullable=False),
        sa.Column("read_at", sa.DateTime(), nullable=False),
        sa.Column("users", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("connector", name="pk_crm_users"),
    )


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("crm_users")
